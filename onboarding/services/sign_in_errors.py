"""Microsoft's errors at a sign-in as the wizard's refusals."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from onboarding.errors import RefusedError
from onboarding.explanations import Explanation, explain
from onboarding.explanations.advice import APPROVAL_WORKFLOW_TOKEN
from onboarding.models import ConnectionMethod
from registrations.clients.entra import ClockSkewError, EntraRefusedError
from registrations.errors import NotYetError, PortalError, RemoteRejectedError

DECLINED = "AADSTS65004"
DECLINED_BARE = frozenset({"access_denied", "permission_denied"})  # the second: the older admin consent page
CANCELLED = re.compile(r"cancel|declin|(?:user|admin\w*|owner) (?:has )?denied|denied access", re.IGNORECASE)
APPROVAL_NEEDED = frozenset({"AADSTS90093", "AADSTS90094", "AADSTS90095"})
APPROVAL_WORKFLOW = "AADSTS90095"
CORRELATION_ID = re.compile(r"Correlation ID: ([0-9a-f-]{36})", re.IGNORECASE)


@contextmanager
def as_refusals(answer: dict[str, str], method: str) -> Iterator[None]:
    """Turn Microsoft's errors into RefusedError. Of Microsoft's own texts only the redacted first sentence is shown."""
    correlation_id = correlation_id_in(answer)
    try:
        yield
    except EntraRefusedError as error:
        raise refusal_of(error, method, correlation_id) from error
    except NotYetError as error:
        raise busy(error, correlation_id) from error
    except ClockSkewError as error:
        raise RefusedError("clock_skew", code=error.code, correlation_id=correlation_id) from error
    except RemoteRejectedError as error:
        raise RefusedError(
            "microsoft_error",
            explanation=explain(error.code),
            code=error.code,
            correlation_id=error.answer.correlation_id or correlation_id,
        ) from error


def busy(error: NotYetError, correlation_id: str = "") -> RefusedError:
    """The refusal that says when Microsoft may be asked again."""
    refusal = RefusedError("remote_unavailable", code=error.code, correlation_id=correlation_id)
    refusal.retry_after = error.retry_after
    return refusal


def refusal_of(error: EntraRefusedError, method: str, correlation_id: str = "") -> RefusedError:
    """The refusal that one of Microsoft's errors means to a person who connects by this method."""
    key, explanation = "microsoft_error", _explanation(error, method)
    if error.code in APPROVAL_NEEDED:
        key = "approval_needed"
    elif error.code == DECLINED or _was_cancelled(error):
        key, explanation = "consent_declined", None
    refusal = RefusedError(
        key,
        explanation=explanation,
        code=error.code,
        correlation_id=error.correlation_id or correlation_id,
        words=error.words,
    )
    refusal.method = method
    return refusal


def _was_cancelled(error: EntraRefusedError) -> bool:
    """Whether a person pressed Cancel: Microsoft uses the same error for a policy that denies, but then it says so."""
    if error.code != error.error or error.error not in DECLINED_BARE:
        return False
    said = error.answer.sentence
    return error.suberror == "cancel" or not said or bool(CANCELLED.search(said))


def refusal_after_waiting(cause: PortalError, method: str) -> RefusedError:
    """The refusal that an error means which did not go away within the time that replication takes."""
    if isinstance(cause, EntraRefusedError):
        return refusal_of(cause, method)
    return RefusedError("remote_unavailable", code=cause.code)


def correlation_id_in(answer: dict[str, str]) -> str:
    """Microsoft's correlation ID in the text of an error that a browser brought back; "" if there is none."""
    found = CORRELATION_ID.search(answer.get("error_description", ""))
    return found[1] if found else ""


def _explanation(error: EntraRefusedError, method: str) -> Explanation | None:
    explanation = explain(error.code, error.words)
    if error.code == APPROVAL_WORKFLOW and method == ConnectionMethod.TOKEN:
        # For a token an approval is enough; for a new registration the person also needs the roles.
        return Explanation(explanation.sentence, APPROVAL_WORKFLOW_TOKEN)
    return explanation
