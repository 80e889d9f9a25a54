"""What Graph's refusals mean: one table, and nothing else reads its error texts."""

from dataclasses import dataclass
from enum import Enum
from typing import Any

import requests

from registrations.clients.http import json_of
from registrations.errors import NotFoundError, NotPermittedError, NotShownError, NotYetError, RemoteRejectedError

SERVICE = "Microsoft Graph"


class Meaning(Enum):
    """What an answer means to the caller."""

    NOT_YET = "not yet"
    NOT_SHOWN = "does not exist here, or not yet"
    EXISTS = "exists already"
    GONE = "gone already"
    NAME_TAKEN = "name taken"
    POLICY = "a policy forbids it"


@dataclass(frozen=True)
class KnownAnswer:
    """One refusal and its meaning. `code` may also stand in the error's details; `text` is a part of the message."""

    status: int
    meaning: Meaning
    code: str = ""
    text: str = ""


# Sources: https://learn.microsoft.com/graph/errors, and issues of clients that met them (terraform-provider-azuread,
# msgraph-bicep-types 137 and 193, nais/azurerator 448). Codes are preferred; texts only where Graph has no code.
KNOWN_ANSWERS = (
    KnownAnswer(400, Meaning.NOT_SHOWN, code="NoBackingApplicationObject"),
    KnownAnswer(400, Meaning.NOT_SHOWN, text="does not reference a valid application object"),
    KnownAnswer(400, Meaning.NOT_SHOWN, text="Not a valid reference update"),
    KnownAnswer(401, Meaning.NOT_YET, code="Authorization_IdentityNotFound"),
    KnownAnswer(409, Meaning.NOT_YET, code="Directory_ConcurrencyViolation"),
    KnownAnswer(400, Meaning.NAME_TAKEN, text="same value for property uniqueName"),
    KnownAnswer(400, Meaning.EXISTS, text="Permission being assigned already exists"),
    KnownAnswer(400, Meaning.EXISTS, text="A conflicting object with one or more of the specified property values"),
    KnownAnswer(400, Meaning.EXISTS, text="added object references already exist"),
    KnownAnswer(409, Meaning.EXISTS, code="ConflictingObjects"),
    KnownAnswer(409, Meaning.EXISTS, code="Request_MultipleObjectsWithSameKeyValue"),
    KnownAnswer(400, Meaning.GONE, text="No password credential found with keyId"),
    KnownAnswer(400, Meaning.POLICY, code="CredentialInvalidLifetimeAsPerAppPolicy"),
    KnownAnswer(400, Meaning.POLICY, code="CredentialTypeNotAllowedAsPerAppPolicy"),
)


WAITS: dict[Meaning, type[NotYetError]] = {Meaning.NOT_YET: NotYetError, Meaning.NOT_SHOWN: NotShownError}


class GraphRefusedError(RemoteRejectedError):
    """Graph said no; `meaning` is set for answers that the table knows."""

    def __init__(self, message: str, *, status: int, meaning: Meaning | None, code: str, request_id: str) -> None:
        super().__init__(message, code=code, request_id=request_id)
        self.status = status
        self.meaning = meaning


def refusal_of(response: requests.Response) -> RemoteRejectedError | NotYetError:
    """The error that an answer of 4xx means, by the table of known answers."""
    found = json_of(response, SERVICE).get("error")
    error: dict[str, Any] = found if isinstance(found, dict) else {"message": found or ""}
    code, text = str(error.get("code", "")), str(error.get("message", ""))
    codes = {code, *(str(detail.get("code", "")) for detail in error.get("details") or [])}
    known = _known_answer(response.status_code, codes, text)
    request_id = response.headers.get("request-id", "")
    if known and known.meaning in WAITS:
        return WAITS[known.meaning](
            "Microsoft is still copying this to its data centres.", code=code, request_id=request_id
        )
    if known:
        return GraphRefusedError(
            f"Microsoft refused this step: {known.meaning.value} ({code}).",
            status=response.status_code,
            meaning=known.meaning,
            code=next((c for c in codes if c == known.code), code),
            request_id=request_id,
        )
    if response.status_code == requests.codes.not_found:
        return NotFoundError("Microsoft Graph does not know this object.", code=code, request_id=request_id)
    if response.status_code == requests.codes.forbidden:
        return NotPermittedError(
            f"Microsoft refused this step: a permission or role is missing ({code}). Grant it, then resume.",
            code=code,
            request_id=request_id,
        )
    return GraphRefusedError(
        f"Microsoft refused this step (HTTP {response.status_code}, {code or 'no code'}). Fix the cause that the code names, "
        "then resume.",
        status=response.status_code,
        meaning=None,
        code=code,
        request_id=request_id,
    )


def _known_answer(status: int, codes: set[str], text: str) -> KnownAnswer | None:
    for answer in KNOWN_ANSWERS:
        has_code = not answer.code or answer.code in codes
        if answer.status == status and has_code and (not answer.text or answer.text.lower() in text.lower()):
            return answer
    return None
