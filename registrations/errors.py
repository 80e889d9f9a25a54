"""Errors, named by what the caller does about them. Their texts are shown to people and contain no secret."""

from dataclasses import dataclass
from datetime import timedelta

LONGEST_MESSAGE = 1000
LONGEST_CODE = 120  # the width of the columns that store it


@dataclass(frozen=True)
class RemoteAnswer:
    """What a remote service said with its refusal, for those who ask its support. Redacted: it holds no secret."""

    sentence: str = ""  # its own words, see `service_words`
    request_id: str = ""  # Graph's request-id, Entra's trace ID
    correlation_id: str = ""
    answered_at: str = ""  # by the service's clock, as it writes it


NOTHING_SAID = RemoteAnswer()


class PortalError(Exception):
    """Any refusal or failure that SyncPortal expects; `str(error)` is a sentence for people.

    It may quote a remote service, so it is shortened and NUL is removed: PostgreSQL refuses NUL and values that are too long.
    """

    def __init__(
        self, message: str, *, code: str = "", request_id: str = "", answer: RemoteAnswer = NOTHING_SAID
    ) -> None:
        super().__init__(_fit(message, LONGEST_MESSAGE))
        self.code = _fit(code, LONGEST_CODE)
        self.request_id = _fit(request_id or answer.request_id, LONGEST_CODE)
        self.answer = answer


class NotYetError(PortalError):
    """The remote service is still replicating or working: try again after `retry_after`."""

    def __init__(
        self,
        message: str,
        *,
        retry_after: timedelta | None = None,
        code: str = "",
        request_id: str = "",
        answer: RemoteAnswer = NOTHING_SAID,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, answer=answer)
        self.retry_after = retry_after


class NotShownError(NotYetError):
    """Microsoft does not show an object that it has told us about: it is still copying it, or somebody has deleted it."""


class StartOverError(NotYetError):
    """What an earlier step made is gone: the steps that the kind lists for `code` (`Kind.retry_from`) are done again."""


class RemoteUnavailableError(NotYetError):
    """The remote service did not answer, or said it is busy: the outcome may be unknown, so check before acting again."""


class QuotaSpentError(RemoteUnavailableError):
    """Microsoft's quota is used up for now, by our own count: the wait is planned, and no attempt has failed."""

    CODE = "quota_spent"

    def __init__(self, message: str, *, retry_after: timedelta) -> None:
        super().__init__(message, retry_after=retry_after, code=self.CODE)


class RemoteRejectedError(PortalError):
    """The remote service refused, and a retry will not help: a person must act."""


class NotPermittedError(RemoteRejectedError):
    """A permission is missing. New grants take some minutes to replicate, so the engine retries for a while."""


class UnexplainedRefusalError(RemoteRejectedError):
    """A refusal that names no cause may pass by itself, so the engine tries again for some minutes before it fails.

    `meanwhile` is what is said during these minutes, where advice would be premature.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        request_id: str = "",
        answer: RemoteAnswer = NOTHING_SAID,
        meanwhile: PortalError | None = None,
    ) -> None:
        super().__init__(message, code=code, request_id=request_id, answer=answer)
        self.meanwhile = meanwhile


class NotFoundError(RemoteRejectedError):
    """The remote object does not exist (or does not exist yet on the replica that answered)."""


class UnexplainedNotFoundError(NotFoundError, UnexplainedRefusalError):
    """A 404 that names no cause: the object does not exist, or the service behind its proxy is being restarted."""


class PersonNeededError(PortalError):
    """The operation waits until a person has done something; `who` says which one ("staff" or "customer")."""

    def __init__(
        self,
        message: str,
        *,
        who: str,
        code: str = "",
        look_again: timedelta | None = None,
        answer: RemoteAnswer = NOTHING_SAID,
    ) -> None:
        super().__init__(message, code=code, answer=answer)
        self.who = who
        self.look_again = look_again


class WrongStateError(PortalError):
    """The row is no longer in the state that this act needs: somebody else was faster, or it was done before."""


def _fit(text: str, length: int) -> str:
    return text.replace("\0", "")[:length]
