"""Rows whose work is disturbed from the beginning: registrations that were made before and lost something, twins, delays.

Each is staged in Entra and in our rows as an earlier operation would have left it.
"""

import time
from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone

from registrations import audit, connections, tasks
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.types import Application, NewSecret
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.services import client_secrets, desired, twins
from tests.chaos.rows import Provisionings

LONG_AGO = timedelta(hours=1)  # no replica hides it any more
ATTENDED_SECONDS = 300.0
Status = ClientSecret.Status


class Made(Provisionings):
    """Instances that were provisioned before, with a registration that all replicas know."""

    def make(self, number: int) -> None:
        """The instance with its application, principal and row, and what became of them since."""
        super().make(number)
        instance = self.instances[number]
        graph = connections.graph_as_app(instance.provider.tenant)
        name = desired.unique_name(instance)
        found = graph.create_application(name, desired.sync_app(instance))
        assert found is not None
        principal = graph.ensure_service_principal(found.app_id)
        registration = AppRegistration.objects.create(
            instance=instance,
            tenant_id=instance.provider.tenant.tenant_id,
            unique_name=name,
            display_name=instance.app_name,
            object_id=found.object_id,
            app_id=found.app_id,
            service_principal_id=principal,
            made_at=timezone.now() - LONG_AGO,
        )
        UmpInstance.objects.filter(pk=instance.pk).update(status=UmpInstance.Status.ACTIVE)
        self.disturb(graph, registration, found)

    def disturb(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """What happened since."""

    def add(self, graph: GraphClient, registration: AppRegistration, name: str) -> NewSecret:
        """A secret in Entra that no row knows."""
        return graph.add_secret(registration.object_id, f"{client_secrets.OUR_PREFIX}{name}", self.ends_at)

    def keep(self, registration: AppRegistration, made: NewSecret, status: str) -> None:
        """The row of a secret."""
        secret = ClientSecret(
            registration=registration,
            display_name=f"{client_secrets.OUR_PREFIX}{status}",
            key_id=made.key_id,
            hint=made.hint,
            expires_at=made.ends_at,
            stored_at=timezone.now() - LONG_AGO,
            status=status,
        )
        secret.seal("envelope", made.secret_text)
        secret.save(force_insert=True)

    @property
    def ends_at(self) -> Any:
        """The end of every staged secret."""
        return desired.secret_ends_at(timezone.now())


class Renewals(Made):
    """All that can be wrong with secrets at once: one is replaced, one discarded, one's answer was lost, one is a stray.

    And somebody renamed the application in Entra.
    """

    def disturb(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Four secrets of ours, of which none can be used."""
        self.keep(registration, self.add(graph, registration, "replaced"), Status.SUPERSEDED)
        self.keep(registration, self.add(graph, registration, "discarded"), Status.DISCARDED)
        self.add(graph, registration, "stray")
        self.add(graph, registration, "lost")
        ClientSecret.objects.create(registration=registration, display_name=f"{client_secrets.OUR_PREFIX}lost")
        graph.update_application(found.object_id, {"displayName": "Renamed by hand"})


class Prepaid(Made):
    """In the lane of bulk jobs: the writes are paid first. Somebody removed the secret in Entra."""

    lane = Operation.Lane.BULK

    def disturb(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """A delivered secret that is gone."""
        made = self.add(graph, registration, "gone")
        self.keep(registration, made, Status.DELIVERED)
        graph.remove_secret(registration.object_id, made.key_id)


class Twins(Made):
    """The application was deleted in Entra, and a person is asked what becomes of it."""

    choice: ClassVar[str]

    def disturb(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Deleted with its secret, restorable for 30 days."""
        self.keep(registration, self.add(graph, registration, "deleted"), Status.DELIVERED)
        graph._act("DELETE", f"/applications/{found.object_id}", {})  # the product never deletes one

    def attend(self, operations: list[Any]) -> None:
        """Decide for each operation that asks, until all have ended."""
        deadline = time.monotonic() + ATTENDED_SECONDS
        mine = Operation.objects.filter(pk__in=[operation.pk for operation in operations])
        while mine.live().exists() and time.monotonic() < deadline:
            asking = mine.filter(
                status=Operation.Status.WAITING, error_code=twins.DELETED_TWIN, notes__twin_choice=None
            )
            for operation in asking.filter(next_attempt_at=None):
                twins.decide(operation, self.choice, actor=audit.SYSTEM)
                tasks.ring(operation.pk)
            time.sleep(0.2)


class Purged(Twins):
    """Deleted for good; our row knows its ids, which mean nothing any more then."""

    choice = twins.PURGE


class Restored(Twins):
    """Brought back; our row does not know its ids, as after a crash, and learns of it when the name is taken."""

    choice = twins.RESTORE

    def disturb(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Our row is an intent, and the secret in Entra a stray."""
        super().disturb(graph, registration, found)
        registration.secrets.update(status=Status.REMOVED, envelope="")
        AppRegistration.objects.filter(pk=registration.pk).update(
            object_id="", app_id="", service_principal_id="", made_at=None
        )


class PutBack(Provisionings):
    """Steps that are put back: the answer to the creation is lost, and the UMP is busy. Replicas lag as well."""

    def make(self, number: int) -> None:
        """The faults name the instance: each operation meets its own."""
        super().make(number)
        instance = self.instances[number]
        self.control.fault(service="graph", kind="lost_answer", method="PATCH", path=desired.unique_name(instance))
        self.control.fault(
            service="ump", kind="status", status=503, method="PUT", path=f"/{self._name(number)}/.*/sync-app$"
        )


MAKERS: dict[str, Any] = {
    "renew": Renewals,
    "prepaid": Prepaid,
    "purge": Purged,
    "restore": Restored,
    "put back": PutBack,
}
