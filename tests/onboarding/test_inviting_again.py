"""Inviting for a service that is there already: nothing is dropped silently, and nobody gets a second way in."""

import pytest
from django.core.management import CommandError

from onboarding.models import Customer, Invitation, Service
from onboarding.services import invitations
from registrations.models import UmpInstance
from tests.onboarding.conftest import OLGA
from tests.onboarding.test_invitations import invite

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"service-type": "oc_pro"}, "service type 'hosted_pro', not 'oc_pro'"),
        ({"full-name": "Contoso Limited"}, "full name 'Contoso Ltd', not 'Contoso Limited'"),
        ({"customer-name": "Fabrikam"}, "customer name 'Contoso Ltd', not 'Fabrikam'"),
    ],
)
def test_other_values_for_a_service_that_is_there_are_refused(
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


def test_a_connected_service_is_invited_again_only_if_one_says_so(instance: UmpInstance) -> None:
    invite()
    Invitation.objects.update(status=Invitation.Status.COMPLETED)
    with pytest.raises(CommandError, match="is already connected"):
        invite()
    link = invite("--again")
    assert invitations.link_of(Invitation.objects.get(status="draft")) == link


def test_the_command_warns_where_the_set_up_would_stop(
    instance: UmpInstance, capsys: pytest.CaptureFixture[str]
) -> None:
    UmpInstance.objects.update(ump_client_secret_envelope="")
    invite()
    assert f"{instance.host} has no UMP API credential" in capsys.readouterr().err


def test_a_revoked_invitation_is_in_nobodys_way(instance: UmpInstance) -> None:
    invite()
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    assert invite()
