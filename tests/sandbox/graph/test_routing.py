"""Routes of Graph: paths, keys and callers."""

import pytest

from sandbox.graph.routing import Answer, Caller, GraphCall, Needs, Router, canonical, key_of
from sandbox.model import ServicePrincipal, User


@pytest.mark.parametrize(
    ("path", "flat"),
    [
        ("/applications/1/", "applications/1"),
        ("/applications(appId='x')/owners", "applications/appId='x'/owners"),
        ("/applications(uniqueName='it''s (one)')", "applications/uniqueName='it''s (one)'"),
        ("/applications/1/microsoft.graph.addPassword", "applications/1/addPassword"),
        ("/me/transitiveMemberOf/microsoft.graph.group", "me/transitiveMemberOf/microsoft.graph.group"),
    ],
)
def test_a_path_has_one_form(path: str, flat: str) -> None:
    assert canonical(path) == flat


@pytest.mark.parametrize(
    ("segment", "key"),
    [
        ("1", ("id", "1")),
        ("appId=x", ("id", "appId=x")),
        ("appId='x'", ("appId", "x")),
        ("uniqueName='it''s'", ("uniqueName", "it's")),
    ],
)
def test_a_key_segment_names_its_property(segment: str, key: tuple[str, str]) -> None:
    assert key_of(segment) == key


def test_a_placeholder_matches_exactly_one_segment() -> None:
    router = Router()

    @router.on("GET", "applications/{key}/owners/$ref", Needs())
    def owners(call: GraphCall) -> Answer:
        return Answer()

    (route,) = router.routes
    assert route.handler is owners
    match = route.pattern.match("applications/appId='x'/owners/$ref")
    assert match is not None
    assert match["key"] == "appId='x'"
    for other in ("applications//owners/$ref", "applications/1/2/owners/$ref", "applications/1/owners/$ref/x"):
        assert route.pattern.match(other) is None


def test_a_call_acts_as_its_user_before_its_principal() -> None:
    user, principal = User("user", "Carla", "carla@contoso.example"), ServicePrincipal("principal", "app", 0.0)
    assert Caller("app", principal, user, frozenset()).id == "user"
    assert Caller("app", principal, None, frozenset()).id == "principal"
    assert Caller("app", None, None, frozenset()).id == ""
