"""What Graph's refusals mean: one table, and nothing else reads its error texts."""

from dataclasses import dataclass
from enum import Enum

import requests

from registrations.clients.http import answer_of, json_of
from registrations.clients.refusal_words import codes_in, words_in
from registrations.errors import (
    NOTHING_SAID,
    NotFoundError,
    NotPermittedError,
    NotShownError,
    NotYetError,
    RemoteAnswer,
    RemoteRejectedError,
)
from registrations.service_words import quoted

SERVICE = "Microsoft Graph"


class Meaning(Enum):
    """What an answer means to the caller."""

    NOT_YET = "not yet"
    NOT_SHOWN = "does not exist here, or not yet"
    EXISTS = "exists already"
    GONE = "gone already"
    NAME_TAKEN = "name taken"
    POLICY = "a policy forbids it"
    QUOTA_OF_CREATOR = "the quota of objects that one creator may have is used up"
    QUOTA_OF_TENANT = "the quota of objects of the whole tenant is used up"
    QUOTA_OF_OWNERS = "the application has as many owners as Microsoft allows"
    QUOTA = "a quota of objects is used up"


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

QUOTA_CODE = "Directory_QuotaExceeded"
QUOTA_CODE_ENDS = "quotaexceeded"  # in lower case: codes of full directories differ in how they begin
# Microsoft has given these sentences with other codes too, a missing permission's among them.
QUOTA_TEXTS = ("object quota limit", "maximum quota count")
# One code has several meanings, and only the message tells them apart. The first text that it contains decides.
# https://learn.microsoft.com/entra/identity/users/directory-service-limits-restrictions
QUOTAS = (
    ("owners", Meaning.QUOTA_OF_OWNERS),
    ("for the principal", Meaning.QUOTA_OF_CREATOR),
    ("for the tenant", Meaning.QUOTA_OF_TENANT),
)
PURGE = (
    "Deleted applications count until they are deleted for good: in Entra, under App registrations, Deleted applications, "
    "delete those that nobody needs"
)
RAISE_CREATOR = (
    "For people a custom Entra role with microsoft.directory/applications/create lifts the creator's quota; Microsoft does "
    "not say whether it does so for applications like SyncPortal's"
)
RAISE_TENANT = "Or verify a domain in the tenant, or ask Microsoft's support to raise the tenant's quota"
FEWER_OWNERS = "In Entra, remove owners of the application who are not needed: 100 are allowed"
QUOTA_ADVICE = {
    Meaning.QUOTA_OF_CREATOR: f"{PURGE}. {RAISE_CREATOR}.",
    Meaning.QUOTA_OF_TENANT: f"{PURGE}. {RAISE_TENANT}.",
    Meaning.QUOTA_OF_OWNERS: f"{FEWER_OWNERS}.",
    Meaning.QUOTA: f"It is the creator's, the tenant's, or that of the application's owners. {PURGE}. {RAISE_CREATOR}. "
    f"{RAISE_TENANT}.",
}

# The codes of a 403 that mean just that. Others may mean a policy or a limit, so only Microsoft's sentence tells.
MISSING_PERMISSION = frozenset({"", "Authorization_RequestDenied", "accessDenied"})
WAITS: dict[Meaning, type[NotYetError]] = {Meaning.NOT_YET: NotYetError, Meaning.NOT_SHOWN: NotShownError}


class GraphRefusedError(RemoteRejectedError):
    """Graph said no; `meaning` is set for answers that the table knows."""

    def __init__(
        self, message: str, *, status: int, meaning: Meaning | None, code: str, answer: RemoteAnswer = NOTHING_SAID
    ) -> None:
        super().__init__(message, code=code, answer=answer)
        self.status = status
        self.meaning = meaning


def refusal_of(response: requests.Response) -> RemoteRejectedError | NotYetError:
    """The error that an answer of 4xx means, by the table of known answers."""
    body = json_of(response, SERVICE)
    error = body.get("error")
    code, text = str(error.get("code") or "") if isinstance(error, dict) else "", words_in(body)
    codes = {code, *codes_in(body)}
    answer = answer_of(response, text)
    quota = next((each for each in sorted(codes) if each.lower().endswith(QUOTA_CODE_ENDS)), "")
    if quota or any(part in text.lower() for part in QUOTA_TEXTS):
        return _full(response.status_code, quota or QUOTA_CODE, text, answer)
    known = _known_answer(response.status_code, codes, text)
    if known and known.meaning in WAITS:
        return WAITS[known.meaning]("Microsoft is still copying this to its data centres.", code=code, answer=answer)
    if known:
        return GraphRefusedError(
            f"Microsoft refused this step: {known.meaning.value} ({code}).",
            status=response.status_code,
            meaning=known.meaning,
            code=next((c for c in codes if c == known.code), code),
            answer=answer,
        )
    return _unknown(response.status_code, code, answer)


def _unknown(status: int, code: str, answer: RemoteAnswer) -> RemoteRejectedError:
    if status == requests.codes.not_found:
        return NotFoundError("Microsoft Graph does not know this object.", code=code, answer=answer)
    says = quoted("Microsoft", answer.sentence) or "Microsoft gives no reason."
    if status == requests.codes.forbidden and code in MISSING_PERMISSION:
        return NotPermittedError(
            f"Microsoft refused this step: a permission or role is missing ({code or 'no code'}). {says} Grant it, then resume.",
            code=code,
            answer=answer,
        )
    if status == requests.codes.forbidden:
        return NotPermittedError(
            f"Microsoft does not permit this step ({code}). {says} Grant what is missing, or fix the cause, then resume.",
            code=code,
            answer=answer,
        )
    return GraphRefusedError(
        f"Microsoft refused this step (HTTP {status}, {code or 'no code'}). {says} Fix the cause, then resume.",
        status=status,
        meaning=None,
        code=code,
        answer=answer,
    )


def _full(status: int, code: str, text: str, answer: RemoteAnswer) -> GraphRefusedError:
    """A quota is used up. Another attempt finds it used up too, so a person must make room first."""
    meaning = next((meaning for part, meaning in QUOTAS if part in text.lower()), Meaning.QUOTA)
    says = f" {quoted('Microsoft', answer.sentence)}".rstrip()
    return GraphRefusedError(
        f"Microsoft refused this step: {meaning.value} ({code}).{says} {QUOTA_ADVICE[meaning]} Then resume.",
        status=status,
        meaning=meaning,
        code=code,
        answer=answer,
    )


def _known_answer(status: int, codes: set[str], text: str) -> KnownAnswer | None:
    for answer in KNOWN_ANSWERS:
        has_code = not answer.code or answer.code in codes
        if answer.status == status and has_code and (not answer.text or answer.text.lower() in text.lower()):
            return answer
    return None
