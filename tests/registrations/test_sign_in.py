"""Staff sign in: recorded, slowed down after wrong passwords, and never with what was typed."""

from datetime import timedelta
from pathlib import Path

import pytest
import time_machine
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from registrations.auth import throttle
from registrations.models import AuditEvent, LoginAttempt
from tests import factories

pytestmark = pytest.mark.django_db


def attempt(username: str, password: str, address: str = "192.0.2.1") -> Client:
    client = Client(headers={"host": "localhost"}, REMOTE_ADDR=address)
    client.post(reverse("admin:login"), {"username": username, "password": password})
    return client


def is_in(client: Client) -> bool:
    return client.get(reverse("admin:index")).status_code == 200


def test_a_right_password_signs_in_and_is_recorded(operator: User) -> None:
    assert is_in(attempt("olga", factories.PASSWORD))
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.ip_address) == ("staff.signed_in", "Olga Operator", "192.0.2.1")


def test_a_wrong_password_is_recorded_without_the_password(operator: User) -> None:
    assert not is_in(attempt("olga", "my-other-password"))
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label) == ("staff.sign_in_refused", "olga")
    assert "my-other-password" not in f"{event.before}{event.after}{event.actor_id}"


def test_a_password_typed_as_the_user_name_is_not_kept(operator: User) -> None:
    attempt(factories.PASSWORD, "")
    attempt(factories.PASSWORD, "x")
    event = AuditEvent.objects.get()
    assert event.actor_label == "Unknown user name"
    assert factories.PASSWORD not in f"{event.actor_id}{event.after}{event.subject_label}"


def test_the_sixth_try_is_refused_even_with_the_right_password(operator: User) -> None:
    for _ in range(5):
        attempt("olga", "wrong")
    assert not is_in(attempt("olga", factories.PASSWORD))
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 5


def test_the_refusal_says_to_wait(operator: User) -> None:
    for _ in range(5):
        attempt("olga", "wrong")
    client = Client(headers={"host": "localhost"}, REMOTE_ADDR="192.0.2.1")
    answer = client.post(reverse("admin:login"), {"username": "olga", "password": factories.PASSWORD})
    assert "Wait 15 minutes" in answer.content.decode()


def test_another_address_and_another_name_are_not_stopped(operator: User, auditor: User) -> None:
    for _ in range(5):
        attempt("olga", "wrong")
    assert is_in(attempt("olga", factories.PASSWORD, address="192.0.2.2"))
    assert is_in(attempt("arthur", factories.PASSWORD))


def test_after_fifteen_minutes_the_name_is_free_again(operator: User) -> None:
    for _ in range(5):
        attempt("olga", "wrong")
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert not throttle.is_throttled("OLGA ", "192.0.2.1")


def test_spelling_the_name_differently_does_not_help(operator: User) -> None:
    for _ in range(5):
        attempt("olga", "wrong")
    assert throttle.is_throttled(" OLGA", "192.0.2.1")


def test_whoever_is_no_staff_does_not_get_in(stranger: User) -> None:
    assert not is_in(attempt("stranger", factories.PASSWORD))
    assert AuditEvent.objects.get().action == "staff.sign_in_refused"


def test_whoever_is_deactivated_is_out_with_the_next_click(operator: User, operator_client: Client) -> None:
    assert is_in(operator_client)
    User.objects.filter(pk=operator.pk).update(is_active=False)
    assert not is_in(operator_client)


def test_staff_are_added_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_staff", "ada", "--group", "operators", "--full-name", "Ada Admin")
    password = capsys.readouterr().out.strip().splitlines()[-1].rpartition(" ")[2]
    assert is_in(attempt("ada", password))
    user = User.objects.get()
    assert (user.get_full_name(), user.is_superuser) == ("Ada Admin", False)
    assert user.has_perm("registrations.provision_umpinstance")
    event = AuditEvent.objects.get(action="staff.added")
    assert (event.actor_label, event.subject_label) == ("Command line", "ada")


def test_a_weak_password_and_a_taken_name_are_refused(operator: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="already"):
        call_command("add_staff", "Olga", "--group", "operators")
    file = tmp_path / "password"
    file.write_text("short\n")
    with pytest.raises(CommandError, match="too short"):
        call_command("add_staff", "bob", "--group", "auditors", "--password-file", str(file))
    assert not User.objects.filter(username="bob").exists()


def test_no_part_of_a_password_hash_is_shown(operator: User) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    page = client.get(reverse("admin:auth_user_change", args=[operator.pk])).content.decode()
    assert "algorithm" not in page
    assert operator.password.split("$")[-1][:6] not in page
    assert "Set a new password" in page


