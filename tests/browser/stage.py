"""SyncPortal served from this process for real browsers, on its own database.

`states` prepares the rows by services and updates, not by clicking: `test_main_job.py` clicks, with the real processes.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.db import connections
from django.test import Client, override_settings
from playwright.sync_api import BrowserContext
from pytest_django.live_server_helper import LiveServer

from onboarding.models import Connection, Customer, Invitation, Service
from onboarding.services import invitations
from registrations.auth import sessions
from registrations.models import BulkJob, Operation, ServiceProvider, UmpInstance
from sandbox.app import Sandbox
from tests.onboarding.browser import Browser

# Names of realistic length: "Contoso" is too short to test a layout.
LONG_PROVIDER = "Telekommunikationsgesellschaft Österreichischer Elektrizitätswerke"
LONG_CUSTOMER = "Landeskrankenanstalten-Betriebsgesellschaft Oberösterreich Gemeinnützige GmbH & Co. KG"
LONG_EMAIL = "informationstechnologie.systemadministration@landeskrankenanstalten-oberoesterreich.example"


@dataclass
class Stage:
    """The server's port, and the rows by state: invitations with their browsers, operations and bulk jobs."""

    sandbox: Sandbox
    port: int
    invitations: dict[str, Invitation] = field(default_factory=dict)
    browsers: dict[str, Browser] = field(default_factory=dict)
    operations: dict[str, Operation] = field(default_factory=dict)
    jobs: dict[str, BulkJob] = field(default_factory=dict)

    @property
    def instance(self) -> UmpInstance:
        """The provisioned instance, umptoken.finebak.localhost."""
        return UmpInstance.objects.select_related("provider").get(app_name="umptoken")

    @property
    def portal(self) -> str:
        """The origin of the customers' pages."""
        return f"http://{self.instance.host}:{self.port}"

    @property
    def admin(self) -> str:
        """The origin of the staff's pages."""
        return f"http://localhost:{self.port}"

    def link(self, state: str) -> str:
        """The link of the invitation in this state."""
        return invitations.link_of(self.invitations[state])

    def sign_in_customer(self, context: BrowserContext, state: str) -> None:
        """Sign a browser in as the administrator whose invitation is in this state."""
        _set_cookies(context, self.browsers[state].client, self.instance.host)

    def sign_in_staff(self, context: BrowserContext, name: str, *, confirmed: bool = True) -> None:
        """Sign a browser in as a member of staff, who has just entered the password again or not."""
        client = Client(headers={"host": "localhost"})
        client.force_login(User.objects.get(username=name))
        if confirmed:
            session = client.session
            session[sessions.CONFIRMED] = time.time()
            session.save()
        _set_cookies(context, client, "localhost")

    @contextlib.contextmanager
    def long_names(self) -> Iterator[None]:
        """Give every provider, customer and administrator a long name for the length of the block."""
        names: list[tuple[Any, dict[str, str]]] = [
            (ServiceProvider.objects.filter(pk=self.instance.provider_id), {"name": LONG_PROVIDER}),
            (Customer.objects.filter(name="Contoso"), {"name": LONG_CUSTOMER}),
            (Service.objects.filter(full_name="Contoso Ltd"), {"full_name": LONG_CUSTOMER}),
            (Invitation.objects.all(), {"it_admin_email": LONG_EMAIL, "m365_admin_email": LONG_EMAIL}),
            (Connection.objects.all(), {"admin_username": LONG_EMAIL, "admin_name": LONG_CUSTOMER}),
        ]
        before = [(rows.model, list(rows), list(values)) for rows, values in names]
        for rows, values in names:
            rows.update(**values)
        try:
            yield
        finally:
            for model, objects, fields in before:
                model._default_manager.bulk_update(objects, fields)


@contextlib.contextmanager
def own_database(path: Path) -> Iterator[None]:
    """Use another SQLite database in every thread of this process, so that other tests do not see these rows."""
    ours = connections["default"]
    kept = ours.settings_dict["NAME"]
    connections.settings["default"]["NAME"] = str(path)
    del connections["default"]
    try:
        call_command("migrate", verbosity=0)
        ContentType.objects.clear_cache()
        yield
    finally:
        connections["default"].close()
        connections.settings["default"]["NAME"] = kept
        connections["default"] = ours
        ContentType.objects.clear_cache()


@contextlib.contextmanager
def served(sandbox: Sandbox) -> Iterator[Stage]:
    """Serve SyncPortal, without rows, with settings that point at the sandbox."""
    server = LiveServer("127.0.0.1")
    port = int(server.url.rpartition(":")[2])
    with override_settings(
        ENTRA_URL=sandbox.entra_url,
        GRAPH_URL=sandbox.graph_url,
        REMOTE_CA_BUNDLE=str(sandbox.ca_bundle),
        UMP_ALLOWED_HOSTS=["localhost"],
        PORTAL_LOCALHOST_PORT=port,
        INSTANCE_URLCONF="tests.browser.urls",
        ALLOWED_HOSTS=["*"],
    ):
        try:
            yield Stage(sandbox, port)
        finally:
            server.stop()


def _set_cookies(context: BrowserContext, client: Client, host: str) -> None:
    # Chromium's protocol sets secure cookies for https only; the browser then sends them to http://*.localhost too.
    cookies = {name: morsel.value for name, morsel in client.cookies.items()}
    context.add_cookies(
        [{"name": name, "value": value, "url": f"https://{host}/", "secure": True} for name, value in cookies.items()]
    )
