"""What a fault left behind: operations or their work lost, applications and secrets that nobody knows, things made twice."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any, Self

from tests.chaos import promises
from tests.chaos.environment import Environment

OURS = "syncportal"


@dataclass
class Verdict:
    """One row of the table."""

    fault: str
    tried: int
    lost: int = 0
    applications_orphaned: int = 0
    secrets_orphaned: int = 0
    duplicated: int = 0
    states: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing was lost, orphaned or made twice."""
        return not (self.lost or self.applications_orphaned or self.secrets_orphaned or self.duplicated)

    def did_not_happen(self, what: Iterable[Any]) -> None:
        """Not a fault of the product: the table would say that something was tried which was not."""
        missed = [f"did not happen: {each}" for each in what]
        self.lost += len(missed)
        self.details += missed

    def as_json(self) -> dict[str, Any]:
        """For another process."""
        return {**vars(self), "states": dict(self.states)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """As it was in the process that judged."""
        return cls(**{**values, "states": Counter(values["states"])})

    def row(self) -> str:
        """The row, as Markdown."""
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        counts = (self.tried, self.lost, self.applications_orphaned, self.secrets_orphaned, self.duplicated)
        return f"| {self.fault} | {' | '.join(str(count) for count in counts)} | {ended} |"


HEAD = (
    "| fault | times tried | operations lost | applications orphaned | secrets orphaned | duplicates | final state |\n"
    "|---|---|---|---|---|---|---|"
)


def judge(
    environment: Environment, fault: str, operations: list[str], expected: Collection[str] = ("succeeded",)
) -> Verdict:
    """Compare what the product knows with what the sandbox holds, both ways.

    An operation is lost where it has not come to an expected end, or succeeded and what it promised is not there. Everything
    in Entra counts, not only its own, and is already_reported on the row after which it is first seen.
    """
    verdict = Verdict(fault, len(operations))
    for pk, (status, message) in environment.states(operations).items():
        verdict.states[status] += 1
        if status not in expected:
            verdict.lost += 1
            verdict.details.append(f"{pk} is {status}: {message}")
    verdict.lost += len(operations) - sum(verdict.states.values())
    world, known = environment.sandbox("world"), _known(environment)
    for promise in promises.of(environment, operations):
        missing = promises.missing(promise, world)
        verdict.lost += bool(missing)
        verdict.details += [f"{promise.operation} succeeded: {each}" for each in missing]
    applications = [each for tenant in world["tenants"].values() for each in tenant["applications"].values()]
    for application in applications:
        if any(mark.startswith(OURS) for mark in _marks(application)):
            _judge_application(verdict, application, known, environment.already_reported)
    _judge_twins(verdict, applications, known, environment.already_reported)
    return verdict


def _known(environment: Environment) -> dict[str, set[str]]:
    """By application id: the key ids of the secrets that the product holds for it."""
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


def _judge_application(
    verdict: Verdict, application: dict[str, Any], known: dict[str, set[str]], already_reported: set[str]
) -> None:
    app_id, name = application["app_id"], _name(application)
    if app_id not in known:
        if app_id not in already_reported:
            verdict.applications_orphaned += 1
            verdict.details.append(f"application {name} has no row")
        already_reported.add(app_id)
        return
    keys = [str(password["key_id"]) for password in application["passwords"]]
    strangers = [key for key in keys if key not in known[app_id] and key not in already_reported]
    already_reported.update(strangers)
    verdict.secrets_orphaned += len(strangers)
    surplus = max(0, len([key for key in keys if key not in already_reported]) - 1)
    verdict.duplicated += surplus
    if strangers:
        verdict.details.append(f"application {name} has secrets that nobody holds: {strangers}")
    if surplus:
        verdict.details.append(f"application {name} has more than one live secret of ours")


def _judge_twins(
    verdict: Verdict, applications: list[dict[str, Any]], known: dict[str, set[str]], already_reported: set[str]
) -> None:
    """Two applications of one thing: that of a row is the first, and each other one is made twice, by whatever it is known."""
    by_mark: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for application in applications:
        for mark in _marks(application):
            by_mark[mark].append(application)
    for mark, bearers in by_mark.items():
        for twin in sorted(bearers, key=lambda each: each["app_id"] not in known)[1:]:
            twice = f"twice: {twin['id']}"
            if twice not in already_reported:
                verdict.duplicated += 1
                verdict.details.append(f"application {_name(twin)} is there twice, by {mark}")
            already_reported.add(twice)


def _marks(application: dict[str, Any]) -> list[str]:
    """What no two applications may have in common: unique name, tag of ours, redirect URI."""
    properties = application["properties"]
    web, name = properties.get("web") or {}, str(properties.get("uniqueName") or "")
    tags = [str(tag) for tag in properties.get("tags") or [] if str(tag).startswith(f"{OURS}-")]
    return list(dict.fromkeys([*filter(None, [name]), *tags, *(web.get("redirectUris") or [])]))


def _name(application: dict[str, Any]) -> str:
    return str(application["properties"].get("uniqueName") or f"{application['app_id']} without a unique name")
