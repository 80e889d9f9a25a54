"""The command that adds staff."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse

from registrations import audit
from registrations.models import AuditEvent
from tests.registrations.auth.sign_in import is_signed_in, sign_in

pytestmark = pytest.mark.django_db


def test_staff_are_added_from_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_staff", "ada", "--group", "operators", "--full-name", "Ada Admin")
    password = capsys.readouterr().out.strip().splitlines()[-1].rpartition(" ")[2]
    assert is_signed_in(sign_in("ada", password))
    user = User.objects.get()
    assert (user.get_full_name(), user.is_superuser) == ("Ada Admin", False)
    assert user.has_perm("registrations.provision_umpinstance")
    event = AuditEvent.objects.get(action="staff.added")
    assert (event.actor_label, event.subject_label) == (audit.command_line().label, "ada")


def test_a_weak_password_and_a_taken_name_are_refused(operator: User, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="already"):
        call_command("add_staff", "Olga", "--group", "operators")
    file = tmp_path / "password"
    file.write_text("short\n")
    with pytest.raises(CommandError, match="too short"):
        call_command("add_staff", "bob", "--group", "auditors", "--password-file", str(file))
    assert not User.objects.filter(username="bob").exists()


def test_the_first_administrator_is_added_from_the_command_line(db: None) -> None:
    call_command("add_staff", "anna", "--group", "administrators", "--full-name", "Anna Admin")
    anna = User.objects.get()
    assert (anna.is_staff, anna.is_superuser) == (True, True)
    assert AuditEvent.objects.get().after == {"groups": "administrators"}
    client = Client(headers={"host": "localhost"})
    client.force_login(anna)
    assert client.get(reverse("admin:auth_user_changelist")).status_code == 200
