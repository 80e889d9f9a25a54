"""`manage.py invite HOST ...`: create an invitation and print its link."""

import json
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from onboarding.middleware import instance_of
from onboarding.models import Invitation, Service
from onboarding.services import customers, invitations
from registrations import audit, canonical, tasks
from registrations.clean_text import Kind, MisleadingTextError, clean
from registrations.errors import PortalError

KINDS = {  # what each option with text is
    "host": Kind.IDENTIFIER,
    "short_name": Kind.IDENTIFIER,
    "full_name": Kind.NAME,
    "tenant_id": Kind.IDENTIFIER,
    "email": Kind.EMAIL,
    "m365_admin": Kind.EMAIL,
    "customer_name": Kind.NAME,
}


class Command(BaseCommand):
    """Creates an invitation for a service, and the customer and the service if they do not exist."""

    help = "Create an invitation and print its link. Customer and service are created if they do not exist."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("host", metavar="HOST", help="host of the UMP instance, for example umptoken.finebak.com")
        parser.add_argument(
            "--short-name", required=True, help="3 to 15 letters, digits and hyphens, no hyphen at either end"
        )
        parser.add_argument("--full-name", required=True, help="full name of the service")
        parser.add_argument("--service-type", required=True, choices=Service.Type.values)
        parser.add_argument("--tenant-id", required=True, help="the customer's Microsoft 365 tenant ID")
        parser.add_argument("--email", required=True, help="the customer's IT administrator, who receives the link")
        parser.add_argument("--m365-admin", required=True, help="the Microsoft 365 administrator who will sign in")
        parser.add_argument(
            "--customer-name",
            help="name of the organisation; default: the stored name, or the full name of the service",
        )
        parser.add_argument("--valid-days", type=int, help="days until the link expires")
        parser.add_argument(
            "--again", action="store_true", help="invite although the service is already connected, to reconnect it"
        )
        parser.add_argument(
            "--send", action="store_true", help="also email the link; a worker sends it; the instance must be active"
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Create the invitation. Raises CommandError with a sentence; nothing is saved then."""
        try:
            options = _cleaned(options)
            with audit.atomic():  # a bad address must not leave a new customer without an invitation
                invitation = _invite(options)
            link = invitations.copy_link(invitation, actor=audit.command_line())
            if options["send"]:
                tasks.enqueue(invitations.send(invitation, actor=audit.command_line()).pk)
        except ValidationError as error:
            raise CommandError(_sentences(error)) from error
        except PortalError as error:
            raise CommandError(str(error)) from error
        instance = invitation.service.instance
        if not instance.provider.contact_email:
            self.stderr.write(invitations.no_contact(instance.provider))
        if warning := invitations.not_active(instance):
            self.stderr.write(warning)
        if not instance.has_ump_credential:
            self.stderr.write(invitations.no_credential(instance))
        found = {
            "host": instance.host,
            "invitation": str(invitation.pk),
            "link": link,
            "expires_at": invitation.expires_at.isoformat(),
        }
        self.stdout.write(json.dumps(found) if options["json"] else link)


def _cleaned(options: dict[str, Any]) -> dict[str, Any]:
    changed = {}
    for name, kind in KINDS.items():
        try:
            changed[name] = clean(options[name] or "", what=kind)
        except MisleadingTextError as refusal:
            raise CommandError(f"--{name.replace('_', '-')}: {refusal}") from None
    return {**options, **changed}


def _invite(options: dict[str, Any]) -> Invitation:
    instance = instance_of(canonical.host(options["host"]))
    if instance is None:
        raise CommandError(f"No UMP instance has the host {options['host']}.")
    days = options["valid_days"]
    if days is not None and not 1 <= days <= 365:
        raise CommandError("--valid-days must be 1 to 365.")
    if options["send"]:
        invitations.refuse_inactive(instance)  # before anything is created
    service = customers.ensure_service(
        instance,
        tenant_id=options["tenant_id"],
        customer_name=options["customer_name"] or "",
        short_name=options["short_name"],
        full_name=options["full_name"],
        service_type=options["service_type"],
        actor=audit.command_line(),
    )
    return invitations.create(
        service,
        it_admin_email=options["email"],
        m365_admin_email=options["m365_admin"],
        expires_at=timezone.now() + timedelta(days=days) if days else None,
        again=options["again"],
        actor=audit.command_line(),
    )


def _sentences(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{name}: {' '.join(messages)}" for name, messages in error.message_dict.items())
