"""The chaos suite's checks, on prepared worlds: each defect is reported, and a correct world passes."""

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from registrations import encryption
from sandbox.model import Application, Password, UmpConnection
from sandbox.world import World
from tests import ephemeral
from tests.chaos import invariants
from tests.chaos.checks import check
from tests.chaos.results import Result

KEY, SECRET_ID = ephemeral.portal_key(), "11111111-2222-3333-4444-555555555555"
NAME, REDIRECT = "syncportal-finebak.localhost", "http://finebak.localhost/OAuth2Callback"
COUNTS = ("lost", "applications_orphaned", "secrets_orphaned", "duplicated")


class Fixture:
    """A correct world: an application with a secret, a UMP that holds both, and a service connected with the same."""

    def __init__(self) -> None:
        self.world = World(None)
        self.tenant = self.world.add_tenant("Finebak")
        self.application = self.another(uniqueName=NAME)
        self.password = self.world.add_secret(self.application)
        self.ump = self.world.add_ump("finebak", self.tenant.id, "the UMP's API")
        self.ump.client_id, self.ump.client_secret = self.application.app_id, self.password.secret
        self.customer = self.world.add_ump_customer("finebak", "contoso1", "Contoso", self.tenant.id)
        self.customer.connection = UmpConnection(
            "app_registration", client_id=self.application.app_id, client_secret=self.password.secret
        )
        self.known: list[tuple[str, str, str]] = [(self.application.app_id, self.password.key_id, "delivered")]
        self.by_api, self.is_connection, self.managed = True, False, True

    def another(self, **properties: Any) -> Application:
        """Add an application with the instance's redirect URI."""
        return self.world.add_application(self.tenant, "finebak", web={"redirectUris": [REDIRECT]}, **properties)

    def add_orphaned_secret(self) -> Password:
        """Add a secret without a row."""
        return self.world.add_secret(self.application)

    def check(self, *, already_reported: set[str] | None = None) -> Result:
        """Check the world after one operation that succeeded."""
        environment: Any = SimpleNamespace(
            states=lambda _: {"an operation": ("succeeded", "")},
            sandbox=lambda _: asdict(self.world.state),
            query=lambda statement, _=None: [self._expected_row()] if statement == invariants.EXPECTED else self.known,
            layout=SimpleNamespace(keys={"PORTAL_KEYS": KEY}),
            already_reported=set() if already_reported is None else already_reported,
        )
        return check(environment, "a fault", ["an operation"])

    def _expected_row(self) -> tuple[Any, ...]:
        # The rows as they were before the test damaged the world.
        app_id, key_id, status = self.known[0]
        ring, context = encryption.ring_of(KEY), f"registrations_clientsecret|envelope|{SECRET_ID}"
        envelope = "" if status == "removed" else encryption.seal(ring, self.password.secret, context)
        ump_url, guid = "https://localhost/ump/finebak/tenantui", self.customer.id
        return (
            "an operation",
            self.by_api,
            ump_url,
            self.is_connection,
            guid,
            self.managed,
            app_id,
            key_id,
            SECRET_ID,
            envelope,
            None,
            "",
        )


def remove_secret(fixture: Fixture) -> None:
    fixture.application.passwords.clear()


def replace_secret(fixture: Fixture) -> None:
    fixture.application.passwords = [fixture.add_orphaned_secret()]


def remove_application(fixture: Fixture) -> None:
    del fixture.tenant.applications[fixture.application.id]


def let_ump_hold_another_secret(fixture: Fixture) -> None:
    fixture.ump.client_secret = "another"


def let_ump_hold_another_application(fixture: Fixture) -> None:
    fixture.ump.client_id = "another"


def forget_secret(fixture: Fixture) -> None:
    fixture.known = [(fixture.application.app_id, "", "removed")]
    remove_secret(fixture)


def connect_by_another_secret(fixture: Fixture) -> None:
    fixture.is_connection, fixture.customer.connection.client_secret = True, "another"


def connect_nothing(fixture: Fixture) -> None:
    fixture.is_connection, fixture.customer.connection = True, UmpConnection()


