"""The identity in verified claims: who is a person, a guest, or a personal account."""

import pytest

from onboarding import identity
from registrations.clients.entra import SignedClaims
from registrations.errors import RemoteRejectedError

ISSUER = "https://login.example/9d576dc4-b85d-4571-880e-4c6ed4c08c31/v2.0"
CLAIMS = {
    "iss": ISSUER,
    "tid": "9D576DC4-B85D-4571-880E-4C6ED4C08C31",
    "oid": "62e90394-69f5-4237-9190-012177145e10",
    "name": "Carla",
    "preferred_username": "carla@contoso.example",
}


def test_ids_are_lower_case_and_the_label_has_both_names() -> None:
    person = identity.parse(SignedClaims(CLAIMS))
    assert person.tenant_id == "9d576dc4-b85d-4571-880e-4c6ed4c08c31"
    assert person.label == "Carla (carla@contoso.example)"
    assert not person.is_guest
    assert not person.is_personal


@pytest.mark.parametrize("claims", [{"acct": 1}, {"idp": "https://sts.example/another/"}])
def test_a_guest_is_recognised_by_either_claim(claims: dict[str, object]) -> None:
    assert identity.parse(SignedClaims({**CLAIMS, **claims})).is_guest


def test_a_personal_account_is_recognised_by_its_tenant() -> None:
    assert identity.parse(SignedClaims({**CLAIMS, "tid": identity.PERSONAL_ACCOUNTS})).is_personal


@pytest.mark.parametrize("missing", ["tid", "oid"])
def test_claims_without_an_id_are_refused(missing: str) -> None:
    claims = {name: value for name, value in CLAIMS.items() if name != missing}
    with pytest.raises(RemoteRejectedError, match=missing):
        identity.parse(SignedClaims(claims))


@pytest.mark.parametrize("claim", ["name", "preferred_username"])
def test_characters_that_cannot_be_seen_are_dropped_from_names(claim: str) -> None:
    person = identity.parse(SignedClaims({**CLAIMS, claim: "\u202ea\u202e\u200b\x00b\nc "}))
    assert "ab c" in (person.name, person.username)
