"""Steps through the wizard and what its pages say, shared by the tests."""

import re
from collections.abc import Callable
from typing import Any

from django.utils import timezone

from onboarding import error_catalogue
from onboarding.services import new_registration
from registrations.models import AuditEvent, Operation

CARLA = "carla@contoso.example"


def text(answer: Any) -> str:
    """The page's text on one line, without the forms' random tokens: by chance one contains any short word."""
    page = re.sub('(name="csrfmiddlewaretoken" value=")[^"]*', r"\1", answer.content.decode())
    return " ".join(page.split())


def history() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def finish(run_worker: Callable[[], None]) -> None:
    """Run workers, and let the time pass that waiting operations wait for."""
    for _ in range(10):
        run_worker()
        waiting = Operation.objects.filter(kind=new_registration.KIND, status="waiting", waits_for="")
        if not waiting.update(next_attempt_at=timezone.now()):
            return


def refused(answer: Any, key: str) -> str:
    """The page's text, after checking that it is the expected error with its next step."""
    page = text(answer)
    assert answer.status_code == error_catalogue.ERRORS[key].status, page
    assert "What to do" in page
    assert f'<dd class="mono">{key}</dd>' in page
    assert answer.headers["cache-control"] == "no-store"
    return page


def last_refusal() -> dict[str, Any]:
    """The history entry of the last refused sign-in."""
    event = AuditEvent.objects.filter(action="invitation.sign_in_refused").latest("id")
    return dict(event.after)
