"""Add a member of staff from the command line."""

import json
import secrets
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.contrib.auth.models import Group, User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from registrations import audit
from registrations.clean_text import Kind
from registrations.management.reporting import cleaned, read_secret

ADMINISTRATORS = "administrators"  # not a group: Django's superusers, the only ones who may manage people

KINDS = {"username": Kind.IDENTIFIER, "full_name": Kind.NAME}


class Command(BaseCommand):
    """Creates the user in a group, and records it in the history."""

    help = "Add a member of staff: an operator, who acts, an auditor, who reads, or an administrator, who also manages people."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The user name, the group, and where the password comes from."""
        parser.add_argument("username")
        parser.add_argument("--group", required=True, choices=["operators", "auditors", ADMINISTRATORS])
        parser.add_argument("--full-name", default="", help="as the history shows it")
        parser.add_argument(
            "--password-file", type=Path, help="a file with the password; without it one is generated and printed once"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError for a user name that is taken, a password that is too weak, and misleading characters."""
        options = cleaned(options, KINDS)
        file = options["password_file"]
        generated = "" if file else secrets.token_urlsafe(15)
        password = generated or read_secret(file, what=Kind.PASSWORD, called="password")
        user = _add(options["username"], options["full_name"], options["group"], password)
        if options["json"]:
            self.stdout.write(
                json.dumps({"username": user.username, "group": options["group"], "password": generated or None})
            )
            return
        self.stdout.write(f"Added {user.username} to {options['group']}.")
        if generated:
            self.stdout.write(f"Password, shown once: {generated}")


def _add(username: str, full_name: str, group_name: str, password: str) -> User:
    if User.objects.filter(username__iexact=username).exists():
        raise CommandError(f"The user {username} exists already.")
    first, _, last = full_name.strip().partition(" ")
    is_administrator = group_name == ADMINISTRATORS
    user = User(username=username, first_name=first, last_name=last, is_staff=True, is_superuser=is_administrator)
    user.set_password(password)
    try:
        user.full_clean()
        validate_password(password, user)
        groups = [] if is_administrator else [Group.objects.get(name=group_name)]
    except ValidationError as refusal:
        named = refusal.message_dict if hasattr(refusal, "error_dict") else {"password": refusal.messages}
        raise CommandError(" ".join(f"{field}: {' '.join(texts)}" for field, texts in named.items())) from None
    except Group.DoesNotExist:
        raise CommandError(f"The group {group_name} is missing. Run manage.py migrate first.") from None
    with audit.atomic():
        user.save()
        user.groups.set(groups)
        audit.record("staff.added", actor=audit.command_line(), subject=user, after={"groups": group_name})
    return user
