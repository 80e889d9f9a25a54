"""What the commands share: one object a line with --json, sentences without, and one line for a refusal."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

from django.core.management.base import BaseCommand, CommandError, CommandParser

from registrations.clean_text import Kind, MisleadingTextError, clean
from registrations.errors import PortalError


class ReportingCommand(BaseCommand):
    """A command whose results are sentences for people, or JSON lines for scripts."""

    as_json = False
    kinds: ClassVar[Mapping[str, Kind]] = {}  # what each option with text is

    def add_arguments(self, parser: CommandParser) -> None:
        """Every command has --json."""
        parser.add_argument("--json", action="store_true", help="print one JSON object a line")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run `act`; an expected refusal becomes one line and exit status 1."""
        self.as_json = options["json"]
        try:
            self.act(cleaned(options, self.kinds))
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


def cleaned(options: dict[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The options, each text cleaned as what it is. Raises CommandError that names the option."""
    changed: dict[str, Any] = {}
    for name, kind in kinds.items():
        given = options.get(name)
        try:
            if isinstance(given, list):
                changed[name] = [clean(each, what=kind) for each in given]
            elif isinstance(given, str):
                changed[name] = clean(given, what=kind)
        except MisleadingTextError as refusal:
            raise CommandError(f"{name.replace('_', ' ')}: {refusal}") from None
    return {**options, **changed}


def read_secret(path: str | Path, *, what: Kind = Kind.SECRET, called: str = "secret") -> str:
    """The secret in a file, or from standard input for "-". Raises CommandError if it is missing, empty or misleading."""
    try:
        given = sys.stdin.read() if str(path) == "-" else Path(path).read_text(encoding="utf-8-sig")
        text = clean(given, what=what)
    except OSError as error:
        raise CommandError(f"The {called} cannot be read from {path}: {error.strerror}.") from error
    except UnicodeDecodeError:
        raise CommandError(f"{path} is not text in UTF-8: save it again with that encoding.") from None
    except MisleadingTextError as refusal:
        raise CommandError(f"The {called} in {path} cannot be used. {refusal}") from None
    if not text:
        raise CommandError(f"{path} is empty: it must hold the {called}.")
    return text
