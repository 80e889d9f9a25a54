"""The sign-ins and setups of one invitation, newest first, for staff and for support. It contains no secret."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils import timezone
from django.utils.safestring import SafeString

from onboarding.error_catalogue import ERRORS
from onboarding.models import Connection, Invitation, SignIn
from registrations import admin_html, states
from registrations.admin import operation_progress
from registrations.models import Operation

SHOWN = 50
PURPOSES = {SignIn.Purpose.IDENTIFY: "First sign-in", SignIn.Purpose.AUTHORISE: "Consent"}


@dataclass(frozen=True)
class Attempt:
    """One line: what, when, the outcome, and the codes that Microsoft's support needs."""

    what: str
    started_at: datetime
    ended_at: datetime | None
    state: str
    word: str
    reason: str
    code: str
    correlation_id: str

    @property
    def badge(self) -> SafeString:
        """The outcome as icon, word and colour."""
        return admin_html.badge(self.state, self.word)

    @property
    def plain(self) -> str:
        """The same as one line of text for support."""
        ended = f" to {_exact(self.ended_at)}" if self.ended_at else ""
        parts = [f"{_exact(self.started_at)}{ended}", self.what, self.word, self.reason]
        parts += [f"code {self.code}"] if self.code else []
        parts += [f"correlation ID {self.correlation_id}"] if self.correlation_id else []
        return " | ".join(part for part in parts if part)


def of(invitation: Invitation, connection: Connection | None) -> list[Attempt]:
    """The newest attempts of an invitation: two queries, however many there are."""
    unused_offer = Q(is_offer=True, redeemed_at=None)
    tried = SignIn.objects.filter(~unused_offer, invitation=invitation)[:SHOWN]
    sign_ins = [_sign_in(sign_in) for sign_in in tried]
    operations = states.operations(Operation.objects.of_subject(connection))[:SHOWN] if connection else []
    attempts = sign_ins + [_setup(operation) for operation in operations]
    return sorted(attempts, key=lambda attempt: attempt.started_at, reverse=True)[:SHOWN]


def for_support(invitation: Invitation, attempts: list[Attempt]) -> str:
    """Plain text for an email: the invitation, then each attempt. It contains neither link nor secret."""
    service = invitation.service
    head = [
        f"Invitation {invitation.pk} of {service}",
        f"Host {service.instance.host}, tenant {invitation.tenant_id}",
        f"As of {_exact(timezone.now())}",
    ]
    return "\n".join([*head, *(attempt.plain for attempt in attempts)])


def _sign_in(sign_in: SignIn) -> Attempt:
    refusal = ERRORS.get(sign_in.refusal)
    state, word = "running", "In progress"
    if sign_in.retry_at:
        word = "Waiting for Microsoft"
    if sign_in.outcome == SignIn.Outcome.SUCCEEDED:
        state, word = "succeeded", "Succeeded"
    elif sign_in.outcome == SignIn.Outcome.REFUSED:
        state, word = "failed", "Refused"
    elif sign_in.expires_at <= timezone.now():
        state, word = "cancelled", "Not completed"
    return Attempt(
        what=f"{PURPOSES[SignIn.Purpose(sign_in.purpose)]}, {sign_in.get_way_display().lower()}",
        started_at=sign_in.created_at,
        ended_at=sign_in.redeemed_at,
        state=state,
        word=word,
        reason=" ".join(
            filter(None, [refusal.title if refusal else sign_in.refusal, _quoted(sign_in.microsoft_words)])
        ),
        code=sign_in.microsoft_code,
        correlation_id=sign_in.correlation_id,
    )


def _quoted(words: str) -> str:
    return f"Microsoft: “{words}”" if words else ""


def _setup(operation: Any) -> Attempt:
    current = operation.current_step
    return Attempt(
        what=operation_progress.title_of(operation),
        started_at=operation.created_at,
        ended_at=operation.ended_at,
        state=operation.state,
        word=states.OperationState(operation.state).label,
        reason=operation.message,
        code=operation.error_code,
        correlation_id=current.correlation_id if current else "",
    )


def _exact(instant: datetime) -> str:
    return f"{instant:%Y-%m-%d %H:%M:%S} UTC"