def add_orphan(fixture: Fixture) -> None:
    fixture.world.add_application(fixture.tenant, "an orphan", uniqueName="syncportal-nobody.localhost")


def add_tagged_orphan(fixture: Fixture) -> None:
    fixture.world.add_application(fixture.tenant, "an orphan", tags=["syncportal", "syncportal-instance-gone"])


def add_one_of_the_same_address(fixture: Fixture) -> None:
    fixture.another()


def add_one_of_the_same_name(fixture: Fixture) -> None:
    fixture.world.add_application(fixture.tenant, "finebak", uniqueName=NAME)


def keep_two_secrets(fixture: Fixture) -> None:
    fixture.known.append((fixture.application.app_id, fixture.add_orphaned_secret().key_id, "stored"))


def test_a_correct_world_passes() -> None:
    fixture = Fixture()
    for fixture.is_connection in (False, True):
        result = fixture.check()
        assert (result.passed, result.details) == (True, [])


@pytest.mark.parametrize(
    ("damage", "counts", "words"),
    [
        (remove_secret, (1, 0, 0, 0), "our live secret"),
        (replace_secret, (1, 0, 1, 0), "our live secret"),
        (remove_application, (1, 0, 0, 0), "is not in Entra"),
        (let_ump_hold_another_secret, (1, 0, 0, 0), "holds another secret"),
        (let_ump_hold_another_application, (1, 0, 0, 0), "has the application another"),
        (forget_secret, (1, 0, 0, 0), "no registration with a live secret"),
        (connect_by_another_secret, (1, 0, 0, 0), "holds another secret"),
        (connect_nothing, (1, 0, 0, 0), "has the application None"),
        (Fixture.add_orphaned_secret, (0, 0, 1, 0), "secrets without a row"),
        (add_orphan, (0, 1, 0, 0), "has no row"),
        (add_tagged_orphan, (0, 1, 0, 0), "has no row"),
        (add_one_of_the_same_address, (0, 0, 0, 1), f"by {REDIRECT}"),
        (add_one_of_the_same_name, (0, 1, 0, 1), f"by {NAME}"),
        (keep_two_secrets, (0, 0, 0, 1), "more than one live secret"),
    ],
)
def test_each_defect_is_counted_and_named(
    damage: Callable[[Fixture], object], counts: tuple[int, ...], words: str
) -> None:
    fixture = Fixture()
    damage(fixture)
    result = fixture.check()
    assert tuple(getattr(result, name) for name in COUNTS) == counts
    assert any(words in detail for detail in result.details), result.details
    assert not result.passed


@pytest.mark.parametrize(
    "damage", [Fixture.add_orphaned_secret, add_orphan, add_one_of_the_same_address, add_one_of_the_same_name]
)
def test_a_leftover_is_counted_in_the_first_row_only(damage: Callable[[Fixture], object]) -> None:
    fixture, already_reported = Fixture(), set[str]()
    damage(fixture)
    assert not fixture.check(already_reported=already_reported).passed
    assert fixture.check(already_reported=already_reported).passed


def test_values_that_staff_typed_in_are_not_checked() -> None:
    fixture = Fixture()
    fixture.by_api, fixture.ump.client_secret = False, "another"
    assert fixture.check().passed


def test_the_key_id_of_a_customers_own_registration_is_not_checked() -> None:
    fixture = Fixture()
    fixture.managed, fixture.is_connection = False, True
    fixture.known = [(fixture.application.app_id, "", "delivered")]
    app = fixture.application
    app.properties.pop("uniqueName")
    assert fixture.check().passed


@pytest.mark.parametrize(("held", "failures"), [("kept", 0), ("another", 1)])
def test_the_ump_must_hold_the_delegated_token_that_we_keep(held: str, failures: int) -> None:
    fixture = Fixture()
    fixture.customer.connection = UmpConnection("delegated_token", "tilda", refresh_token=held)
    expectation = invariants.Expectation(
        "an operation",
        True,
        "finebak",
        True,
        fixture.customer.id,
        False,
        app_id="",
        key_id="",
        secret="",
        refresh_token="kept",
    )
    assert len(invariants.violations(expectation, asdict(fixture.world.state))) == failures
