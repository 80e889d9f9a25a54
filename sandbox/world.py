"""The simulated tenants, UMPs and mails, behind one lock, stored on disk."""

from __future__ import annotations

import copy
import json
import threading
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any
from uuid import uuid4

from sandbox import directory
from sandbox.catalogue import GRAPH_APP_ID
from sandbox.clock import Clock
from sandbox.model import (
    Application,
    AppRoleAssignment,
    JsonObject,
    Message,
    Password,
    ServicePrincipal,
    State,
    Tenant,
    Ump,
    UmpCustomer,
    User,
)
from sandbox.store import load, write_json

# AudioCodes' name for the app registration of a UMP's API.
UMP_API_NAME = "LiveCloud-APIToken"
# The delay before a change is written to disk. One write covers a burst of calls.
WRITE_AFTER_SECONDS = 0.05


class World:
    """The state of the sandbox. Hold `lock` to use `state`; the methods take the lock themselves."""

    def __init__(self, path: Path | None = None) -> None:
        self.lock = threading.RLock()
        self.clock = Clock()
        self.own_url = ""  # Graph's own address here: clients that are given another Graph ask for `<address>/.default`
        self.state = State()
        self.memory: JsonObject = {}
        self.alternating_seconds = 0.0  # for this long, every second read comes from a stale replica
        self.held_back: Counter[str] = Counter()  # by kind: how often a new object was hidden or refused
        self._old_replica = False
        self._answered_by_old_replica: bool | None = (
            None  # whether the stale replica answers this call; None: not chosen yet
        )
        self._seeded = State()
        self._path = path
        self._timer: threading.Timer | None = None
        self._timer_lock, self._file_lock = threading.Lock(), threading.Lock()
        self._taken = self._written = 0

    # Save, restore and reset

    def restore(self) -> JsonObject | None:
        """Load the file, if there is one. Returns the seed's ids and secrets, or None."""
        if self._path is None or not self._path.exists():
            return None
        data = json.loads(self._path.read_text())
        with self.lock:
            self.state, self._seeded = load(State, data["state"]), load(State, data["seeded"])
            self.memory = dict(data["memory"])
            self.clock.skew = self.state.clock_skew
        return self.memory

    def save_as_seed(self, memory: JsonObject) -> None:
        """Make the current state the one that `reset` restores."""
        with self.lock:
            self.memory = memory
            self._seeded = copy.deepcopy(self.state)
        self.touch()

    def reset(self) -> None:
        with self.lock:
            self.state = copy.deepcopy(self._seeded)
            self.clock.skew = self.alternating_seconds = 0.0
            self.held_back.clear()
        self.touch()

    def touch(self) -> None:
        """Schedule a write of the file, because the state changed."""
        if self._path is None:
            return
        with self._timer_lock:
            if self._timer is None:
                self._timer = threading.Timer(WRITE_AFTER_SECONDS, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Write the file now."""
        if self._path is None:
            return
        with self._timer_lock:
            self._timer = None
        with self.lock:
            self._taken += 1
            number = self._taken
            self.state.clock_skew = self.clock.skew
            data = {"state": asdict(self.state), "seeded": asdict(self._seeded), "memory": self.memory}
        # Take no other lock while holding this one: a request that holds the world's lock may be the next writer.
        with self._file_lock:
            if number > self._written:
                write_json(self._path, data)
                self._written = number

    # Time and replication

    @property
    def lag(self) -> dict[str, float]:
        """Seconds until a new object is visible, by kind. See `directory.LAG_KINDS`."""
        return self.state.lag

    def start_request(self) -> None:
        """Start a new call. One replica answers the whole call."""
        self._answered_by_old_replica = None

    def is_replicated(self, kind: str, created_at: float) -> bool:
        """Whether an object created at that time has reached the answering replica and works there."""
        if not self.is_visible(kind, created_at):
            return False
        seen = self.clock.now() >= created_at + self.state.lag.get(kind, 0.0)
        self.held_back[kind] += not seen
        return seen

    def is_visible(self, kind: str, created_at: float) -> bool:
        """Whether the answering replica lists the object. It may not work yet, if its kind has a lag."""
        if self.clock.now() >= created_at + self.alternating_seconds:
            return True
        if self._answered_by_old_replica is None:
            self._old_replica = not self._old_replica
            self._answered_by_old_replica = self._old_replica
        self.held_back[kind] += self._answered_by_old_replica
        return not self._answered_by_old_replica

    # Find

    def find_tenant(self, name: str) -> Tenant | None:
        """By id, domain or display name."""
        wanted = name.lower()
        for tenant in self.state.tenants.values():
            if wanted in (tenant.id, tenant.domain.lower(), tenant.name.lower()):
                return tenant
        return None

    def tenant(self, name: str) -> Tenant:
        found = self.find_tenant(name)
        if found is None:
            raise LookupError(f"no tenant {name}")
        return found

    def find_application(self, *, unique_name: str | None = None, app_id: str | None = None) -> Application | None:
        """An application of any tenant that is not deleted."""
        with self.lock:
            for tenant in self.state.tenants.values():
                for application in tenant.applications.values():
                    if app_id is not None and application.app_id == app_id:
                        return application
                    if unique_name is not None and application.unique_name == unique_name:
                        return application
        return None

    def messages(self) -> list[Message]:
        """The mailbox, oldest first."""
        with self.lock:
            return list(self.state.mail)

    def ump(self, name: str) -> Ump:
        return self.state.umps[name]

    # Add

    def add_tenant(self, name: str, tenant_id: str | None = None, domain: str | None = None) -> Tenant:
        with self.lock:
            tenant = Tenant(id=tenant_id or str(uuid4()), name=name, domain=domain or f"{name.lower()}.onmicrosoft.com")
            self.state.tenants[tenant.id] = tenant
            directory.add_service_principal(tenant, GRAPH_APP_ID, created_at=0.0)
        self.touch()
        return tenant

    def add_user(
        self,
        tenant: Tenant,
        display_name: str,
        upn: str,
        roles: list[str] | None = None,
        user_type: str = "Member",
        **flags: Any,
    ) -> User:
        """Add a user. `flags` are other fields of `User` (enabled, mfa_setup_needed, eligible_roles, ...)."""
        with self.lock:
            user = User(
                id=directory.seeded_id(tenant.id, upn), display_name=display_name, upn=upn, user_type=user_type, **flags
            )
            tenant.users[user.id] = user
            for role in roles or []:
                directory.assign_role(tenant, user.id, role, created_at=0.0)
        self.touch()
        return user

    def add_application(
        self,
        tenant: Tenant,
        display_name: str,
        *,
        app_id: str | None = None,
        service_principal: bool = True,
        **properties: Any,
    ) -> Application:
        """Register an application. Properties have Graph's names (`signInAudience`, `web`, ...)."""
        with self.lock:
            application = Application(
                id=str(uuid4()),
                app_id=app_id or str(uuid4()),
                tenant_id=tenant.id,
                created=self.clock.precise_instant(),
                created_at=0.0,
                properties={"displayName": display_name, "signInAudience": "AzureADMyOrg", **properties},
            )
            tenant.applications[application.id] = application
            if service_principal:
                directory.add_service_principal(tenant, application.app_id, created_at=0.0)
        self.touch()
        return application

    def add_service_principal(self, tenant: Tenant, app_id: str) -> ServicePrincipal:
        with self.lock:
            made = directory.add_service_principal(tenant, app_id, created_at=0.0)
        self.touch()
        return made

    def add_secret(self, application: Application, display_name: str = "seeded", days: float = 730) -> Password:
        """Add a secret that works at once. With negative days it is expired."""
        with self.lock:
            password = directory.new_password(
                display_name, self.clock.instant(min(0.0, days * 86400 - 86400)), self.clock.instant(days * 86400), 0.0
            )
            application.passwords.append(password)
        self.touch()
        return password

    def grant_application_permissions(
        self, tenant: Tenant, app_id: str, values: list[str], resource_app_id: str = GRAPH_APP_ID
    ) -> list[AppRoleAssignment]:
        """Grant application permissions by name, like admin consent."""
        with self.lock:
            now = self.clock.precise_instant()
            granted = directory.grant_roles_by_value(self.state, tenant, app_id, resource_app_id, values, 0.0, now)
        self.touch()
        return granted

    def add_ump(self, name: str, tenant_id: str, api_app_id: str | None = None) -> Ump:
        """Add a UMP. Without `api_app_id` it uses the tenant's existing registration of the API."""
        with self.lock:
            if api_app_id is None:
                own = self.state.tenants[tenant_id].applications.values()
                api_app_id = next(a.app_id for a in own if a.display_name == UMP_API_NAME)
            ump = Ump(name=name, tenant_id=tenant_id, api_app_id=api_app_id)
            self.state.umps[name] = ump
        self.touch()
        return ump

    def add_ump_customer(
        self, ump: str, short_name: str, full_name: str, tenant_id: str | None, license_type: int = 2
    ) -> UmpCustomer:
        with self.lock:
            customer = UmpCustomer(
                id=directory.seeded_id(ump, short_name),
                short_name=short_name,
                full_name=full_name,
                tenant_id=tenant_id,
                license_type=license_type,
            )
            self.state.umps[ump].customers[customer.id] = customer
        self.touch()
        return customer
