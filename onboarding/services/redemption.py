"""When an authorization code that Microsoft does not accept yet is redeemed again.

A short Retry-After is waited for within the request. Anything longer is put off: the answer is stored encrypted with the
sign-in, and the browser's page sends it again.
"""

import json
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar

from django.db.models import F
from django.utils import timezone

from onboarding.models import SignIn
from registrations import audit
from registrations.clients.entra import EntraRefusedError
from registrations.errors import NotYetError, PortalError

LONGEST_WAIT = timedelta(seconds=10)  # within one request, in all
MOST_WAITING = 2  # requests of a process that wait at the same time: each holds a thread
RETRY = timedelta(seconds=5)  # where Microsoft names no time
LONGEST_RETRY = timedelta(minutes=2)
TAKEN_FOR = timedelta(minutes=2)  # longer than one request redeems; then another may, because that one has died
MOST_TRIES = 12
CODE_LIFETIME = timedelta(minutes=10)  # of an authorization code, from the moment it came back
NEW_FOR = timedelta(minutes=10)  # a new application or secret may be unknown to some of Microsoft's servers

# Right after a consent: Microsoft has accepted it, and not every server knows it yet.
CONSENT_REPLICATES = frozenset({"AADSTS65001", "AADSTS650051", "AADSTS7000229", "AADSTS500011", "consent_required"})
# Right after the sync app or its secret was created
APP_REPLICATES = frozenset({"AADSTS700016", "AADSTS7000215"})

T = TypeVar("T")
_slots = threading.BoundedSemaphore(MOST_WAITING)


class RedeemLaterError(Exception):
    """Microsoft will accept the same answer in a moment: no refusal. `cause` is the error that it gave."""

    def __init__(self, cause: PortalError, wait: timedelta) -> None:
        super().__init__(str(cause))
        self.cause = cause
        self.wait = wait


class Patience:
    """How long one request may still wait for Microsoft, all its calls together."""

    def __init__(self) -> None:
        self.left = LONGEST_WAIT

    def wait(self, pause: timedelta) -> bool:
        """Wait. False, at once, for a pause that is too long, and while `MOST_WAITING` requests of this process wait."""
        if pause > self.left or not _slots.acquire(blocking=False):
            return False
        self.left -= pause
        try:
            time.sleep(pause.total_seconds())
        finally:
            _slots.release()
        return True


def patiently(redeem: Callable[[], T], *, patience: Patience, answer: dict[str, str], app_is_new: bool) -> T:
    """Redeem, and wait for a short Retry-After as `patience` allows.

    Raises RedeemLaterError if Microsoft needs longer, and what `redeem` raises if waiting does not help.
    """
    try:
        return wait_out(redeem, patience)
    except NotYetError as busy:
        if not busy.code or "code" not in answer:  # without an answer nobody knows whether the code was used
            raise
        raise RedeemLaterError(busy, min(busy.retry_after or RETRY, LONGEST_RETRY)) from busy
    except EntraRefusedError as refusal:
        expected = CONSENT_REPLICATES | (APP_REPLICATES if app_is_new else frozenset())
        if "code" not in answer or refusal.code not in expected:
            raise
        raise RedeemLaterError(refusal, RETRY) from refusal


def wait_out(call: Callable[[], T], patience: Patience) -> T:
    """Call, and again after each Retry-After that `patience` allows. Raises what the last call raises."""
    while True:
        try:
            return call()
        except NotYetError as busy:
            if busy.retry_after is None or not patience.wait(busy.retry_after):
                raise


def put_off(sign_in: SignIn, answer: dict[str, str], later: RedeemLaterError) -> bool:
    """Store the answer and the time of the next try; False once it was tried often or long enough."""
    now = timezone.now()
    ends_at = min((sign_in.redeemed_at or now) + CODE_LIFETIME, sign_in.expires_at)
    if sign_in.tries + 1 >= MOST_TRIES or now + later.wait >= ends_at:
        return False
    sign_in.seal("answer_envelope", json.dumps(answer))
    with audit.atomic():
        waiting = SignIn.objects.filter(pk=sign_in.pk, outcome=SignIn.Outcome.STARTED, retry_at=sign_in.retry_at)
        return bool(
            waiting.update(
                answer_envelope=sign_in.answer_envelope,
                retry_at=now + later.wait,
                tries=F("tries") + 1,
                microsoft_code=later.cause.code[:60],
            )
        )


def take(sign_in: SignIn) -> dict[str, str] | None:
    """Microsoft's stored answer, once its time has come; None before that, and for all but one of two simultaneous calls.

    It is taken for `TAKEN_FOR`: if the process dies meanwhile, the page sends it once more after that.
    """
    now = timezone.now()
    if not is_waiting(sign_in) or sign_in.retry_at is None or sign_in.retry_at > now:
        return None
    with audit.atomic():
        mine = SignIn.objects.filter(pk=sign_in.pk, outcome=SignIn.Outcome.STARTED, retry_at=sign_in.retry_at)
        if not mine.update(retry_at=now + TAKEN_FOR):
            return None
    sign_in.retry_at = now + TAKEN_FOR
    answer: dict[str, str] = json.loads(sign_in.unseal("answer_envelope"))
    return answer


def is_waiting(sign_in: SignIn) -> bool:
    """Whether Microsoft's answer waits to be redeemed again."""
    is_open = sign_in.outcome == SignIn.Outcome.STARTED and sign_in.expires_at > timezone.now()
    return is_open and sign_in.retry_at is not None and bool(sign_in.answer_envelope)
