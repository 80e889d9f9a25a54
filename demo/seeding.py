"""The example data: Finebak, its app umptoken, and one customer to invite.

Everything goes through the product's commands. What is done is remembered, so that the next start skips it.
"""

import contextlib
import csv
import io
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from demo import services
from demo.processes import ProcessError, Supervisor
from demo.services import Layout

APP_NAME = "umptoken"
STAFF = {  # user name: (group, full name, password); printed at every start
    "olga": ("operators", "Olga Operator", "finebak-olga-demo"),
    "arthur": ("auditors", "Arthur Auditor", "finebak-arthur-demo"),
}


class Memory:
    """What earlier starts did, in a file that only its owner can read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.values: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}

    def keep(self, **values: Any) -> None:
        """Save these values to disk at once."""
        self.values |= values
        private_file(self.path, json.dumps(self.values, indent=1))

    def __getitem__(self, name: str) -> Any:
        return self.values.get(name)


def private_file(path: Path, text: str) -> Path:
    """Write, atomically, a file that only its owner can read."""
    draft = path.with_name(f"{path.name}.new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
        file.write(text)
    draft.replace(path)
    return path


def remember_addresses(memory: Memory, layout: Layout) -> None:
    """Raises ProcessError if an earlier start used other ports: its addresses are kept in database and sandbox."""
    ports = layout.ports.in_addresses
    if memory["ports"] not in (None, ports):
        made_for = ", ".join(str(port) for port in memory["ports"])
        raise ProcessError(
            f"This demo was made for the ports {made_for}. Use them, or delete its data with: make demo-reset"
        )
    memory.keep(ports=ports)


class Seeding:
    """One run of the seed: `say` tells the person what is being done."""

    def __init__(self, layout: Layout, supervisor: Supervisor, memory: Memory, say: Callable[[str], None]) -> None:
        self.layout, self.supervisor, self.memory, self.say = layout, supervisor, memory, say
        self.seed: dict[str, Any] = json.loads((layout.sandbox_directory / "seed.json").read_text())
        self.host = f"{APP_NAME}.{self.seed['provider']['domain']}"

    def run(self) -> None:
        """Carry out what earlier starts did not. Raises ProcessError with the failing command's own sentence."""
        for step in (self.connect_tenant, self.import_instance, self.add_staff, self.provision, self.invite):
            done = self.memory["done"] or []
            if step.__name__ not in done:
                step()
                self.memory.keep(done=[*done, step.__name__])

    def connect_tenant(self) -> None:
        """Check and keep the credential with which the portal works in Finebak's tenant."""
        provider = self.seed["provider"]
        self.say(f"Connect the tenant of {provider['name']}")
        with _temporary(self.layout.directory / "client-secret.txt", provider["client_secret"]) as path:
            self._manage(
                "connect_tenant",
                provider["tenant_id"],
                "--name",
                provider["name"],
                "--subscription",
                "service_provider",
                "--client-id",
                provider["client_id"],
                "--client-secret-file",
                str(path),
            )

    def import_instance(self) -> None:
        """Import the one UMP instance, with the UMP's credential."""
        self.say(f"Import {self.host}")
        provider, ump = self.seed["provider"], self.seed["ump"]
        row = {
            "service_provider": provider["name"],
            "domain": provider["domain"],
            "subscription": "service_provider",
            "tenant_id": provider["tenant_id"],
            "app_name": APP_NAME,
            "ump_url": ump["url"],
            "ump_client_id": ump["client_id"],
            "ump_client_secret": ump["client_secret"],
            "ump_scope": ump["scope"],
            "ump_tenant_id": ump["tenant_id"],
            "delivery": "api",
            "contact_name": f"{provider['name']} onboarding team",
            "contact_email": f"onboarding@{provider['domain']}",
            "contact_phone": "+44 20 7946 0000",
        }
        table = io.StringIO()
        writer = csv.DictWriter(table, list(row))
        writer.writeheader()
        writer.writerow(row)
        with _temporary(self.layout.directory / "instances.csv", table.getvalue()) as path:
            self._manage("import_instances", str(path))

    def add_staff(self) -> None:
        """Add an operator and an auditor."""
        for name, (group, full_name, password) in STAFF.items():
            if name in (added := self.memory["staff"] or []):
                continue
            self.say(f"Add {full_name} to {group}")
            with _temporary(self.layout.directory / "password.txt", password) as path:
                who = [name, "--group", group, "--full-name", full_name]
                self._manage("add_staff", *who, "--password-file", str(path))
            self.memory.keep(staff=[*added, name])

    def provision(self) -> None:
        """Provision the instance through the worker and show each step."""
        self.say(f"Provision {self.host} through the worker:")
        self._manage("provision", self.host, "--wait", hear=lambda line: self.say(f"  {line}"))

    def invite(self) -> None:
        """Create the invitation, and save its link for the next start."""
        customer = self.seed["customer"]
        self.say(f"Invite {customer['name']}, by mail")
        answer = self._manage(
            "invite",
            self.host,
            "--short-name",
            customer["short_name"],
            "--full-name",
            customer["full_name"],
            "--service-type",
            "oc_pro",
            "--tenant-id",
            customer["tenant_id"],
            "--customer-name",
            customer["name"],
            "--email",
            customer["it_admin_email"],
            "--m365-admin",
            customer["admin_upn"],
            "--send",
            "--json",
        )
        self.memory.keep(link=json.loads(answer.strip().splitlines()[-1])["link"])

    def _manage(self, *arguments: str, hear: Callable[[str], None] | None = None) -> str:
        return self.supervisor.run(services.manage(self.layout, *arguments), hear)


@contextlib.contextmanager
def _temporary(path: Path, text: str) -> Iterator[Path]:
    """A temporary private file that passes a secret to a command."""
    try:
        yield private_file(path, text)
    finally:
        path.unlink(missing_ok=True)
