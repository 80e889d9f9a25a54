"""Checks what a fault left behind: lost operations or work, orphaned applications and secrets, and duplicates."""

from collections import defaultdict
from collections.abc import Collection
from typing import Any

from tests.chaos import invariants
from tests.chaos.environment import Environment
from tests.chaos.results import Result

OURS = "syncportal"


def check(
    environment: Environment, fault: str, operations: list[str], expected: Collection[str] = ("succeeded",)
) -> Result:
    """Compare the product's rows with the sandbox's content, in both directions.

    An operation is lost where it did not end as expected, or succeeded without all that an operation of its kind must have
    made. All of Entra is checked, not only what these operations made; each leftover counts once, in the row that finds it.
    """
    result = Result(fault, len(operations))
    for pk, (status, message) in environment.states(operations).items():
        result.states[status] += 1
        if status not in expected:
            result.lost += 1
            result.details.append(f"{pk} is {status}: {message}")
    result.lost += len(operations) - sum(result.states.values())
    world, known = environment.sandbox("world"), _known(environment)
    for expectation in invariants.expectations(environment, operations):
        missing = invariants.violations(expectation, world)
        result.lost += bool(missing)
        result.details += [f"{expectation.operation} succeeded: {each}" for each in missing]
    applications = [each for tenant in world["tenants"].values() for each in tenant["applications"].values()]
    for application in applications:
        if any(each.startswith(OURS) for each in _identifiers(application)):
            _check_secrets_of(result, application, known, environment.already_reported)
    _check_duplicates(result, applications, known, environment.already_reported)
    return result


def _known(environment: Environment) -> dict[str, set[str]]:
    """Key ids of the secrets that the product holds, by application id."""
    known: dict[str, set[str]] = {}
    statement = (
        "SELECT r.app_id, s.key_id, s.status FROM registrations_appregistration r "
        "LEFT JOIN registrations_clientsecret s ON s.registration_id = r.id"
    )
    for app_id, key_id, status in environment.query(statement):
        keys = known.setdefault(app_id, set())
        if status in ("stored", "proven", "delivered"):
            keys.add(key_id)
    return known


def _check_secrets_of(
    result: Result, application: dict[str, Any], known: dict[str, set[str]], already_reported: set[str]
) -> None:
    app_id, name = application["app_id"], _name(application)
    if app_id not in known:
        if app_id not in already_reported:
            result.applications_orphaned += 1
            result.details.append(f"application {name} has no row")
        already_reported.add(app_id)
        return
    keys = [str(password["key_id"]) for password in application["passwords"]]
    unknown = [key for key in keys if key not in known[app_id] and key not in already_reported]
    already_reported.update(unknown)
    result.secrets_orphaned += len(unknown)
    surplus = max(0, len([key for key in keys if key not in already_reported]) - 1)
    result.duplicated += surplus
    if unknown:
        result.details.append(f"application {name} has secrets without a row: {unknown}")
    if surplus:
        result.details.append(f"application {name} has more than one live secret of ours")


def _check_duplicates(
    result: Result, applications: list[dict[str, Any]], known: dict[str, set[str]], already_reported: set[str]
) -> None:
    """Applications that share an identifier: all but one are duplicates, and the one with a row is not."""
    by_identifier: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for application in applications:
        for identifier in _identifiers(application):
            by_identifier[identifier].append(application)
    for identifier, sharing in by_identifier.items():
        for duplicate in sorted(sharing, key=lambda each: each["app_id"] not in known)[1:]:
            key = f"duplicate: {duplicate['id']}"
            if key not in already_reported:
                result.duplicated += 1
                result.details.append(f"application {_name(duplicate)} exists twice, by {identifier}")
            already_reported.add(key)


def _identifiers(application: dict[str, Any]) -> list[str]:
    """What no two applications may share: unique name, a tag of ours, redirect URI."""
    properties = application["properties"]
    web, name = properties.get("web") or {}, str(properties.get("uniqueName") or "")
    tags = [str(tag) for tag in properties.get("tags") or [] if str(tag).startswith(f"{OURS}-")]
    return list(dict.fromkeys([*filter(None, [name]), *tags, *(web.get("redirectUris") or [])]))


def _name(application: dict[str, Any]) -> str:
    return str(application["properties"].get("uniqueName") or f"{application['app_id']} without a unique name")
