"""Operations with difficult preconditions: damaged or deleted registrations, prepaid writes, requeued steps.

Each is prepared in Entra and in our rows as an earlier operation would have left it.
"""

import time
from datetime import timedelta
from typing import Any, ClassVar

from django.utils import timezone

from registrations import audit, connections, tasks
from registrations.applications import conflicts, desired_state, secret_cleanup
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.types import Application, NewSecret
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from tests.chaos.fixtures import ProvisionFactory

REPLICATED_AGO = timedelta(hours=1)  # long enough for every replica
ANSWERING_SECONDS = 300.0
Status = ClientSecret.Status


class ProvisionedFactory(ProvisionFactory):
    """Instances that were provisioned before, with a registration on all replicas."""

    def make(self, number: int) -> None:
        """Create the instance with its application, service principal and row, then change them."""
        super().make(number)
        instance = self.instances[number]
        graph = connections.graph_as_app(instance.provider.tenant)
        name = desired_state.unique_name(instance)
        found = graph.create_application(name, desired_state.sync_app(instance))
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
            made_at=timezone.now() - REPLICATED_AGO,
        )
        UmpInstance.objects.filter(pk=instance.pk).update(status=UmpInstance.Status.ACTIVE)
        self.change(graph, registration, found)

    def change(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Change what an earlier operation made."""

    def add(self, graph: GraphClient, registration: AppRegistration, name: str) -> NewSecret:
        """Add a secret in Entra, without a row."""
        return graph.add_secret(registration.object_id, f"{secret_cleanup.OUR_PREFIX}{name}", self.ends_at)

    def keep(self, registration: AppRegistration, made: NewSecret, status: str) -> None:
        """Add the row of a secret."""
        secret = ClientSecret(
            registration=registration,
            display_name=f"{secret_cleanup.OUR_PREFIX}{status}",
            key_id=made.key_id,
            hint=made.hint,
            expires_at=made.ends_at,
            stored_at=timezone.now() - REPLICATED_AGO,
            status=status,
        )
        secret.seal("envelope", made.secret_text)
        secret.save(force_insert=True)

    @property
    def ends_at(self) -> Any:
        """When the prepared secrets expire."""
        return desired_state.secret_ends_at(timezone.now())


class RenewFactory(ProvisionedFactory):
    """Every problem with secrets at once: one superseded, one discarded, one whose answer was lost, one orphaned.

    The application was also renamed in Entra.
    """

    def change(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Add four secrets of ours that cannot be used."""
        self.keep(registration, self.add(graph, registration, "superseded"), Status.SUPERSEDED)
        self.keep(registration, self.add(graph, registration, "discarded"), Status.DISCARDED)
        self.add(graph, registration, "orphan")
        self.add(graph, registration, "lost")
        ClientSecret.objects.create(registration=registration, display_name=f"{secret_cleanup.OUR_PREFIX}lost")
        graph.update_application(found.object_id, {"displayName": "Renamed by hand"})


class PrepaidFactory(ProvisionedFactory):
    """With the priority of bulk jobs, whose writes are reserved first. The secret was removed in Entra."""

    priority = Operation.Priority.BULK

    def change(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Remove the delivered secret in Entra."""
        made = self.add(graph, registration, "gone")
        self.keep(registration, made, Status.DELIVERED)
        graph.remove_secret(registration.object_id, made.key_id)


class DeletedFactory(ProvisionedFactory):
    """The application was deleted in Entra, and staff decide what to do with it."""

    choice: ClassVar[str]

    def change(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Delete the application with its secret; it can be restored for 30 days."""
        self.keep(registration, self.add(graph, registration, "deleted"), Status.DELIVERED)
        graph._act("DELETE", f"/applications/{found.object_id}", {})  # the product never deletes one

    def answer_questions(self, operations: list[Any]) -> None:
        """Decide for each operation that waits for staff, until all have ended."""
        deadline = time.monotonic() + ANSWERING_SECONDS
        mine = Operation.objects.filter(pk__in=[operation.pk for operation in operations])
        while mine.live().exists() and time.monotonic() < deadline:
            undecided = mine.filter(
                status=Operation.Status.WAITING, error_code=conflicts.DELETED_APPLICATION, notes__twin_choice=None
            )
            for operation in undecided.filter(next_attempt_at=None):
                conflicts.decide(operation, self.choice, actor=audit.SYSTEM)
                tasks.enqueue(operation.pk)
            time.sleep(0.2)


class PurgeFactory(DeletedFactory):
    """The deleted application is purged; our row keeps its ids, which no longer exist."""

    choice = conflicts.PURGE


class RestoreFactory(DeletedFactory):
    """The deleted application is restored; our row lacks its ids, as after a crash, and the name is taken."""

    choice = conflicts.RESTORE

    def change(self, graph: GraphClient, registration: AppRegistration, found: Application) -> None:
        """Delete the application, and remove its ids and secret from our rows."""
        super().change(graph, registration, found)
        registration.secrets.update(status=Status.REMOVED, envelope="")
        AppRegistration.objects.filter(pk=registration.pk).update(
            object_id="", app_id="", service_principal_id="", made_at=None
        )


class RequeuedFactory(ProvisionFactory):
    """Steps are requeued: the answer to the creation is lost and the UMP is busy. The scenario delays replication as well."""

    def make(self, number: int) -> None:
        """Script faults that name the instance, so that each operation meets its own."""
        super().make(number)
        instance = self.instances[number]
        self.control.fault(
            service="graph", kind="lost_answer", method="PATCH", path=desired_state.unique_name(instance)
        )
        self.control.fault(
            service="ump", kind="status", status=503, method="PUT", path=f"/{self._name(number)}/.*/sync-app$"
        )


FACTORIES: dict[str, Any] = {
    "renew": RenewFactory,
    "prepaid": PrepaidFactory,
    "purge": PurgeFactory,
    "restore": RestoreFactory,
    "requeued": RequeuedFactory,
}
