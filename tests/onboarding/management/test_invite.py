"""`manage.py invite`: what it creates, prints and refuses."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from onboarding.models import Customer, Invitation, Service
from onboarding.services import invitations
from registrations import audit
from registrations.models import AuditEvent, Operation, ServiceProvider, UmpInstance
from tests.onboarding.conftest import OLGA
from tests.onboarding.mailing import RunWorker, sent_mail

pytestmark = pytest.mark.django_db


def invite(*extra: str, **changes: str) -> str:
    given = {
        "short-name": "contoso1",
        "full-name": "Contoso Ltd",
        "service-type": "hosted_pro",
        "tenant-id": "c0a70500-0000-4000-8000-000000000001",
        "email": "it@contoso.example",
        "m365-admin": "carla@contoso.example",
        **changes,
    }
    host = given.pop("host", "umptoken.finebak.localhost")
    written = io.StringIO()
    arguments = [part for name, value in given.items() for part in (f"--{name}", value)]
    call_command("invite", host, *arguments, *extra, stdout=written)
    return written.getvalue().strip()


def test_the_command_prints_only_the_link(instance: UmpInstance) -> None:
    assert invite() == invitations.link_of(Invitation.objects.get())
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["customer.added", "service.added", "invitation.created", "invitation.link_copied"]
    assert {event.actor_label for event in AuditEvent.objects.all()} == {audit.command_line().label}


def test_the_command_prints_one_json_object(instance: UmpInstance) -> None:
    found = json.loads(invite("--json", "--valid-days", "3"))
    invitation = Invitation.objects.get()
    assert found["link"] == invitations.link_of(invitation)
    assert found["invitation"] == str(invitation.pk)
    assert timedelta(days=2) < invitation.expires_at - timezone.now() <= timedelta(days=3)


def test_the_command_reuses_customer_and_service(instance: UmpInstance) -> None:
    invite()
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    invite()
    assert (Customer.objects.count(), Service.objects.count(), Invitation.objects.count()) == (1, 1, 2)


def test_the_command_can_email_the_link(instance: UmpInstance, enqueued: list[str], run_worker: RunWorker) -> None:
    link = invite("--send")
    assert enqueued == [str(Operation.objects.get().pk)]
    run_worker()
    assert link in str(sent_mail().body)


def test_the_command_emails_nothing_for_an_instance_that_is_not_active(instance: UmpInstance) -> None:
    UmpInstance.objects.update(status=UmpInstance.Status.DRAFT)
    with pytest.raises(CommandError, match="is not active: provision it before you send invitations"):
        invite("--send")
    assert not Customer.objects.exists()
    assert not Invitation.objects.exists()


def test_the_command_warns_of_an_instance_that_is_not_active(
    instance: UmpInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    UmpInstance.objects.update(status=UmpInstance.Status.DRAFT)
    assert invite() == invitations.link_of(Invitation.objects.get())
    assert f"{instance.host} is not active: a customer who opens the link" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "nowhere.example"}, "nowhere.example"),
        ({"short-name": "a.b"}, "short_name"),
        ({"tenant-id": "contoso"}, "GUID"),
        ({"email": "nobody"}, "it_admin_email"),
        ({"valid-days": "0"}, "1 to 365"),
        ({"service-type": "gold"}, "service-type"),
    ],
)
def test_the_command_refuses_invalid_input_and_saves_nothing(
    instance: UmpInstance, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        invite(**changes)
    assert not Invitation.objects.exists()
    assert not Customer.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_command_refuses_a_short_name_of_another_customer(instance: UmpInstance) -> None:
    invite()
    with pytest.raises(CommandError, match="belongs to"):
        invite(**{"tenant-id": "fab00000-0000-4000-8000-000000000001", "full-name": "Fabrikam"})
    assert Customer.objects.count() == 1


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service-type": "oc_pro"}, "service type 'hosted_pro', not 'oc_pro'"),
        ({"full-name": "Contoso Limited"}, "full name 'Contoso Ltd', not 'Contoso Limited'"),
        ({"customer-name": "Fabrikam"}, "customer name 'Contoso Ltd', not 'Fabrikam'"),
    ],
)
def test_other_values_for_an_existing_service_are_refused(
    instance: UmpInstance, changes: dict[str, str], words: str
) -> None:
    invite()
    Invitation.objects.update(status=Invitation.Status.REVOKED)
    with pytest.raises(CommandError, match=words):
        invite(**changes)
    assert (Customer.objects.count(), Service.objects.count(), Invitation.objects.count()) == (1, 1, 1)


def test_a_second_invitation_is_refused_while_one_is_open(instance: UmpInstance) -> None:
    invite()
    with pytest.raises(CommandError, match="already has an open invitation, for it@contoso"):
        invite("--again", email="other@contoso.example")
    assert Invitation.objects.count() == 1


def test_a_customer_in_the_middle_of_the_wizard_is_not_invited_again(instance: UmpInstance) -> None:
    invite()
    Invitation.objects.update(status=Invitation.Status.CONNECTING)
    with pytest.raises(CommandError, match="already has an open invitation"):
        invite()


def test_a_connected_service_needs_the_again_option(instance: UmpInstance) -> None:
    invite()
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    with pytest.raises(CommandError, match="is already connected"):
        invite()
    link = invite("--again")
    assert invitations.link_of(Invitation.objects.get(status="draft")) == link


def test_the_command_warns_when_the_setup_would_stop(instance: UmpInstance, capsys: pytest.CaptureFixture[str]) -> None:
    UmpInstance.objects.update(ump_client_secret_envelope="")
    invite()
    assert f"{instance.host} has no UMP API credential" in capsys.readouterr().err


def test_the_command_warns_when_customers_can_ask_nobody(
    instance: UmpInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    ServiceProvider.objects.update(contact_email="")
    invite()
    assert "Finebak has no contact whom customers can ask" in capsys.readouterr().err


def test_a_revoked_invitation_does_not_block_a_new_one(instance: UmpInstance) -> None:
    invite()
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    assert invite()


def test_values_are_taken_as_people_copy_them(instance: UmpInstance) -> None:
    tenant = "{C0A70500-0000-4000-8000-000000000001}\u200b"
    invite(**{"tenant-id": tenant, "email": "\ufeffit@contoso.example\u00a0", "full-name": " Contoso\u00a0Ltd\n"})
    stored = Invitation.objects.get()
    assert (stored.tenant_id, stored.it_admin_email) == (tenant[1:-2].lower(), "it@contoso.example")
    assert stored.service.full_name == stored.service.customer.name == "Contoso Ltd"


@pytest.mark.parametrize("option", ["full-name", "customer-name", "email", "m365-admin", "short-name", "tenant-id"])
@pytest.mark.parametrize("character", ["\u202e", "\0"])
def test_a_misleading_character_is_refused_with_its_option(instance: UmpInstance, option: str, character: str) -> None:
    with pytest.raises(CommandError, match=rf"--{option}: Delete the character U\+{ord(character):04X}"):
        invite(**{option: f"con{character}toso"})
    assert not Customer.objects.exists()
