"""Operations whose objects are deleted by hand, and the people who then decide or sign in again."""

import json
import time
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

from django.db.models import Q
from django.utils import timezone

from onboarding.models import Connection, DelegatedToken
from onboarding.services import delegated_token, new_registration
from registrations import audit, engine, tasks
from registrations.applications import conflicts
from registrations.engine import runner
from registrations.models import AppRegistration, ClientSecret, Operation
from registrations.services import provisioning
from tests.chaos.connection_methods import DelegatedTokenFactory, ExistingRegistrationFactory
from tests.chaos.fixtures import ConnectFactory, ProvisionFactory, SandboxControl, sign_in

REPLICATED_AGO = timedelta(hours=1)
ANSWERING_SECONDS = 240.0
CHOICES = (conflicts.RESTORE, conflicts.PURGE, conflicts.CREATE_NEW)


def install(directory: Path) -> None:
    """In a worker: delete the object before the planned step of a planned operation, once."""
    attempt = runner._attempt

    def attempt_after_deletion(operation: Operation, step: Any, lease: Any) -> bool:
        plan = directory / "deletions" / str(operation.pk)
        if plan.exists():
            name, how = json.loads(plan.read_text())
            if name == step.name:
                plan.rename(plan.with_suffix(".done"))
                _delete(operation, how)
        return attempt(operation, step, lease)

    runner._attempt = attempt_after_deletion


def _delete(operation: Operation, how: str) -> None:
    """Delete what the operation stands on; to the product it is as old as an hour."""
    connection = Connection.objects.filter(pk=operation.subject_id).first()
    registration = connection.registration if connection else AppRegistration.objects.get(instance=operation.subject_id)
    tenant, an_hour_ago = "", timezone.now() - REPLICATED_AGO
    if connection is not None and operation.kind == delegated_token.KIND:
        # It stands on the sync app, and on the service principal that this has in the customer's tenant.
        tenant = connection.invitation.tenant_id if how == "principal" else ""
        DelegatedToken.objects.filter(connection=connection).update(obtained_at=an_hour_ago)
        registration = AppRegistration.objects.get(instance=connection.invitation.service.instance_id)
    app_id = registration.app_id if registration else _entered_app_id(operation)
    AppRegistration.objects.filter(app_id=app_id).update(made_at=an_hour_ago)
    ClientSecret.objects.filter(registration__app_id=app_id).exclude(stored_at=None).update(stored_at=an_hour_ago)
    SandboxControl().world("delete_application", app_id=app_id, how=how, tenant=tenant)


def _entered_app_id(operation: Operation) -> str:
    """The client ID among the values that a customer entered and that are not verified yet."""
    stored = Operation.objects.only("pk", "credential_envelope").get(pk=operation.pk)
    return str(json.loads(stored.unseal("credential_envelope"))["client_id"])


class _Answered:
    """Answers each question until all operations have ended."""

    def answer_questions(self, operations: list[Any]) -> None:
        """Answer those that wait for a person."""
        deadline = time.monotonic() + ANSWERING_SECONDS
        mine = Operation.objects.filter(pk__in=[operation.pk for operation in operations])
        while mine.live().exists() and time.monotonic() < deadline:
            asked = Q(next_attempt_at=None) | Q(error_code=delegated_token.SYNC_APP_GONE)
            for operation in mine.filter(asked, status=Operation.Status.WAITING):
                self.answer(operation)
                tasks.enqueue(operation.pk)
            time.sleep(0.2)

    def answer(self, operation: Operation) -> None:
        """Act for the person that it waits for."""
        raise NotImplementedError


class DeletedProvisionFactory(_Answered, ProvisionFactory):
    """Staff restore, purge, or have another created, by turns."""

    choices = cycle(CHOICES)

    def answer(self, operation: Operation) -> None:
        """Decide about the deleted application."""
        if operation.error_code == conflicts.DELETED_APPLICATION:
            conflicts.decide(operation, next(self.choices), actor=audit.SYSTEM)


class DeletedConnectFactory(_Answered, ConnectFactory):
    """The customer's administrator signs in again when asked to."""

    def answer(self, operation: Operation) -> None:
        """Consent again, with a new token."""
        self.prepare()
        ends_at = timezone.now() + timedelta(minutes=55)
        new_registration.resume_with_token(
            operation, access_token=self.token, token_expires_at=ends_at, actor=audit.SYSTEM
        )


class DeletedExistingFactory(ExistingRegistrationFactory):
    """The customer would enter other values: nobody is asked before the operation ends."""


class DeletedTokenFactory(_Answered, DelegatedTokenFactory):
    """Staff provision the instance again where its sync app is gone; the person consents again."""

    has_provisioned = False

    def answer(self, operation: Operation) -> None:
        """Provision the instance once, or sign in again."""
        if operation.error_code != delegated_token.SYNC_APP_GONE:
            tokens = sign_in(self.instance, self.seed["tenant_id"], self.username, keeps=True)
            delegated_token.start_or_resume(Connection.objects.get(pk=operation.subject_id), tokens, audit.SYSTEM)
        elif not self.has_provisioned:
            self.has_provisioned = True
            self._provision(CHOICES[DelegatedToken.objects.count() % len(CHOICES)])  # by turns
            engine.wake([operation])

    def _provision(self, choice: str) -> None:
        operation = provisioning.request(self.instance, actor=audit.SYSTEM)
        tasks.enqueue(operation.pk)
        deadline = time.monotonic() + ANSWERING_SECONDS
        while operation.is_live and time.monotonic() < deadline:
            time.sleep(0.2)
            operation.refresh_from_db()
            if operation.next_attempt_at is None and operation.error_code == conflicts.DELETED_APPLICATION:
                conflicts.decide(operation, choice, actor=audit.SYSTEM)
                tasks.enqueue(operation.pk)


FACTORIES: dict[str, Any] = {
    "deleted_provision": DeletedProvisionFactory,
    "deleted_connect": DeletedConnectFactory,
    "deleted_existing": DeletedExistingFactory,
    "deleted_token": DeletedTokenFactory,
}