def test_a_group_change_is_in_the_history(operator: User, db: None) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    values = {
        "username": "olga",
        "first_name": "Olga",
        "last_name": "Operator",
        "email": "",
        "is_active": "on",
        "is_staff": "on",
    }
    client.post(reverse("admin:auth_user_change", args=[operator.pk]), values)
    event = AuditEvent.objects.get()
    assert (event.action, event.actor_label, event.after["groups"]) == ("staff.changed", "root", [])
    password = "another long password"
    client.post(
        reverse("admin:auth_user_password_change", args=[operator.pk]),
        {"password1": password, "password2": password, "usable_password": "true"},
    )
    newest = AuditEvent.objects.first()
    assert newest
    assert newest.action == "staff.password_changed"
    assert password not in f"{newest.after}"


def test_a_password_of_ones_own_is_changed_with_an_entry_in_the_history(
    operator: User, operator_client: Client
) -> None:
    new = "another long password"
    address = reverse("admin:password_change")
    wrong = {"old_password": "wrong", "new_password1": new, "new_password2": new}
    assert "The password is wrong" in operator_client.post(address, wrong).content.decode()
    refused = AuditEvent.objects.get()
    assert (refused.action, refused.actor_label, refused.after) == (
        "staff.sign_in_refused",
        "olga",
        {"where": "password change"},
    )
    assert operator_client.post(address, {**wrong, "old_password": factories.PASSWORD}).status_code == 302
    event = AuditEvent.objects.first()
    assert event
    assert (event.action, event.actor_label, event.after) == ("staff.password_changed", "Olga Operator", {})
    operator.refresh_from_db()
    assert operator.check_password(new)


def test_a_stolen_session_cannot_guess_the_password_where_it_is_changed(operator: User) -> None:
    client = Client(headers={"host": "localhost"})
    client.force_login(operator)
    address = reverse("admin:password_change")
    new = {"new_password1": "another long password", "new_password2": "another long password"}
    for _ in range(5):
        client.post(address, {**new, "old_password": "wrong"})
    answer = client.post(address, {**new, "old_password": factories.PASSWORD})
    assert "Too many wrong passwords" in answer.content.decode()
    operator.refresh_from_db()
    assert operator.check_password(factories.PASSWORD)
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").count() == 5


def test_all_addresses_of_one_ipv6_site_count_together(operator: User) -> None:
    for number in range(5):
        attempt("olga", "wrong", address=f"2001:db8:1:2::{number:x}")
    assert not is_in(attempt("olga", factories.PASSWORD, address="2001:db8:1:2:ffff::1"))
    assert is_in(attempt("olga", factories.PASSWORD, address="2001:db8:1:3::1"))


def test_an_ipv4_address_in_ipv6_clothes_counts_as_itself() -> None:
    assert throttle.network_of("::ffff:192.0.2.1") == throttle.network_of("192.0.2.1") == "192.0.2.1"
    assert throttle.network_of("::ffff:192.0.2.2") != "192.0.2.1"
    assert throttle.network_of("no address") == throttle.network_of(None) == ""


def test_guessing_one_name_from_many_addresses_is_stopped(operator: User, auditor: User) -> None:
    make_tries(throttle.MAX_FOR_NAME, name="olga")
    assert not is_in(attempt("olga", factories.PASSWORD, address="192.0.2.200"))
    assert is_in(attempt("arthur", factories.PASSWORD, address="192.0.2.200"))


def test_guessing_many_names_from_one_address_is_stopped(operator: User) -> None:
    make_tries(throttle.MAX_FROM_ADDRESS, address="192.0.2.1")
    assert not is_in(attempt("olga", factories.PASSWORD, address="192.0.2.1"))
    assert is_in(attempt("olga", factories.PASSWORD, address="192.0.2.2"))


def make_tries(number: int, *, name: str = "", address: str = "") -> None:
    """Wrong passwords; what is not given is another one each time."""
    for each in range(number):
        made = throttle.count_attempt(name or f"name{each}", address or f"192.0.2.{each}")
        assert made, "stopped before the limit"


def test_guesses_that_come_at_the_same_time_count_before_they_are_looked_at(
    operator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[bool] = []

    def look(user: User, password: str) -> bool:
        """While this password is being compared, the next request comes in."""
        if len(seen) < 20:
            seen.append(True)
            attempt("olga", "wrong")
        return False

    monkeypatch.setattr(User, "check_password", look)
    attempt("olga", "wrong")
    assert len(seen) == throttle.MAX_FOR_NAME_AND_ADDRESS


def test_right_passwords_do_not_use_up_the_limit(operator: User) -> None:
    for _ in range(throttle.MAX_FOR_NAME_AND_ADDRESS + 2):
        assert is_in(attempt("olga", factories.PASSWORD))
    assert not LoginAttempt.objects.exists()


def test_typed_passwords_are_forgotten_when_they_no_longer_count(operator: User) -> None:
    attempt("olga", "wrong")
    assert throttle.delete_old_attempts() == 0
    with time_machine.travel(timezone.now() + timedelta(minutes=15, seconds=1)):
        assert throttle.delete_old_attempts() == 1
    assert AuditEvent.objects.filter(action="staff.sign_in_refused").exists()
