"""The staged rows of another provider, with long names: an instance in each status, and what its operation says."""

from datetime import timedelta

from django.utils import timezone

from onboarding.services import invitations
from registrations import audit
from registrations.engine import queue
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.services import provisioning
from tests import factories
from tests.browser.stage import LONG_CUSTOMER, LONG_EMAIL, LONG_PROVIDER, Stage

FOR_SUPPORT = {
    "request_id": "6a0c5e2f-1b2c-4d3e-8f90-a1b2c3d4e5f6",
    "correlation_id": "0d9c8b7a-6f5e-4d3c-2b1a-09f8e7d6c5b4",
    "answered_at": "Mon, 30 Nov 2026 10:00:00 GMT",
    "says": "The directory object quota limit for the Principal has been exceeded.",
}


def add_other_provider(stage: Stage, actor: audit.Actor) -> None:
    tenant = EntraTenant.objects.create(
        name=LONG_PROVIDER,
        tenant_id="0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f001",
        client_id="0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f002",
        checked_at=timezone.now(),
        missing_permissions=["Application.ReadWrite.OwnedBy", "Organization.Read.All"],
        excess_permissions=["Directory.ReadWrite.All"],
    )
    provider = factories.make_provider(
        name=f"{LONG_PROVIDER} AG", domain="telekommunikation-elektrizitaetswerke.example", tenant=tenant
    )
    for number, status in enumerate(UmpInstance.Status):
        instance = factories.make_instance(
            provider=provider,
            app_name=f"umptoken-{number}",
            status=status,
            status_changed_at=timezone.now(),
            ump_url=f"https://ump{number}.telekommunikation-elektrizitaetswerke.example/tenantui",
            delivery=UmpInstance.Delivery.HANDOVER,
            delivered_at=timezone.now() if status == "active" else None,
        )
        stage.operations[f"instance-{status}"] = _operation_of(instance, status, actor)
        if status == UmpInstance.Status.ACTIVE:
            ids = {"app_id": "0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f003", "service_principal_id": tenant.client_id}
            registration = factories.make_registration(instance, secret="abc-a-secret", **ids)
            registration.secrets.update(expires_at=timezone.now() - timedelta(days=2))
    again = factories.make_instance(provider=provider, app_name="umptoken-again", status="active")
    factories.make_registration(again, secret="def-a-secret", app_id="0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f004")
    stage.operations["instance-last-run-failed"] = _operation_of(again, "failed", actor)
    long = factories.make_customer(
        name=LONG_CUSTOMER.replace("Ober", "Nieder"), tenant_id="c0a70500-0000-4000-8000-00000000000f"
    )
    service = factories.make_service(customer=long, full_name=LONG_CUSTOMER, short_name="lka-oberoest-01")
    stage.invitations["long"] = invitations.create(
        service, it_admin_email=LONG_EMAIL, m365_admin_email=LONG_EMAIL, actor=actor
    )


def _operation_of(instance: UmpInstance, status: str, actor: audit.Actor) -> Operation:
    """A provisioning whose state fits the instance's status."""
    operation = queue.request(provisioning.KIND, instance, actor=actor)
    ends = {"failed": "failed", "active": "succeeded", "draft": "cancelled", "retired": "cancelled"}
    note = {
        "failed": "Microsoft refused to create the application: the tenant's quota of 250 objects is used up.",
        "provisioning": "Enter the values of the hand-over sheet in the UMP, then mark both groups as done.",
    }.get(status, "")
    for number, step in enumerate(operation.steps):
        if number > 4 and status != "active":
            break
        factories.change(step, status="done", started_at=timezone.now(), ended_at=timezone.now())
        if number == 4 and status in ("failed", "provisioning"):
            factories.change(
                step, status="failed" if status == "failed" else "waiting", note=note, attempts=2, **FOR_SUPPORT
            )
    Operation.objects.filter(pk=operation.pk).update(
        status=ends.get(status, "waiting"),
        steps=operation.steps,
        message=note,
        started_at=timezone.now(),
        waits_for="staff" if status == "provisioning" else "",
        next_attempt_at=None,
        ended_at=timezone.now() if status in ends else None,
        error_code="handover" if status == "provisioning" else "",
    )
    return Operation.objects.get(pk=operation.pk)
