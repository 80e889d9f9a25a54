"""The addresses that the sandbox listens on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Urls:
    """The sandbox's addresses; empty until the sockets are bound."""

    entra: str = ""
    people: str = ""

    def ump(self, name: str) -> str:
        return f"{self.entra}/ump/{name}/tenantui"

    @property
    def mailbox(self) -> str:
        return f"{self.people}/mailbox/"
