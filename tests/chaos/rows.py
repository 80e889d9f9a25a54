"""Rows for operations to work on, made within the product: instances to provision, customers to connect."""

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
from registrations.clients.entra import SignInAnswer
from registrations.models import UmpInstance
from registrations.services import client_secrets, provisioning
from tests.stack.customer import Browser

T = TypeVar("T")


class Provisionings:
    """Instances with a UMP each, in the seeded provider's tenant."""

    lane = ""

    def __init__(self, count: int) -> None:
        self.model = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
        self.batch = secrets.token_hex(3)
        self.control = Control()
        self.instances: list[UmpInstance] = []
        for number in range(count):
            self.control.world("add_ump", name=self._name(number), tenant_id=self.model.provider.tenant.tenant_id)

    def make(self, number: int) -> None:
        """Another instance like the first one."""
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
        """Its provisioning."""
        return provisioning.request(self.instances[number], actor=audit.SYSTEM, lane=self.lane)

    def attend(self, operations: list[Any]) -> None:
        """Nobody is asked anything."""

    def _name(self, number: int) -> str:
        return f"c{self.batch}-{number}"


class Connections:
    """Services of Contoso on the seeded instance, each with an administrator who has signed in."""

    username = "carla"

    def __init__(self, count: int) -> None:
        self.instance = UmpInstance.objects.select_related("provider__tenant").earliest("created_at")
        self.batch = secrets.token_hex(3)
        self.control = Control()
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
        """What all of them need from Microsoft."""
        self.token = signed_in(self.instance, self.seed["tenant_id"], self.seed["admin_upn"]).access_token

    def invite(self, number: int) -> Invitation:
        """A service and its invitation, whose link was opened."""
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
        """A service, its invitation and its connection."""
        connected = Connection.objects.create(
            invitation=self.invite(number),
            admin_object_id=str(uuid.uuid4()),
            admin_name="Carla",
            admin_username=self.username,
            registration_name=f"chaos-{number}",
        )
        self.connections.append(connected)

    def request(self, number: int) -> Any:
        """The connecting."""
        wanted, ends_at = self.connections[number], timezone.now() + timedelta(minutes=55)
        return new_registration.request(wanted, access_token=self.token, token_expires_at=ends_at, actor=audit.SYSTEM)

    def attend(self, operations: list[Any]) -> None:
        """Nobody is asked anything."""

    def _name(self, number: int) -> str:
        return f"s{self.batch}{number}"


class Control:
    """The sandbox's control API."""

    def __init__(self) -> None:
        self.people, self.seed = os.environ["CHAOS_PEOPLE_URL"], json.loads(Path(os.environ["CHAOS_SEED"]).read_text())

    def world(self, op: str, **arguments: Any) -> Any:
        """Change the sandbox's world."""
        return self._post("world", {"op": op, **arguments})

    def fault(self, **script: Any) -> None:
        """Script a failure."""
        self._post("faults", script)

    def empty_quota(self, app_id: str, tenant_id: str) -> None:
        """Microsoft lets this application write nothing now, and from then on 20 a second."""
        self._post("quota", {"app_id": app_id, "tenant_id": tenant_id, "writes": 0})

    def _post(self, name: str, body: dict[str, Any]) -> Any:
        answer = requests.post(f"{self.people}/_sandbox/{name}", json=body, timeout=20)
        answer.raise_for_status()
        return answer.json()


def signed_in(instance: Any, tenant_id: str, person: str, *, keeps: bool = False) -> SignInAnswer:
    """What a person's second sign-in brings: with the sandbox's own pages, and a browser without scripts.

    `keeps`: on the way of a delegated token, which is to outlive the sign-in.
    """
    registration = sync_app_of(instance)
    asked = {
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
def fixture() -> Iterator[None]:
    """A transaction of the suite's own: its writes are not among those that are noted or refused (tests/chaos/writes.py)."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SELECT set_config('chaos.fixture', 'on', true)")
        yield


def pressing_again(request: Callable[[], T]) -> T:
    """What a person does whose request the database refused: the same once more."""
    try:
        with transaction.atomic():
            return request()
    except DatabaseError:
        with transaction.atomic():
            return request()


MAKERS: dict[str, Any] = {"provision": Provisionings, "connect": Connections}
