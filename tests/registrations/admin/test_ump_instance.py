"""Provisioning from the list and the page of UMP instances."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from registrations.models import Operation, UmpInstance
from registrations.services import provisioning
from sandbox.app import Sandbox
from tests import factories
from tests.registrations.admin.conftest import OLGA

pytestmark = pytest.mark.django_db
LIST = "admin:registrations_umpinstance_changelist"
CONFIRMED = "admin:registrations_umpinstance_provision_confirmed"


def test_provisioning_several_instances_is_confirmed_by_name_and_number(
    operator_client: Client,
    instance: UmpInstance,
    sandbox: Sandbox,
    enqueued: list[str],
    django_capture_on_commit_callbacks: Any,
) -> None:
    other = factories.make_instance(sandbox, app_name="second")
    chosen = {"action": "provision_selected", "_selected_action": [instance.pk, other.pk]}
    page = operator_client.post(reverse(LIST), chosen).content.decode()
    assert "Provision 2 instances" in page
    assert instance.host in page
    assert other.host in page
    assert not Operation.objects.exists()
    with django_capture_on_commit_callbacks(execute=True):
        answer = operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk, other.pk]}, follow=True)
    assert answer.content.decode().count("Provisioning started.") == 2
    assert set(enqueued) == {str(operation.pk) for operation in Operation.objects.all()}


def test_a_second_provisioning_is_a_message_not_a_duplicate(operator_client: Client, instance: UmpInstance) -> None:
    provisioning.request(instance, actor=OLGA)
    answer = operator_client.post(reverse(CONFIRMED), {"instance": [instance.pk]}, follow=True)
    assert "has an operation that has not ended yet" in answer.content.decode()
    assert Operation.objects.count() == 1


def test_an_auditor_cannot_provision_by_address(auditor_client: Client, instance: UmpInstance) -> None:
    assert auditor_client.post(reverse(CONFIRMED), {"instance": [instance.pk]}).status_code == 403
    chosen = {"action": "provision_selected", "_selected_action": [instance.pk]}
    auditor_client.post(reverse(LIST), chosen)
    assert not Operation.objects.exists()


def test_a_get_of_the_confirmation_url_does_nothing(operator_client: Client, instance: UmpInstance) -> None:
    assert operator_client.get(reverse(CONFIRMED), {"instance": str(instance.pk)}).status_code == 405
    assert (
        "Select at least one"
        in operator_client.post(reverse(CONFIRMED), {"instance": "x"}, follow=True).content.decode()
    )
    assert not Operation.objects.exists()
