"""A model of Entra for the engine's property tests: objects in memory, and every way in which a call can end."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import uuid4

from registrations.clients.graph.errors import GraphRefusedError, Meaning
from registrations.clients.graph.types import Application, Credential, DeletedApplication, NewSecret
from registrations.errors import NotYetError, RemoteUnavailableError

T = TypeVar("T")


class KilledError(BaseException):
    """kill -9 of the worker at this moment: nothing that catches errors may catch it."""


class ModelOfEntra:
    """What `GraphClient` is to the steps. `fate` decides each call: see `FATES`."""

    def __init__(self) -> None:
        self.applications: dict[str, dict[str, Any]] = {}
        self.principals: dict[str, str] = {}
        self.fates: list[str] = []
        self.meanwhile: Callable[[], None] | None = None
        self.broken: list[str] = []  # promises; an assertion within a step would be taken for the step's own error
        self.was_stale = False  # a read that lagged behind may hide a secret from the look before another is added

    # The calls that the steps make

    def find_application(self, unique_name: str) -> Application | None:
        """By its unique name; a replica that lags behind knows none."""
        found = next((app for app in self.applications.values() if app["uniqueName"] == unique_name), None)
        return self._call(lambda: _shown(found), stale=None)

    def read_application(self, object_id: str) -> Application | None:
        """By its object id."""
        return self._call(lambda: _shown(self.applications.get(object_id)), stale=None)

    def find_deleted(self, unique_name: str, object_id: str = "") -> DeletedApplication | None:
        """Nobody deletes anything here."""
        return self._call(lambda: None, stale=None)

    def create_application(self, unique_name: str, properties: Mapping[str, Any]) -> Application | None:
        """The upsert: None where it was there."""

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
        """Look, then make; one that is new is not looked for."""
        if is_new and app_id in self.principals:
            self.broken.append("a service principal was there that was said to be new")
        return self._call(lambda: self.principals.setdefault(app_id, str(uuid4())))

    def credentials(self, object_id: str) -> list[Credential]:
        """The secrets, as everybody may see them; a replica that lags behind has none."""
        entries = self.applications[object_id]["passwordCredentials"]
        return self._call(lambda: [Credential(entry["keyId"], entry["displayName"]) for entry in entries], stale=[])

    def add_secret(self, object_id: str, display_name: str, ends_at: datetime) -> NewSecret:
        """Each call adds one: this is what cannot be repeated."""

        def add() -> NewSecret:
            held = [entry["displayName"] for entry in self.applications[object_id]["passwordCredentials"]]
            if display_name in held and not self.was_stale:
                self.broken.append("a lost secret was there when another was added")
            made = NewSecret(str(uuid4()), f"{uuid4()}", "abc", ends_at)
            entry = {"keyId": made.key_id, "displayName": display_name, "secretText": made.secret_text}
            self.applications[object_id]["passwordCredentials"].append(entry)
            return made

        return self._call(add)

    def remove_secret(self, object_id: str, key_id: str) -> None:
        """Gone before counts as done."""

        def remove() -> None:
            application = self.applications[object_id]
            left = [entry for entry in application["passwordCredentials"] if entry["keyId"] != key_id]
            application["passwordCredentials"] = left

        self._call(remove)

    def _call(self, act: Callable[[], T], **stale: T) -> T:
        fate = self.fates.pop(0) if self.fates else "fine"
        if fate == "killed before":
            raise KilledError
        if fate == "refused":
            raise GraphRefusedError("A policy.", status=400, meaning=Meaning.POLICY, code="x", request_id="")
        if fate == "busy":
            raise RemoteUnavailableError("Busy.", retry_after=timedelta(seconds=1))
        if fate == "replicating":
            raise NotYetError("Copying.")
        if fate == "stale" and "stale" in stale:
            self.was_stale = True
            return stale["stale"]
        if fate == "overtaken" and self.meanwhile:
            self.meanwhile()
        answer = act()
        if fate == "killed after":
            raise KilledError
        if fate == "answer lost":
            raise RemoteUnavailableError("The answer broke off.")
        if fate == "overtaken after" and self.meanwhile:
            self.meanwhile()
        return answer


FATES = [
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
