"""What the demo's seed remembers, and what it leaves on disk."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from demo import seeding
from demo.processes import Process, ProcessError, Supervisor
from demo.seeding import Memory, Seeding
from demo.services import Layout, Ports

SEED = {
    "provider": {
        "name": "Finebak",
        "domain": "finebak.localhost",
        "tenant_id": "tenant",
        "client_id": "client",
        "client_secret": "provider-secret",
    },
    "ump": {
        "url": "https://localhost:1/ump",
        "client_id": "ump-client",
        "client_secret": "ump-secret",
        "scope": "api://x/.default",
        "tenant_id": "tenant",
    },
    "customer": {
        "name": "Contoso",
        "short_name": "contoso1",
        "full_name": "Contoso Ltd",
        "tenant_id": "customer-tenant",
        "it_admin_email": "it@contoso.example",
        "admin_upn": "carla@contoso.example",
    },
}


class Commands(Supervisor):
    """Records the product's commands instead of running them. The one named `failing` fails."""

    def __init__(self) -> None:
        super().__init__()
        self.ran: list[str] = []
        self.failing = ""

    def run(self, process: Process, *_: Any) -> str:
        name = process.name.removeprefix("command ")
        if name == self.failing:
            raise ProcessError(f"{name} failed")
        assert not {"provider-secret", "ump-secret"} & set(process.command)
        self.ran.append(name)
        return '{"link": "http://umptoken.finebak.localhost:8000/authenticate/abc"}\n'


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(tmp_path, Ports(), "sqlite://", "redis://127.0.0.1:6390/0")
    made.sandbox_directory.mkdir()
    (made.sandbox_directory / "seed.json").write_text(json.dumps(SEED))
    return made


def seed(layout: Layout, commands: Commands) -> Seeding:
    return Seeding(layout, commands, Memory(layout.directory / "demo.json"), lambda words: None)


def test_other_ports_than_before_are_refused(layout: Layout) -> None:
    memory = Memory(layout.directory / "demo.json")
    seeding.remember_addresses(memory, layout)
    seeding.remember_addresses(memory, layout)
    moved = Layout(layout.directory, Ports(portal=9000), "sqlite://", "redis://127.0.0.1:6390/0")
    with pytest.raises(ProcessError, match="made for the ports 8000, 8443, 8400"):
        seeding.remember_addresses(Memory(memory.path), moved)


def test_a_start_after_a_failure_repeats_only_what_failed(layout: Layout) -> None:
    commands = Commands()
    commands.failing = "provision"
    with pytest.raises(ProcessError, match="provision failed"):
        seed(layout, commands).run()
    assert commands.ran == ["connect_tenant", "import_instances", "add_staff", "add_staff"]
    commands.failing, commands.ran = "", []
    again = seed(layout, commands)
    again.run()
    assert commands.ran == ["provision", "invite"]
    assert again.memory["link"].endswith("/authenticate/abc")


def test_a_failed_command_leaves_no_secret_on_disk(layout: Layout) -> None:
    commands = Commands()
    commands.failing = "connect_tenant"
    with pytest.raises(ProcessError):
        seed(layout, commands).run()
    assert not list(layout.directory.glob("*.txt*"))


def test_only_the_owner_can_read_the_memory(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "demo.json")
    memory.keep(link="secret link")
    assert stat.S_IMODE(memory.path.stat().st_mode) == 0o600
    assert Memory(memory.path)["link"] == "secret link"
    assert Memory(memory.path)["nothing"] is None
