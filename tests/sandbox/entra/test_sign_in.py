"""The account picker, and the reasons to stop a sign-in."""

import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Browser

CARLA = "carla@contoso.example"


def test_the_account_picker_shows_everyone_and_their_state(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    page = browser.open(actors.authorize_url(sandbox, client_id)).text
    for words in ("Carla", "Fred", "guest", "disabled", "eligible, not active", "must set up MFA", "not Microsoft"):
        assert words in page


def test_the_account_picker_of_a_tenant_shows_only_its_people(
    sandbox: Sandbox, browser: Browser, client_id: str
) -> None:
    page = browser.open(actors.authorize_url(sandbox, client_id, sandbox.seed.customer.tenant_id)).text
    assert "Carla" in page
    assert "Fred" not in page


def test_the_hinted_account_comes_first(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    page = browser.open(actors.authorize_url(sandbox, client_id, login_hint="fred@fabrikam.example")).text
    assert page.index("Fred") < page.index("Carla")


def test_a_disabled_account_sees_an_error_page(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    answer = browser.submit(actors.authorize_url(sandbox, client_id), "dan@contoso.example")
    assert answer.status_code == 403
    assert "AADSTS50057" in answer.text


def test_conditional_access_blocks_a_sign_in(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    sandbox.world.tenant("Contoso").user(CARLA).blocked_by_conditional_access = True
    assert "AADSTS53003" in browser.submit(actors.authorize_url(sandbox, client_id), CARLA).text


def test_mfa_set_up_comes_before_consent(sandbox: Sandbox, browser: Browser, client_id: str) -> None:
    url, mona = actors.authorize_url(sandbox, client_id), "mona@contoso.example"
    assert "AADSTS50079" in browser.submit(url, mona).text
    back = actors.returned(browser.submit(url, mona, mfa="cancel"))
    assert back["error"] == "interaction_required"
    assert "Setup complete" in browser.submit(url, mona, mfa="finish").text
    assert "Permissions requested" in browser.submit(url, mona).text


@pytest.mark.parametrize("code", [90095, 53000])
def test_a_scripted_sign_in_refusal_is_returned_to_the_client(
    sandbox: Sandbox, browser: Browser, client_id: str, code: int
) -> None:
    user = sandbox.world.tenant("Contoso").user(CARLA)
    user.refused_with, user.refused_where = code, "sign_in"
    back = actors.returned(browser.submit(actors.authorize_url(sandbox, client_id), CARLA))
    assert back["error_description"].startswith(f"AADSTS{code}: ")
    assert back["state"] == "state-1"
