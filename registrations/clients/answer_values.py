"""Values in a remote service's JSON. One that is missing or has another type is an error with words, never a KeyError."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from registrations.errors import PortalError

UNREADABLE = "unreadable_answer"


@dataclass(frozen=True)
class AnswerValues:
    """Reads the answers of one service. `error` makes the PortalError to raise, from a sentence and `code`.

    An outcome that is unknown has no code: a code says that the service has answered.
    """

    service: str
    error: Callable[..., PortalError]
    code: str = ""

    def text(self, body: Any, name: str) -> str:
        """A text that must be there and not empty; a number counts as its digits."""
        found = self.present(body, name)
        if not found:
            raise self.missing(name)
        return found

    def present(self, body: Any, name: str) -> str:
        """A text that must be there; null counts as empty."""
        if name not in self.members(body, name):
            raise self.missing(name)
        return self.optional(body, name)

    def optional(self, body: Any, name: str) -> str:
        """A text, or "" where it is missing or null."""
        found = self.members(body, name).get(name)
        if found is None:
            return ""
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise self.missing(name)
        return str(found)

    def flag(self, body: Any, name: str) -> bool:
        """True or false, which must be there."""
        found = self.members(body, name).get(name)
        if not isinstance(found, bool):
            raise self.missing(name)
        return found

    def moment(self, body: Any, name: str) -> datetime | None:
        """An instant (it may have seven digits of a second), or None where it is missing. The year 1 stands for none."""
        written = self.optional(body, name)
        try:
            found = datetime.fromisoformat(written.replace("Z", "+00:00")) if written else None
        except ValueError:
            raise self.missing(name) from None
        if found and found.year > 1 and found.tzinfo is None:
            raise self.missing(name)
        return found if found and found.year > 1 else None

    def nested(self, body: Any, name: str) -> dict[str, Any]:
        """An object, empty where it is missing or null."""
        found = self.members(body, name).get(name)
        return {} if found is None else self.members(found, name)

    def entries(self, body: Any, name: str) -> list[dict[str, Any]]:
        """A list of objects, which must be there."""
        if not isinstance(self.members(body, name).get(name), list):
            raise self.missing(name)
        return self.optional_entries(body, name)

    def optional_entries(self, body: Any, name: str) -> list[dict[str, Any]]:
        """A list of objects, empty where it is missing or null."""
        found = self.members(body, name).get(name)
        if found is None:
            return []
        if not isinstance(found, list):
            raise self.missing(name)
        return [self.members(entry, name) for entry in found]

    def texts(self, body: Any, name: str) -> list[str]:
        """A list of texts, empty where it is missing or null."""
        found = self.members(body, name).get(name)
        if found is None:
            return []
        if not isinstance(found, list) or not all(isinstance(entry, str) for entry in found):
            raise self.missing(name)
        return found

    def members(self, body: Any, name: str) -> dict[str, Any]:
        """The body as an object: `name` is what is looked for in it."""
        if not isinstance(body, dict):
            raise self.missing(name)
        return body

    def missing(self, name: str) -> PortalError:
        """The error for a value that is not there, or of another type. It quotes nothing: the value may be a secret."""
        return self.error(f"{self.service} sent an answer without a usable {name}.", code=self.code)
