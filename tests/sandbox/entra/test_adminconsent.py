"""The admin consent endpoints, where an administrator grants the permissions that a registration requires."""

from typing import Any
from urllib.parse import urlencode

import jwt
import pytest

from sandbox.app import Sandbox
from tests.sandbox import actors
from tests.sandbox.actors import Browser

CARLA = "carla@contoso.example"
ORGANIZATION_READ_ALL = "498476ce-e0fe-48b0-b801-37ba7e2685c6"
USER_READ = "e1fe6dd8-ba31-4d61-89e7-88639da4683d"
REQUIRED: list[dict[str, Any]] = [
    {
        "resourceAppId": actors.GRAPH_ID,
        "resourceAccess": [{"id": ORGANIZATION_READ_ALL, "type": "Role"}, {"id": USER_READ, "type": "Scope"}],
    }
]


class Visit:
    """An application that requires permissions, and the URL where an administrator grants them."""

    def __init__(self, sandbox: Sandbox, version: int, **changes: str) -> None:
        self.sandbox, self.browser = sandbox, Browser(sandbox)
        self.application, self.secret = actors.make_sign_in_app(sandbox, requiredResourceAccess=REQUIRED)
        values = {"client_id": self.application.app_id, "redirect_uri": actors.CALLBACK, "state": "s", **changes}
        if version == 2:
            values.setdefault("scope", actors.GRAPH_SCOPE)
        path = "v2.0/adminconsent" if version == 2 else "adminconsent"
        self.url = f"{sandbox.people_url}/organizations/{path}?{urlencode(values)}"


@pytest.mark.parametrize("version", [1, 2])
def test_accepting_grants_the_required_roles_and_scopes(sandbox: Sandbox, version: int) -> None:
    visit = Visit(sandbox, version)
    assert "Organization.Read.All" in visit.browser.submit(visit.url, CARLA).text
    back = actors.returned(visit.browser.submit(visit.url, CARLA, consent="accept"))
    assert (back["admin_consent"], back["tenant"], back["state"]) == ("True", sandbox.seed.customer.tenant_id, "s")
    answer = actors.client_credentials(sandbox, "contoso.example", visit.application.app_id, visit.secret)
    claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
    assert claims["roles"] == ["Organization.Read.All"]
    (grant,) = sandbox.world.tenant("Contoso").permission_grants
    assert (grant.consent_type, grant.scope) == ("AllPrincipals", "User.Read")


def test_consenting_twice_changes_nothing(sandbox: Sandbox) -> None:
    visit = Visit(sandbox, 2)
    for _ in range(2):
        visit.browser.submit(visit.url, CARLA, consent="accept")
    assert len(sandbox.world.tenant("Contoso").app_role_assignments) == 1


def test_declining_returns_the_error_of_each_version(sandbox: Sandbox) -> None:
    two = Visit(sandbox, 2)
    back = actors.returned(two.browser.submit(two.url, CARLA, consent="decline"))
    assert (back["error"], back["admin_consent"], back["state"]) == ("consent_required", "True", "s")
    assert back["error_description"].startswith("AADSTS65004")
    one = Visit(sandbox, 1)
    back = actors.returned(one.browser.submit(one.url, CARLA, consent="decline"))
    assert back["error"] == "access_denied"
    assert not sandbox.world.tenant("Contoso").app_role_assignments


@pytest.mark.parametrize("upn", ["nora@contoso.example", "appie@contoso.example", "peter@contoso.example"])
def test_graph_roles_need_a_global_or_privileged_role_administrator(sandbox: Sandbox, upn: str) -> None:
    visit = Visit(sandbox, 2)
    assert "Need admin approval" in visit.browser.submit(visit.url, upn, consent="accept").text
    back = actors.returned(visit.browser.submit(visit.url, upn, consent="decline"))
    assert back["error_description"].startswith("AADSTS90094")
    assert not sandbox.world.tenant("Contoso").app_role_assignments


def test_a_privileged_role_administrator_may_grant_graph_roles(sandbox: Sandbox) -> None:
    visit = Visit(sandbox, 2)
    back = actors.returned(visit.browser.submit(visit.url, "paul@contoso.example", consent="accept"))
    assert back["admin_consent"] == "True"


def test_only_the_requested_scopes_are_granted(sandbox: Sandbox) -> None:
    visit = Visit(sandbox, 2, scope="https://graph.microsoft.com/User.Read.All")
    visit.browser.submit(visit.url, CARLA, consent="accept")
    contoso = sandbox.world.tenant("Contoso")
    assert not contoso.app_role_assignments
    assert contoso.permission_grants[0].scope == "User.Read.All"


def test_an_invalid_request_is_shown_and_not_redirected(sandbox: Sandbox) -> None:
    for changes, code in (
        ({"client_id": "11111111-2222-3333-4444-555555555555"}, "AADSTS700016"),
        ({"redirect_uri": "https://evil.example/"}, "AADSTS50011"),
        ({"client_id": ""}, "AADSTS90014"),
    ):
        visit = Visit(sandbox, 2, **changes)
        answer = visit.browser.open(visit.url)
        assert answer.status_code == 400
        assert code in answer.text


def test_roles_reach_tokens_only_after_the_consent_lag(sandbox: Sandbox) -> None:
    visit = Visit(sandbox, 2)
    sandbox.world.lag["consent"] = 60
    visit.browser.submit(visit.url, CARLA, consent="accept")
    for skew, roles in ((0, []), (61, ["Organization.Read.All"])):
        sandbox.world.clock.skew = skew
        answer = actors.client_credentials(sandbox, "contoso.example", visit.application.app_id, visit.secret)
        claims = jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
        assert claims["roles"] == roles
