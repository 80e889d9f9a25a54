"""Make SyncPortal's two keys from the command line."""

import os
import secrets
import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from registrations.encryption import KeyRing


class Command(BaseCommand):
    """Writes the keys beside an SQLite database, or prints them for any other. Existing keys are never replaced."""

    help = (
        "Create SyncPortal's keys, in files beside the SQLite database that only their owner may read. "
        "Existing keys stay as they are."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Whether to print the keys, and the name of the encryption key."""
        parser.add_argument("--print", action="store_true", help="print new keys as lines for .env, and write no file")
        parser.add_argument("--key-id", default="k1", help="with --print: the name of the new encryption key")

    def handle(self, *args: Any, **options: Any) -> None:
        """Raises CommandError if the files cannot be written, or belong to no database."""
        if options["print"]:
            self.stdout.write("\n".join(f"{name}={key}" for name, key in _new_keys(options["key_id"]).items()))
            return
        if not settings.KEY_FILES:
            if settings.MISSING_KEYS:
                raise CommandError(
                    "With PostgreSQL the keys are settings. Print new ones with: manage.py make_keys --print"
                )
            self.stdout.write("SECRET_KEY and PORTAL_KEYS are set.")
            return
        new = _new_keys("k1")
        for name, path in settings.KEY_FILES.items():
            self.stdout.write(self._keep(name, path, new[name]))

    def _keep(self, name: str, path: Path, key: str) -> str:
        if path.is_symlink() and not path.exists():
            raise CommandError(
                f"{path} is a link to a file that does not exist. Restore that file, or remove the link."
            )
        if name == "PORTAL_KEYS" and name in settings.MISSING_KEYS and not path.exists() and _has_database():
            raise CommandError(
                f"{path} is missing, and there is a database beside it: its secrets cannot be decrypted with a new key. "
                "Restore the file, or start with another database."
            )
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            if name not in settings.MISSING_KEYS and not path.exists():
                return f"{name} is set; no file is needed."
            made = write_once(path, key)
            if not made and not path.read_text().strip():
                raise CommandError(f"{path} is empty. If no key was ever in it, delete it and run this again.")
        except OSError as error:
            raise CommandError(
                f"{path} cannot be written ({error.strerror}). Is DATABASE_URL the one you mean?"
            ) from None
        return f"Made {path}" if made else f"Kept {path}"


def _has_database() -> bool:
    database = Path(settings.DATABASES["default"]["NAME"])
    return database.exists() and database.stat().st_size > 0


def write_once(path: Path, text: str) -> bool:
    """Write a file that only its owner may read, whole or not at all. False if it exists already: it is not replaced."""
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # with mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)  # unlike a rename, it fails if the file exists
    except FileExistsError:
        return False
    finally:
        os.unlink(draft)
    return True


def _new_keys(key_id: str) -> dict[str, str]:
    if not key_id.isalnum():
        raise CommandError("A key's name has letters and digits only, for example k2.")
    return {"SECRET_KEY": secrets.token_urlsafe(50), "PORTAL_KEYS": KeyRing.new_key(key_id)}
