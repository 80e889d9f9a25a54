"""The canary: wrong and missing keys of PORTAL_KEYS are noticed before a secret is needed."""

from typing import Any

import pytest

from registrations.encryption import KeyRing
from registrations.models import KeyCanary
from tests import factories

pytestmark = pytest.mark.django_db


def test_a_key_that_was_exchanged_is_noticed(settings: Any) -> None:
    assert KeyCanary.objects.refusal() == ""
    settings.PORTAL_KEYS = KeyRing.new_key("k1")
    assert KeyCanary.objects.refusal().startswith("the key k1 of PORTAL_KEYS is not the one")


def test_a_key_that_was_left_out_is_noticed(settings: Any) -> None:
    assert KeyCanary.objects.refusal() == ""
    settings.PORTAL_KEYS = KeyRing.new_key("k2")
    assert KeyCanary.objects.refusal().startswith("PORTAL_KEYS lacks the key k1")


def test_keys_that_open_no_secret_of_an_older_database_are_noticed(settings: Any) -> None:
    instance = factories.make_instance()
    instance.seal("ump_client_secret_envelope", "a secret")
    instance.save()
    right, settings.PORTAL_KEYS = settings.PORTAL_KEYS, KeyRing.new_key("k1")
    assert (
        KeyCanary.objects.refusal()
        == "PORTAL_KEYS opens none of the secrets in this database. Put the right keys back."
    )
    assert not KeyCanary.objects.exists()
    settings.PORTAL_KEYS = right
    assert KeyCanary.objects.refusal() == ""
    assert KeyCanary.objects.count() == 1


def test_a_new_first_key_gets_a_canary_and_the_old_one_keeps_its_own(settings: Any) -> None:
    for _ in range(2):
        assert KeyCanary.objects.refusal() == ""
    old = settings.PORTAL_KEYS
    settings.PORTAL_KEYS = f"{KeyRing.new_key('k2')},{old}"
    for _ in range(2):
        assert KeyCanary.objects.refusal() == ""
    assert sorted(KeyCanary.objects.values_list("key_id", flat=True)) == ["k1", "k2"]
    settings.PORTAL_KEYS = old
    assert KeyCanary.objects.refusal().startswith("PORTAL_KEYS lacks the key k2")
