"""Fixtures, created with the product's settings: instances to provision, customers to connect, and requests for both."""

import contextlib
import json
import os
import secrets
import uuid
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeVar

import requests
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from onboarding.models import Connection, ConnectionMethod, Invitation, SignIn
from onboarding.services import customers, invitations, new_registration, sign_in_exchange
from onboarding.services.lookups import sync_app_of
from registrations import audit, connections
from registrations.applications import client_secrets
from registrations.clients.entra import SignInAnswer
from registrations.models import UmpInstance
from registrations.services import provisioning
from tests.stack.customer import Browser

T = TypeVar("T")
WRITES_A_SECOND = 20  # as Microsoft refills; 429 answers say when


class ProvisionFactory:
    """Creates instances with a UMP each, in the seeded provider's tenant, and requests their provisioning."""

    priority = ""

    def __init__(self, count: int) -> None:
        self.model = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
        self.batch = secrets.token_hex(3)
        self.control = SandboxControl()
        self.instances: list[UmpInstance] = []
        for number in range(count):
            self.control.world("add_ump", name=self._name(number), tenant_id=self.model.provider.tenant.tenant_id)

    def make(self, number: int) -> None:
        """Create an instance like the seeded one."""
        model, name = self.model, self._name(number)
        instance = UmpInstance(
            provider=model.provider,
            app_name=name,
            ump_url=model.ump_url.replace("/finebak", f"/{name}"),
            ump_tenant_id=model.ump_tenant_id,
            ump_client_id=model.ump_client_id,
            ump_scope=model.ump_scope,
        )
        instance.seal("ump_client_secret_envelope", model.unseal("ump_client_secret_envelope"))
        instance.save()
        self.instances.append(instance)

    def request(self, number: int) -> Any:
        """Request its provisioning."""
        return provisioning.request(self.instances[number], actor=audit.SYSTEM, priority=self.priority)

    def answer_questions(self, operations: list[Any]) -> None:
        """These operations wait for nobody."""

    def _name(self, number: int) -> str:
        return f"c{self.batch}-{number}"


class ConnectFactory:
    """Creates services of Contoso on the seeded instance, each with a signed-in administrator, and requests their connection."""

    username = "carla"

    def __init__(self, count: int) -> None:
        self.instance = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
        self.batch = secrets.token_hex(3)
        self.control = SandboxControl()
        self.seed = self.control.seed["customer"]
        self.connections: list[Connection] = []
        for number in range(count):
            self.control.world(
                "add_ump_customer",
                ump="finebak",
                short_name=self._name(number),
                full_name="Contoso",
                tenant_id=self.seed["tenant_id"],
            )
        self.prepare()

    def prepare(self) -> None:
        """Get the access token that all of them use."""
        self.token = sign_in(self.instance, self.seed["tenant_id"], self.seed["admin_upn"]).access_token

    def invite(self, number: int) -> Invitation:
        """Create a service and its invitation, whose link was opened."""
        service = customers.ensure_service(
            self.instance,
            tenant_id=self.seed["tenant_id"],
            customer_name="Contoso",
            short_name=self._name(number),
            full_name="Contoso",
            service_type="oc_pro",
            actor=audit.SYSTEM,
        )
        invitation = invitations.create(
            service, it_admin_email="it@contoso.example", m365_admin_email=self.seed["admin_upn"], actor=audit.SYSTEM
        )
        Invitation.objects.filter(pk=invitation.pk).update(status=Invitation.Status.STARTED)
        return invitation

    def make(self, number: int) -> None:
        """Create a service, its invitation and its connection."""
        connected = Connection.objects.create(
            invitation=self.invite(number),
            admin_object_id=str(uuid.uuid4()),
            admin_name="Carla",
            admin_username=self.username,
            registration_name=f"chaos-{number}",
        )
        self.connections.append(connected)

    def request(self, number: int) -> Any:
        """Request the connection."""
        wanted, ends_at = self.connections[number], timezone.now() + timedelta(minutes=55)
        return new_registration.request(wanted, access_token=self.token, token_expires_at=ends_at, actor=audit.SYSTEM)

    def answer_questions(self, operations: list[Any]) -> None:
        """These operations wait for nobody."""

    def _name(self, number: int) -> str:
        return f"s{self.batch}{number}"


class SandboxControl:
    """The sandbox's control API."""

    def __init__(self) -> None:
        self.people, self.seed = os.environ["CHAOS_PEOPLE_URL"], json.loads(Path(os.environ["CHAOS_SEED"]).read_text())

    def world(self, op: str, **arguments: Any) -> Any:
        """Change the sandbox's world."""
        return self._post("world", {"op": op, **arguments})

    def fault(self, **script: Any) -> None:
        """Script a failure."""
        self._post("faults", script)

    def empty_quota(self, app_id: str, tenant_id: str, seconds: int) -> None:
        """Use up Microsoft's quota: this application may write nothing for so long, and 20 times a second from then on."""
        writes = -WRITES_A_SECOND * seconds
        self._post("quota", {"app_id": app_id, "tenant_id": tenant_id, "writes": writes})

    def _post(self, name: str, body: dict[str, Any]) -> Any:
        answer = requests.post(f"{self.people}/_sandbox/{name}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()


def sign_in(instance: Any, tenant_id: str, person: str, *, keeps: bool = False) -> SignInAnswer:
    """Go through a person's second sign-in on the sandbox's pages, with a browser without scripts. Returns the tokens.

    `keeps`: for a delegated token, which outlives the sign-in.
    """
    registration = sync_app_of(instance)
    asked: dict[str, Any] = {
        "authority": tenant_id,
        "app_id": registration.app_id,
        "client_secret": client_secrets.live_secret(registration).unseal("envelope"),
    }
    purpose, way = SignIn.Purpose.AUTHORISE, ConnectionMethod.TOKEN if keeps else ConnectionMethod.NEW
    scopes = sign_in_exchange.scopes_of(purpose, way)
    entra, browser = connections.entra(), Browser()
    flow = entra.begin_sign_in(**asked, scopes=scopes, redirect_uri=instance.redirect_uri, keeps=keeps)
    page = browser.open(flow["auth_uri"])
    for _ in range(4):
        form = page.forms[0]
        if form.action == instance.redirect_uri:
            of_graph = sign_in_exchange.graph_scopes_of(purpose, way) if keeps else None
            return entra.finish_sign_in(**asked, flow=flow, answer=dict(form.fields), scopes=of_graph, keeps=keeps)
        wanted = [button for button, says in form.buttons.items() if says == "Accept" or person in says]
        page = browser.submit(form, wanted[0])
    raise AssertionError(f"The sandbox's sign-in does not end: {page.heading}")


@contextlib.contextmanager
def fixture_transaction() -> Iterator[None]:
    """A transaction whose writes `writes` neither records nor refuses: they are the suite's, not the product's."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('chaos.fixture', 'on', true)")
        yield


def retried_once(request: Callable[[], T]) -> T:
    """Call it again if the database refuses it, as a person would."""
    try:
        with transaction.atomic():
            return request()
    except DatabaseError:
        with transaction.atomic():
            return request()


FACTORIES: dict[str, Any] = {"provision": ProvisionFactory, "connect": ConnectFactory}
