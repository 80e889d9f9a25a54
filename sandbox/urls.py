"""The addresses that the sandbox listens on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class Urls:
    """The sandbox's addresses; empty until the sockets are bound."""

    entra: str = ""
    people: str = ""
    pages_over_http: bool = False  # browsers that do not know the sandbox's certificate authority sign in over http

    @property
    def sign_in(self) -> str:
        """Where the sign-in pages are: on Entra's own host, as at Microsoft's, unless browsers need http."""
        return self.people if self.pages_over_http else self.entra

    def ump(self, name: str) -> str:
        return f"{self.entra}/ump/{name}/tenantui"

    @property
    def mailbox(self) -> str:
        return f"{self.people}/mailbox/"
