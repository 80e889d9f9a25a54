"""The chaos suite's judge, on worlds that were planted: each thing that can be wrong is told, and nothing where all is well."""

from collections.abc import Callable
from dataclasses import asdict
from types import SimpleNamespace
from typing import Any

import pytest

from registrations import encryption
from sandbox.model import Application, Password, UmpConnection
from sandbox.world import World
from tests import ephemeral
from tests.chaos import promises
from tests.chaos.verdict import Verdict, judge

KEY, SECRET_ID = ephemeral.portal_key(), "11111111-2222-3333-4444-555555555555"
NAME, REDIRECT = "syncportal-finebak.localhost", "http://finebak.localhost/OAuth2Callback"
COUNTS = ("lost", "applications_orphaned", "secrets_orphaned", "duplicated")


class Planted:
    """One application with its secret, one UMP that has both, one service of it that is connected by the same."""

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
        """An application with the instance's redirect URI."""
        return self.world.add_application(self.tenant, "finebak", web={"redirectUris": [REDIRECT]}, **properties)

    def stray(self) -> Password:
        """A secret that no row knows."""
        return self.world.add_secret(self.application)

    def judged(self, *, already_reported: set[str] | None = None) -> Verdict:
        """What the suite says of one operation that succeeded."""
        environment: Any = SimpleNamespace(
            states=lambda _: {"an operation": ("succeeded", "")},
            sandbox=lambda _: asdict(self.world.state),
            query=lambda statement, _=None: [self._promised()] if statement == promises.PROMISED else self.known,
            layout=SimpleNamespace(keys={"PORTAL_KEYS": KEY}),
            already_reported=set() if already_reported is None else already_reported,
        )
        return judge(environment, "a fault", ["an operation"])

    def _promised(self) -> tuple[Any, ...]:
        # As our rows were before somebody hurt the world.
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


def remove_secret(planted: Planted) -> None:
    planted.application.passwords.clear()


def replace_secret(planted: Planted) -> None:
    planted.application.passwords = [planted.stray()]


def remove_application(planted: Planted) -> None:
    del planted.tenant.applications[planted.application.id]


def let_ump_hold_another_secret(planted: Planted) -> None:
    planted.ump.client_secret = "another"


def let_ump_hold_another_application(planted: Planted) -> None:
    planted.ump.client_id = "another"


def forget_secret(planted: Planted) -> None:
    planted.known = [(planted.application.app_id, "", "removed")]
    remove_secret(planted)


def connect_by_another_secret(planted: Planted) -> None:
    planted.is_connection, planted.customer.connection.client_secret = True, "another"


def connect_nothing(planted: Planted) -> None:
    planted.is_connection, planted.customer.connection = True, UmpConnection()


def add_orphan(planted: Planted) -> None:
    planted.world.add_application(planted.tenant, "an orphan", uniqueName="syncportal-nobody.localhost")


def add_tagged_orphan(planted: Planted) -> None:
    planted.world.add_application(planted.tenant, "an orphan", tags=["syncportal", "syncportal-instance-gone"])


def add_one_of_the_same_address(planted: Planted) -> None:
    planted.another()


def add_one_of_the_same_name(planted: Planted) -> None:
    planted.world.add_application(planted.tenant, "finebak", uniqueName=NAME)


def keep_two_secrets(planted: Planted) -> None:
    planted.known.append((planted.application.app_id, planted.stray().key_id, "stored"))


def test_nothing_is_told_where_all_is_well() -> None:
    planted = Planted()
    for planted.is_connection in (False, True):
        verdict = planted.judged()
        assert (verdict.holds, verdict.details) == (True, [])


@pytest.mark.parametrize(
    ("hurt", "counts", "words"),
    [
        (remove_secret, (1, 0, 0, 0), "our live secret"),
        (replace_secret, (1, 0, 1, 0), "our live secret"),
        (remove_application, (1, 0, 0, 0), "is not in Entra"),
        (let_ump_hold_another_secret, (1, 0, 0, 0), "holds another secret"),
        (let_ump_hold_another_application, (1, 0, 0, 0), "has the application another"),
        (forget_secret, (1, 0, 0, 0), "no registration with a live secret"),
        (connect_by_another_secret, (1, 0, 0, 0), "holds another secret"),
        (connect_nothing, (1, 0, 0, 0), "has the application None"),
        (Planted.stray, (0, 0, 1, 0), "secrets that nobody holds"),
        (add_orphan, (0, 1, 0, 0), "has no row"),
        (add_tagged_orphan, (0, 1, 0, 0), "has no row"),
        (add_one_of_the_same_address, (0, 0, 0, 1), f"by {REDIRECT}"),
        (add_one_of_the_same_name, (0, 1, 0, 1), f"by {NAME}"),
        (keep_two_secrets, (0, 0, 0, 1), "more than one live secret"),
    ],
)
def test_what_is_wrong_with_a_world_is_counted_and_named(
    hurt: Callable[[Planted], object], counts: tuple[int, ...], words: str
) -> None:
    planted = Planted()
    hurt(planted)
    verdict = planted.judged()
    assert tuple(getattr(verdict, name) for name in COUNTS) == counts
    assert any(words in detail for detail in verdict.details), verdict.details
    assert not verdict.holds


@pytest.mark.parametrize("hurt", [Planted.stray, add_orphan, add_one_of_the_same_address, add_one_of_the_same_name])
def test_what_stays_behind_is_blamed_on_the_first_row_only(hurt: Callable[[Planted], object]) -> None:
    planted, already_reported = Planted(), set[str]()
    hurt(planted)
    assert not planted.judged(already_reported=already_reported).holds
    assert planted.judged(already_reported=already_reported).holds


def test_what_staff_typed_in_is_not_looked_for() -> None:
    planted = Planted()
    planted.by_api, planted.ump.client_secret = False, "another"
    assert planted.judged().holds


def test_a_registration_of_the_customers_need_not_be_known_by_its_key() -> None:
    planted = Planted()
    planted.managed, planted.is_connection = False, True
    planted.known = [(planted.application.app_id, "", "delivered")]
    app = planted.application
    app.properties.pop("uniqueName")
    assert planted.judged().holds


@pytest.mark.parametrize(("held", "complaints"), [("kept", 0), ("another", 1)])
def test_a_delegated_token_is_the_one_that_the_ump_holds(held: str, complaints: int) -> None:
    planted = Planted()
    planted.customer.connection = UmpConnection("delegated_token", "tilda", refresh_token=held)
    promise = promises.Promise(
        "an operation",
        True,
        "finebak",
        True,
        planted.customer.id,
        False,
        app_id="",
        key_id="",
        secret="",
        refresh_token="kept",
    )
    assert len(promises.missing(promise, asdict(planted.world.state))) == complaints
