"""Client secrets: addPassword and removePassword.

https://learn.microsoft.com/graph/api/application-addpassword
"""

from __future__ import annotations

from sandbox.clock import as_seconds, as_text
from sandbox.directory import new_password
from sandbox.graph import validation, views
from sandbox.graph.access import WRITE_APPLICATIONS
from sandbox.graph.errors import GraphError, bad_request, invalid_property
from sandbox.graph.lookup import get_own
from sandbox.graph.routing import GUID, Answer, GraphCall, Router
from sandbox.model import Application, JsonObject

router = Router()
DEFAULT_LIFETIME_SECONDS = 2 * 365 * 86400
# Not documented as a number: Graph limits the size of the object.
MOST_SECRETS = 900


def add(call: GraphCall, application: Application, wanted: JsonObject) -> JsonObject:
    """Add a secret. Only this answer has its value."""
    clock = call.world.clock
    start = as_seconds(wanted["startDateTime"]) if wanted.get("startDateTime") else clock.now()
    end = as_seconds(wanted["endDateTime"]) if wanted.get("endDateTime") else start + DEFAULT_LIFETIME_SECONDS
    if end <= start or end <= clock.now():
        raise bad_request("The end date of the credential must be later than its start date and must not have passed.")
    _check_policy(call, application, end - start)
    if len(application.passwords) >= MOST_SECRETS:
        raise bad_request(
            "The size of the object has exceeded its limit. Please reduce the number of values and retry your request."
        )
    password = new_password(wanted.get("displayName"), as_text(start), as_text(end), clock.now())
    application.passwords.append(password)
    return {**views.password(password), "secretText": password.secret}


def _check_policy(call: GraphCall, application: Application, seconds: float) -> None:
    """https://learn.microsoft.com/graph/api/resources/applicationauthenticationmethodpolicy"""
    policy = call.tenant.secret_policy
    is_excluded = call.caller.user is not None and call.caller.user.id in policy.excluded_users
    # Graph has no date for the oldest applications.
    applies = bool(application.created) and as_seconds(application.created) > as_seconds(policy.created_after)
    if policy.secrets_forbidden and applies and not is_excluded:
        raise GraphError(
            400,
            "CredentialTypeNotAllowedAsPerAppPolicy",
            "Credential type is not allowed as per assigned policy 'Default app management tenant policy'.",
        )
    caps = [policy.max_lifetime_days if applies else None, policy.max_lifetime_days_of_single_applications]
    # Allow for the time between the client's calculation and this one.
    if any(days is not None and seconds > days * 86400 + 60 for days in caps):
        raise GraphError(
            400,
            "CredentialInvalidLifetimeAsPerAppPolicy",
            "Credential lifetime exceeds the max value allowed as per assigned policy 'Default app management tenant"
            " policy'.",
        )


def _only(call: GraphCall, *names: str) -> None:
    for name in call.body:
        if name not in names:
            raise invalid_property(name)


@router.on("POST", "applications/{key}/addPassword", WRITE_APPLICATIONS)
def add_password(call: GraphCall) -> Answer:
    _only(call, "passwordCredential")
    wanted = call.body.get("passwordCredential")
    if wanted is not None and not isinstance(wanted, dict):
        raise invalid_property("passwordCredential")
    clean = validation.body("passwordCredential", wanted or {})
    added = add(call, get_own(call), clean)
    return Answer(200, {"@odata.context": call.context("microsoft.graph.passwordCredential"), **added})


@router.on("POST", "applications/{key}/removePassword", WRITE_APPLICATIONS)
def remove_password(call: GraphCall) -> Answer:
    _only(call, "keyId")
    key_id = str(call.body.get("keyId", ""))
    if not GUID.fullmatch(key_id):
        raise bad_request("Invalid value specified for property 'keyId'.")
    application = get_own(call)
    left = [p for p in application.passwords if p.key_id.lower() != key_id.lower()]
    if len(left) == len(application.passwords):
        raise bad_request(f"No password credential found with keyId '{key_id}'.")
    application.passwords = left
    return Answer(204)
