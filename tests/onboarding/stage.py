"""One customer with an invitation and every switch of the sandbox, and what an error page says."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from onboarding import error_catalogue
from onboarding.models import Invitation
from sandbox.app import Sandbox
from sandbox.model import Tenant
from tests.onboarding.browser import Browser, read
from tests.onboarding.wizard import CARLA, finish, text

FAR_AWAY = 3600  # seconds of replication lag that no test waits for


@dataclass
class Stage:
    """The objects that a scene uses."""

    sandbox: Sandbox
    customer: Browser
    invitation: Invitation
    link: str
    run_worker: Callable[[], None]

    @property
    def contoso(self) -> Tenant:
        return self.sandbox.world.tenant(self.sandbox.seed.customer.tenant_id)

    def sign_in_as(self, person: str, **answers: str) -> Any:
        return self.customer.sign_in(self.customer.start(self.link), person, **answers)

    def refused_by_microsoft(self, code: int, where: str) -> Any:
        user = self.contoso.user(CARLA)
        user.refused_with, user.refused_where = code, where
        return self.sign_in_as(CARLA)

    def after_the_work(self) -> Any:
        """Connect as far as possible; the progress page."""
        assert self.customer.authorise(self.customer.identify(self.link)).status_code == 303
        return self.worked()

    def worked(self) -> Any:
        finish(self.run_worker)
        return self.customer.open("/authenticate/progress")


@pytest.fixture
def stage(
    sandbox: Sandbox, customer: Browser, invitation: Invitation, link: str, run_worker: Callable[[], None]
) -> Stage:
    return Stage(sandbox, customer, invitation, link, run_worker)


def told(answer: Any, key: str, link: str) -> str:
    """The page's text, after checking that it shows this error and one button that leads to `link`.

    Where the advice is to use another account, the button leads to Microsoft, and a smaller link to `link`.
    """
    html = answer.content.decode()
    page = text(answer)
    refusal = error_catalogue.ERRORS[key]
    assert answer.status_code == refusal.status, page
    assert f'<dd class="mono">{key}</dd>' in page
    assert page.count('<p class="lead">') == 1
    links = read(html).links
    [button] = [found for found in links if {"button", "microsoft"} & set(found.get("class", "").split())]
    if button["class"] == "microsoft":
        assert "Use another account" in page
        assert any(found["href"].startswith(f"{link}/forward") for found in links)
        [button] = [found for found in links if found["href"] == link]
    assert button["href"].startswith(link), button
    assert "Trace ID" not in page
    return page


__all__ = ["Stage", "stage", "told"]
