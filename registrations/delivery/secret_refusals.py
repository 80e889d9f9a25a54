"""What a UMP's refusal of a client secret means, and a remote service's words without the secret."""

import re
from urllib.parse import quote

from registrations import service_words
from registrations.applications.replication import secret_may_be_replicating
from registrations.clients.entra import REPLICATING
from registrations.clients.graph.client import BETWEEN_CREDENTIAL_WRITES
from registrations.errors import NotYetError, RemoteRejectedError, UnexplainedRefusalError
from registrations.models import ClientSecret, Operation


def refusal_by_ump(
    sentence: str, words: str, secret: ClientSecret, operation: Operation, *, code: str
) -> NotYetError | RemoteRejectedError:
    """The error for a UMP's refusal of a secret: a wait while Microsoft may be copying a new one, otherwise a person's work.

    Our own proof came from one of Microsoft's servers; the UMP may meet another one. Words without a code of Microsoft's
    may be about anything that passes (a proxy, a restart): the engine tries again for some minutes before a person is asked.
    """
    codes_in_words = set(re.findall(r"AADSTS\d+", words))
    replicating = REPLICATING & codes_in_words
    if any(secret_may_be_replicating(secret, each, operation) for each in replicating):
        codes = ", ".join(sorted(replicating))
        return NotYetError(
            f"Microsoft has not replicated the new secret to every server yet, and the UMP met one without it ({codes}).",
            retry_after=BETWEEN_CREDENTIAL_WRITES,
            code=codes,
        )
    reason = without(words, secret.unseal("envelope")) or "it gives no reason"
    refusal = RemoteRejectedError if codes_in_words else UnexplainedRefusalError
    return refusal(f"{sentence}: {reason.rstrip('.')}.", code=code)


def without(words: str, plaintext: str) -> str:
    """A remote service's words for people and history: short, without this value, other secrets and unprintable characters."""
    for value in (plaintext, quote(plaintext, safe="")) if plaintext else ():
        words = words.replace(value, "[redacted]")
    return service_words.with_code(words)
