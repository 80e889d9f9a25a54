"""The check of id_tokens: only a token that this Entra signed for this application, now, is believed."""

import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from registrations import connections
from registrations.clients.entra import ClockSkewError, EntraRefusedError
from registrations.errors import NotYetError, RemoteRejectedError, RemoteUnavailableError
from sandbox.app import Sandbox

APP_ID = "9d576dc4-b85d-4571-880e-4c6ed4c08c31"
Sign = Callable[..., str]


@pytest.fixture
def sign(sandbox: Sandbox) -> Sign:
    """An id_token of Contoso's administrator, signed with the sandbox's key, with claims changed or left out."""

    def make(*, without: str = "", **changed: Any) -> str:
        tenant_id = sandbox.seed.customer.tenant_id
        now = int(time.time())
        claims: dict[str, Any] = {
            "aud": APP_ID,
            "iss": f"{sandbox.entra_url}/{tenant_id}/v2.0",
            "tid": tenant_id,
            "oid": "o",
            "sub": "s",
            "ver": "2.0",
            "iat": now,
            "nbf": now,
            "exp": now + 3600,
        }
        claims.update(changed)
        claims.pop(without, None)
        return sandbox.keys.sign(claims)

    return make


def verify(token: str, authority: str = "organizations") -> dict[str, Any]:
    return connections.entra().verify_id_token(token, app_id=APP_ID, authority=authority)


def test_a_valid_token_of_this_entra_is_accepted(sign: Sign, sandbox: Sandbox) -> None:
    assert verify(sign())["tid"] == sandbox.seed.customer.tenant_id
    assert verify(sign(), authority=sandbox.seed.customer.tenant_id)["oid"] == "o"


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "00000003-0000-0000-c000-000000000000"},
        {"iss": "https://login.microsoftonline.com/evil/v2.0"},
        {"exp": int(time.time()) - 3600},
        {"nbf": int(time.time()) + 3600},
        {"ver": "1.0"},
        {"without": "tid"},
        {"without": "oid"},
        {"without": "exp"},
        {"without": "aud"},
    ],
)
def test_a_token_with_one_wrong_claim_is_refused(sign: Sign, changed: dict[str, Any]) -> None:
    with pytest.raises(RemoteRejectedError):
        verify(sign(**changed))


@pytest.mark.parametrize("claim", ["iat", "nbf", "exp"])
def test_clocks_more_than_five_minutes_apart_are_named(sign: Sign, claim: str) -> None:
    ahead = {"iat": 1, "nbf": 1, "exp": -1}[claim]
    with pytest.raises(ClockSkewError, match="more than five minutes apart"):
        verify(sign(**{claim: int(time.time()) + ahead * 6 * 60}))
    assert verify(sign(**{claim: int(time.time()) + ahead * 4 * 60}))["oid"] == "o"


def test_a_forged_token_is_not_called_a_clock(sign: Sign) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    claims = jwt.decode(sign(exp=1), options={"verify_signature": False, "verify_exp": False})
    forged = jwt.encode(claims, stranger, headers={"kid": jwt.get_unverified_header(sign())["kid"]}, algorithm="RS256")
    with pytest.raises(RemoteRejectedError) as refused:
        verify(forged)
    assert refused.value.code == "id_token"


def test_a_token_of_another_tenant_is_refused_at_the_tenants_own_authority(sign: Sign, sandbox: Sandbox) -> None:
    fabrikam = sandbox.world.tenant("Fabrikam").id
    with pytest.raises(RemoteRejectedError):
        verify(
            sign(tid=fabrikam, iss=f"{sandbox.entra_url}/{fabrikam}/v2.0"), authority=sandbox.seed.customer.tenant_id
        )


def test_a_token_that_somebody_else_signed_is_refused(sign: Sign) -> None:
    header = jwt.get_unverified_header(sign())
    claims = jwt.decode(sign(), options={"verify_signature": False})
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    forged = jwt.encode(claims, stranger, algorithm="RS256", headers={"kid": header["kid"]})
    with pytest.raises(RemoteRejectedError):
        verify(forged)


@pytest.mark.parametrize("token", ["", "not.a.token", "eyJhbGciOiJub25lIn0.eyJ0aWQiOiJ4In0."])
def test_something_that_is_no_signed_token_is_refused(sandbox: Sandbox, token: str) -> None:
    with pytest.raises(RemoteRejectedError):
        verify(token)


def test_a_new_signing_key_is_found(sign: Sign, sandbox: Sandbox) -> None:
    sandbox.rotate_signing_key()
    assert verify(sign())["oid"] == "o"


def app_token(sandbox: Sandbox, **changed: str) -> frozenset[str]:
    given = {
        "tenant_id": sandbox.seed.provider.tenant_id,
        "app_id": sandbox.seed.provider.client_id,
        "client_secret": sandbox.seed.provider.client_secret,
        **changed,
    }
    return connections.entra().app_token(scope=connections.GRAPH_SCOPE, **given).roles


def test_an_application_token_has_its_permissions(sandbox: Sandbox) -> None:
    assert "Application.ReadWrite.OwnedBy" in app_token(sandbox)


def test_an_applications_name_from_microsoft_is_cleaned(sandbox: Sandbox) -> None:
    provider = sandbox.seed.provider
    for application in sandbox.world.tenant(provider.tenant_id).applications.values():
        application.properties["displayName"] = "\u202eSync\u202e\u200bPortal\x00"
    token = connections.entra().app_token(
        tenant_id=provider.tenant_id,
        app_id=provider.client_id,
        client_secret=provider.client_secret,
        scope=connections.GRAPH_SCOPE,
    )
    assert token.name == "SyncPortal"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"client_secret": "a-wrong-secret-value"}, "AADSTS7000215"),
        ({"app_id": APP_ID}, "AADSTS700016"),
        ({"tenant_id": "11111111-2222-4333-8444-555555555555"}, "AADSTS90002"),
    ],
)
def test_a_refusal_carries_microsofts_code_and_not_what_was_sent(
    sandbox: Sandbox, changed: dict[str, str], code: str
) -> None:
    with pytest.raises(EntraRefusedError) as refusal:
        app_token(sandbox, **changed)
    assert refusal.value.code == code
    assert "a-wrong-secret-value" not in str(refusal.value)


@pytest.mark.parametrize("kind", ["cut", "truncated"])
def test_an_answer_that_breaks_off_is_unavailable(sandbox: Sandbox, kind: str) -> None:
    sandbox.faults.add(service="entra", kind=kind, method="POST", path="/token", times=3)
    with pytest.raises(NotYetError):
        app_token(sandbox)


def test_an_entra_that_is_busy_is_unavailable(sandbox: Sandbox) -> None:
    sandbox.faults.add(service="entra", kind="status", method="POST", path="/token", status=503, times=3)
    with pytest.raises(RemoteUnavailableError):
        app_token(sandbox)
