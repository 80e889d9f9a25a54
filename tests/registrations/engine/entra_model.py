"""A model of Entra for the engine's property tests: objects in memory, and every outcome that a call can have."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import Application, Credential, DeletedApplication, NewSecret, SecretPolicy
from registrations.errors import NotYetError, RemoteUnavailableError

T = TypeVar("T")


class KilledError(BaseException):
    """kill -9 of the worker at this moment: nothing that catches errors may catch it."""


class ModelOfEntra:
    """Stands in for `GraphClient` in the steps. Each call has the next outcome of `outcomes`: see `OUTCOMES`."""

    def __init__(self) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.principals: dict[str, str] = {}
        self.outcomes: list[str] = []
        self.during_a_call: Callable[[], None] | None = None
        self.violations: list[
            str
        ] = []  # broken invariants; an assertion within a step would count as the step's own error
        self.was_stale = False  # a read that lags may hide a secret just before another is added

    # The calls that the steps make

    def find_application(self, unique_name: str) -> Application | None:
        """By its unique name; a replica that lags knows none."""
        found = next((app for app in self.applications.values() if app["uniqueName"] == unique_name), None)
        return self._call(lambda: _shown(found), stale=None)

    def read_application(self, object_id: str) -> Application | None:
        """By its object id."""
        return self._call(lambda: _shown(self.applications.get(object_id)), stale=None)

    def find_deleted(self, unique_name: str, object_id: str = "") -> DeletedApplication | None:
        """This model has no deleted applications."""
        return self._call(lambda: None, stale=None)

    def create_application(self, unique_name: str, properties: Mapping[str, Any]) -> Application | None:
        """The upsert: None if the application existed."""

        def upsert() -> Application | None:
            if any(app["uniqueName"] == unique_name for app in self.applications.values()):
                return None
            made: dict[str, Any] = {
                "id": str(uuid4()),
                "appId": str(uuid4()),
                "uniqueName": unique_name,
                "passwordCredentials": [],
            }
            self.applications[made["id"]] = {**made, **properties}
            return _shown(self.applications[made["id"]])

        return self._call(upsert)

    def update_application(self, object_id: str, changes: Mapping[str, Any]) -> None:
        """Change properties."""
        self._call(lambda: self.applications[object_id].update(changes))

    def ensure_service_principal(self, app_id: str, *, is_new: bool = False) -> str:
        """Look, then create; a new application's is not looked for."""
        if is_new and app_id in self.principals:
            self.violations.append("a service principal was there of an application that counted as new")
        return self._call(lambda: self.principals.setdefault(app_id, str(uuid4())))

    def credentials(self, object_id: str) -> list[Credential]:
        """The secrets without their values; a replica that lags has none."""
        entries = self.applications[object_id]["passwordCredentials"]
        return self._call(lambda: [Credential(entry["keyId"], entry["displayName"]) for entry in entries], stale=[])

    def secret_policy(self) -> SecretPolicy:
        """It allows everything."""
        return SecretPolicy(forbidden=False, longest="")

    def add_secret(self, object_id: str, display_name: str, ends_at: datetime) -> NewSecret:
        """Each call adds one, so it cannot be repeated."""

        def add() -> NewSecret:
            held = [entry["displayName"] for entry in self.applications[object_id]["passwordCredentials"]]
            if display_name in held and not self.was_stale:
                self.violations.append("a lost secret was there when another was added")
            made = NewSecret(str(uuid4()), f"{uuid4()}", "abc", ends_at)
            entry = {"keyId": made.key_id, "displayName": display_name, "secretText": made.secret_text}
            self.applications[object_id]["passwordCredentials"].append(entry)
            return made

        return self._call(add)

    def remove_secret(self, object_id: str, key_id: str) -> None:
        """One that is missing counts as removed."""

        def remove() -> None:
            application = self.applications[object_id]
            left = [entry for entry in application["passwordCredentials"] if entry["keyId"] != key_id]
            application["passwordCredentials"] = left

        self._call(remove)

    def _call(self, act: Callable[[], T], **stale: T) -> T:
        outcome = self.outcomes.pop(0) if self.outcomes else "fine"
        if outcome == "killed before":
            raise KilledError
        if outcome == "refused":
            raise GraphRefusedError("A policy.", status=400, meaning=Meaning.POLICY, code="x")
        if outcome == "busy":
            raise RemoteUnavailableError("Busy.", retry_after=timedelta(seconds=1))
        if outcome == "replicating":
            raise NotYetError("Copying.")
        if outcome == "stale" and "stale" in stale:
            self.was_stale = True
            return stale["stale"]
        if outcome == "overtaken" and self.during_a_call:
            self.during_a_call()
        answer = act()
        if outcome == "killed after":
            raise KilledError
        if outcome == "answer lost":
            raise RemoteUnavailableError("The answer broke off.")
        if outcome == "overtaken after" and self.during_a_call:
            self.during_a_call()
        return answer


OUTCOMES = [
    "fine",
    "busy",
    "refused",
    "replicating",
    "stale",
    "answer lost",
    "killed before",
    "killed after",
    "overtaken",
    "overtaken after",
]


def _shown(found: Mapping[str, Any] | None) -> Application | None:
    return Application(found["id"], found["appId"], "", dict(found)) if found else None
