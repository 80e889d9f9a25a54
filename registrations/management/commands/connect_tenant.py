"""`manage.py connect_tenant`: check SyncPortal's credential in a tenant, then store it."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.core.management.base import CommandError, CommandParser

from registrations import audit
from registrations.clean_text import Kind
from registrations.management.reporting import ReportingCommand, read_secret
from registrations.models import EntraTenant
from registrations.services import credentials, tenant_check


class Command(ReportingCommand):
    """Checks first, stores afterwards: a credential that does not work changes nothing."""

    kinds: ClassVar = {"tenant_id": Kind.IDENTIFIER, "name": Kind.NAME, "client_id": Kind.IDENTIFIER}
    help = "Check the credential of SyncPortal's application in an Entra tenant, and store it encrypted."

    def add_arguments(self, parser: CommandParser) -> None:
        """Tenant, name and credential."""
        super().add_arguments(parser)
        parser.add_argument("tenant_id", help="the tenant's ID (a GUID)")
        parser.add_argument("--name", required=True, help="the tenant's name, as staff see it")
        parser.add_argument(
            "--client-id", required=True, help="application (client) ID of SyncPortal's application there"
        )
        parser.add_argument(
            "--client-secret-file", required=True, help="file with the client secret's value; - reads standard input"
        )
        parser.add_argument(
            "--subscription",
            choices=EntraTenant.Subscription.values,
            default=EntraTenant.Subscription.AUDIOCODES,
            help="whose subscription it is (default: audiocodes)",
        )

    def act(self, options: dict[str, Any]) -> None:
        """Check, then write the row, the envelope and the history. Raises CommandError for wrong input."""
        secret = read_secret(options["client_secret_file"])
        tenant_id = EntraTenant._meta.get_field("tenant_id").to_python(options["tenant_id"])
        tenant = EntraTenant.objects.filter(tenant_id=tenant_id).first() or EntraTenant(tenant_id=tenant_id)
        is_new = tenant._state.adding
        before = {} if is_new else {"name": tenant.name, "tenant_id": tenant.tenant_id, "client_id": tenant.client_id}
        tenant.name, tenant.client_id = options["name"], options["client_id"]
        tenant.subscription = options["subscription"]
        try:
            tenant.full_clean(exclude=["client_secret_envelope"])
        except ValidationError as error:
            raise CommandError(
                " ".join(f"{field}: {' '.join(texts)}" for field, texts in error.message_dict.items())
            ) from error
        found = tenant_check.permissions_of(tenant, secret)
        if found.missing:
            raise CommandError(f"{found.sentence} Grant it in Entra with admin consent. Nothing was saved.")
        known_as = tenant_check.confirm_tenant(tenant, secret)
        with audit.atomic():
            if is_new:
                tenant.save(force_insert=True)
            else:
                tenant.save(update_fields=["name", "client_id", "subscription"])
            audit.record(
                "tenant.added" if is_new else "tenant.changed",
                actor=audit.command_line(),
                subject=tenant,
                before=before,
                after={"name": tenant.name, "tenant_id": tenant.tenant_id, "client_id": tenant.client_id},
            )
            credentials.store_tenant_secret(tenant, secret, actor=audit.command_line())
            tenant_check.save_outcome(tenant, found, actor=audit.command_line())
        self.report(
            f"{tenant.name} is connected (Microsoft knows it as {known_as}). {found.sentence}",
            tenant_id=tenant.tenant_id,
            name=tenant.name,
            missing=found.missing,
            excess=found.excess,
        )
