"""Builds the sandbox from its services, starts it and stops it."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType

from werkzeug import Request, Response

from sandbox import control, index_page, mailbox, seed, tls
from sandbox.call_log import Call, CallLog
from sandbox.entra.keys import SigningKeys
from sandbox.entra.service import Entra
from sandbox.entra.token import TokenEndpoint
from sandbox.entra.tokens import Issuer
from sandbox.faults import Faults
from sandbox.gateway import Gateway, Mount
from sandbox.graph.quota import Quotas
from sandbox.graph.service import Graph
from sandbox.listeners import Listener
from sandbox.smtp import SmtpServer
from sandbox.store import write_json
from sandbox.ump.service import Umps
from sandbox.urls import Urls
from sandbox.world import World


class Sandbox:
    """Entra ID, Graph, the UMPs and the mailbox, in threads of this process.

    Port 0 picks a free port. The directory keeps the state for the next start, unless `in_memory` is set.
    """

    def __init__(
        self,
        directory: Path | str,
        https_port: int = 0,
        http_port: int = 0,
        smtp_port: int = 0,
        *,
        allow_localhost_redirects: bool = False,
        pages_over_http: bool = False,
        in_memory: bool = False,
    ) -> None:
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self._ports = (https_port, http_port, smtp_port)
        self._allow_localhost_redirects = allow_localhost_redirects
        self.faults, self.log, self.quotas = Faults(), CallLog(), Quotas()
        self._urls = Urls(pages_over_http=pages_over_http)
        self.latency: dict[str, float] = {}  # seconds of delay before each service answers
        self.world = World(None if in_memory else self.directory / "world.json")
        self.keys = SigningKeys(self.directory / "signing-key.pem")
        self._endpoint = TokenEndpoint(Issuer(self.world, self.keys, self._urls))
        self._ca = tls.authority(self.directory)
        self._servers: list[Listener | SmtpServer] = []
        self._threads: list[threading.Thread] = []
        self.smtp_port = 0

    # Starting and stopping

    def __enter__(self) -> Sandbox:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen on all ports. Raises OSError if one is in use; then nothing listens."""
        https_port, http_port, smtp_port = self._ports
        # A process that waits for this file must not read an earlier run's addresses.
        (self.directory / "seed.json").unlink(missing_ok=True)
        try:
            api = self._add(Listener(https_port, self._api(), self.world.clock, tls.server_context(self._ca)))
            pages = self._add(Listener(http_port, self._pages(), self.world.clock))
            smtp = self._add(SmtpServer(smtp_port, self.world))
        except OSError:
            self.stop()
            raise
        self._urls.entra = f"https://localhost:{api}"
        self._urls.people = f"http://localhost:{pages}"
        self.smtp_port = smtp
        self.world.own_url = self._urls.entra
        self._seed_or_restore()
        for server in self._servers:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
            thread.start()
            self._threads.append(thread)
        write_json(self.directory / "seed.json", self.seed.as_json())

    def _add(self, server: Listener | SmtpServer) -> int:
        self._servers.append(server)
        return int(server.server_address[1])

    def _seed_or_restore(self) -> None:
        memory = self.world.restore()
        if memory is None:
            memory = seed.populate(self.world)
            self.world.save_as_seed(memory)
            self.world.flush()
        urls = {
            "entra": self.entra_url,
            "graph": self.graph_url,
            "people": self.people_url,
            "mailbox": self.mailbox_url,
            "ca_bundle": str(self.ca_bundle),
            "smtp_host": "localhost",
            "smtp_port": self.smtp_port,
        }
        self.seed = seed.read(memory, urls)

    def stop(self) -> None:
        """Stop listening and write the state to disk."""
        for server in self._servers:
            if self._threads:
                server.shutdown()
            server.server_close()
        for thread in self._threads:
            thread.join(timeout=5)
        self._servers, started, self._threads = [], bool(self._threads), []
        if started:
            self.world.flush()

    # What listens where

    def _api(self) -> Gateway:
        graph = Graph(self.world, self.keys, self._urls, self._allow_localhost_redirects, self.quotas)
        umps = Umps(self.world, self._endpoint, self.ca_bundle)
        mounts = [
            Mount("/v1.0/", "graph", graph.answer),
            Mount("/oidc/", "graph", graph.answer),
            Mount("/ump/", "ump", umps.answer),
            Mount("/", "entra", self._entra().api),
        ]
        return Gateway(mounts, self.faults, self.log, latency=self.latency)

    def _pages(self) -> Gateway:
        mounts = [
            Mount("/_sandbox/", None, lambda request: control.answer(self, request)),
            Mount("/mailbox", None, lambda request: mailbox.answer(self.world, request)),
            Mount("/", "people", self._page),
        ]
        return Gateway(mounts, self.faults, self.log, local_only=True)

    def _entra(self) -> Entra:
        return Entra(self.world, self._endpoint, self._urls)

    def _page(self, request: Request) -> Response:
        if request.path == "/":
            return index_page.answer(self.world, self._urls, request)
        return self._entra().pages(request)

    # For tests

    @property
    def entra_url(self) -> str:
        return self._urls.entra

    @property
    def graph_url(self) -> str:
        return self._urls.entra

    @property
    def people_url(self) -> str:
        return self._urls.people

    @property
    def mailbox_url(self) -> str:
        return self._urls.mailbox

    @property
    def ca_bundle(self) -> Path:
        return self.directory / "ca.pem"

    def ump_url(self, name: str) -> str:
        return self._urls.ump(name)

    @property
    def calls(self) -> list[Call]:
        return self.log.copy()

    def reset(self) -> None:
        """Restore the seeded state and drop scripted faults and logged calls. Keys and sockets stay."""
        self.world.reset()
        self.faults.clear()
        self.log.clear()
        self.latency.clear()
        with self.world.lock:
            self.quotas.clear()
            self._endpoint.codes.clear()

    def rotate_signing_key(self) -> None:
        self.keys.rotate()
