"""Second sign-ins that nobody finished: the browser was closed while Microsoft's answer waited, or a process died.

Their person may have accepted the temporary permissions, and no page can say any more what became of them.
"""

from datetime import timedelta

from django.utils import timezone

from onboarding.error_catalogue import GrantOutcome
from onboarding.errors import RefusedError
from onboarding.models import SignIn
from onboarding.services import sign_in_requests, temporary_grant
from registrations import audit

GRACE = timedelta(minutes=5)  # after the expiry: a request that redeems at the last moment has ended by then
MOST_AT_ONCE = 200  # the next sweep takes the rest


def refuse_all() -> int:
    """Refuse what has expired, and note the grant that may remain. Returns the number."""
    unfinished = SignIn.objects.filter(
        purpose=SignIn.Purpose.AUTHORISE,
        outcome=SignIn.Outcome.STARTED,
        redeemed_at__isnull=False,
        expires_at__lt=timezone.now() - GRACE,
    )
    related = unfinished.select_related("invitation__service__customer", "invitation__service__instance")
    return sum(_refuse(sign_in) for sign_in in list(related[:MOST_AT_ONCE]))


def _refuse(sign_in: SignIn) -> bool:
    refusal = RefusedError("state_lost", code=sign_in.microsoft_code)
    refusal.grant = GrantOutcome.UNKNOWN
    with audit.atomic():
        still_open = SignIn.objects.filter(pk=sign_in.pk, outcome=SignIn.Outcome.STARTED)
        if not still_open.update(outcome=SignIn.Outcome.REFUSED):
            return False
        sign_in_requests.refuse(sign_in, refusal, actor=audit.SYSTEM)
        temporary_grant.note_unknown(sign_in, since=sign_in.redeemed_at)
    return True
