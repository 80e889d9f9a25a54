"""What the commands share: one object a line with --json, sentences without, and one line for a refusal."""

import json
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registrations.errors import PortalError


class ReportingCommand(BaseCommand):
    """A command whose results are sentences for people, or JSON lines for scripts."""

    as_json = False

    def add_arguments(self, parser: CommandParser) -> None:
        """Every command has --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run `act`; an expected refusal becomes one line and exit status 1."""
        self.as_json = options["json"]
        try:
            self.act(options)
        except PortalError as refusal:
            raise CommandError(_with_support_data(refusal)) from refusal

    def act(self, options: dict[str, Any]) -> None:
        """What the command does. Raises PortalError or CommandError."""
        raise NotImplementedError

    def report(self, sentence: str, **values: Any) -> None:
        """One result, written at once, so that a reader sees each step when it is done."""
        self.stdout.write(json.dumps(values, default=str) if self.as_json else sentence)
        self.stdout.flush()


def _with_support_data(refusal: PortalError) -> str:
    """The refusal in one line, with what the remote service's support asks for."""
    answer = refusal.answer
    known = {
        "Request or trace ID": refusal.request_id,
        "correlation ID": answer.correlation_id,
        "answered at": answer.answered_at,
    }
    data = ", ".join(f"{name} {value}" for name, value in known.items() if value)
    return f"{refusal} ({data})" if data else str(refusal)


def read_secret(path: str) -> str:
    """The secret in a file, or from standard input for "-". Raises CommandError if it is missing or empty."""
    try:
        text = sys.stdin.read() if path == "-" else Path(path).read_text(encoding="utf-8-sig")
    except OSError as error:
        raise CommandError(f"The secret cannot be read from {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not text in UTF-8.") from None
    if not text.strip():
        raise CommandError(f"{path} is empty: it must hold the secret's value.")
    return text.strip()
