"""What holders of a link, or nobody in particular, may cause: how many forms they may send, and what the history keeps.

A form that is over a limit gets a page with the time to wait. The history keeps acts: of what strangers can repeat at will
it keeps the first few of a day, and the number of the rest (docs/threat-model.md lists them all).
"""

from datetime import timedelta

from django.db import models

from onboarding.errors import RefusedError
from onboarding.models import Invitation, SignIn
from registrations import audit, request_limits
from registrations.models import UmpInstance
from registrations.request_limits import Limit

AN_HOUR, A_DAY = timedelta(hours=1), timedelta(days=1)
FORMS_BY_LINK = Limit("forms by link", 60, AN_HOUR)
FORMS_BY_SESSION = Limit("forms by session", 120, AN_HOUR)
FORMS_BY_BROWSER = Limit("forms by browser", 30, AN_HOUR)
FORMS_BY_NETWORK = Limit("forms by network", 300, AN_HOUR)  # a provider may connect its customers from one office
CHECKS_BY_LINK = Limit("checks of values by link", 30, A_DAY)
ENTRIES_BY_LINK = Limit("entries by link", 50, A_DAY)
ENTRIES_BY_STEP = Limit("entries by step", 50, A_DAY)
ENTRIES_BY_REPLAY = Limit("entries by replay", 1, A_DAY)
ENTRIES_WITHOUT_SESSION = Limit("entries without session", 1, A_DAY)
ENTRIES_OF_NO_ACT = Limit("forms that no page sends", 1, A_DAY)
FORMS_COUNTED, ENTRIES_COUNTED = "invitation.forms_counted", "invitation.entries_counted"
WITHOUT_SESSION_COUNTED = "instance.forms_counted"


def limit_forms(invitation: Invitation, *, person: str, browser: str, address: str | None) -> None:
    """Count one form. Raises RefusedError, with the time to wait, if the link, the browser or the network sent too many.

    The link comes first: only what a link allows makes counters for browsers and networks, so their number is bounded too.
    The forms of a signed-in person, `person` is their object ID, count for this person alone: no other holder of the
    link, nor another administrator, can use them up.
    """
    if person:
        _require(FORMS_BY_SESSION, f"{invitation.pk} {person}", invitation)
        return
    counted = [(FORMS_BY_LINK, str(invitation.pk))]
    if browser:
        counted.append((FORMS_BY_BROWSER, browser))
    network = request_limits.network_of(address)
    if network:
        counted.append((FORMS_BY_NETWORK, network))
    for limit, key in counted:
        _require(limit, key, invitation)


def refusal_of_check(invitation: Invitation) -> RefusedError | None:
    """Count one check of entered values. The refusal if the link had too many in a day; not raised, so that it is counted
    in the transaction that starts the check.
    """
    return _refusal(CHECKS_BY_LINK, str(invitation.pk), invitation)


def may_record(invitation: Invitation, purpose: str = "") -> bool:
    """Whether the history takes one more entry of a stranger about this invitation today. It counts the rest.

    Entries of the second step need the session of the first one, and have a number of their own.
    """
    behind_session = purpose == SignIn.Purpose.AUTHORISE
    limit = ENTRIES_BY_STEP if behind_session else ENTRIES_BY_LINK
    return _may_record(limit, str(invitation.pk), ENTRIES_COUNTED, invitation)


def count_no_act(invitation: Invitation) -> None:
    """Count a form that no person sends with our pages: nothing is recorded but their number, from the second of a day on."""
    _may_record(ENTRIES_OF_NO_ACT, str(invitation.pk), ENTRIES_COUNTED, invitation)


def may_record_replay(sign_in: SignIn) -> bool:
    """The same for an answer of Microsoft that comes again, or too late: once for each sign-in."""
    return _may_record(ENTRIES_BY_REPLAY, str(sign_in.pk), ENTRIES_COUNTED, sign_in.invitation) and may_record(
        sign_in.invitation, sign_in.purpose
    )


def may_record_without_session(instance: UmpInstance) -> bool:
    """The same for forms without a session: nobody knows whose they are, so the first of a day stands for all."""
    return _may_record(ENTRIES_WITHOUT_SESSION, str(instance.pk), WITHOUT_SESSION_COUNTED, instance)


def _may_record(limit: Limit, key: str, action: str, subject: models.Model) -> bool:
    return request_limits.take(limit, key, action=action, subject=subject) is None


def _require(limit: Limit, key: str, invitation: Invitation) -> None:
    refused = _refusal(limit, key, invitation)
    if refused:
        raise refused


def _refusal(limit: Limit, key: str, invitation: Invitation) -> RefusedError | None:
    wait = request_limits.take(limit, key, action=FORMS_COUNTED, subject=audit.Subject.of(invitation))
    if wait is None:
        return None
    refused = RefusedError("too_many_requests", facts=_in_words(wait), customer=invitation.service.customer.name)
    refused.retry_after, refused.recorded = wait, True  # the counter is all that is written
    return refused


def _in_words(wait: timedelta) -> str:
    minutes = int(wait.total_seconds() // 60) + 1
    if minutes > 120:
        return f"{minutes // 60 + 1} hours"
    return f"{minutes} minutes" if minutes > 1 else "one minute"
