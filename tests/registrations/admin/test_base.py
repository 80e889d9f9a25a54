"""What every page of the admin has: titles and breadcrumbs."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import strip_tags

from registrations import audit
from registrations.models import AuditEvent, UmpInstance
from registrations.services import provisioning
from tests.registrations.admin.conftest import OLGA, page_of

pytestmark = pytest.mark.django_db


def title_of(answer: Any) -> str:
    """The way to the page, as it is read."""
    page = answer.content.decode()
    heading = page[page.index("<h1") : page.index("</h1>")]
    return " > ".join(part.strip() for part in strip_tags(heading).replace("chevron_right", "|").split("|"))


def test_breadcrumbs_use_the_words_of_the_menu(operator_client: Client, instance: UmpInstance) -> None:
    operation = provisioning.request(instance, actor=OLGA)
    with audit.atomic():
        audit.record("staff.signed_in", actor=OLGA)
    event = AuditEvent.objects.get(action="staff.signed_in")
    found = {
        page_of(instance): f"Service providers > UMP instances > {instance.host}",
        reverse("admin:registrations_umpinstance_add"): "Service providers > UMP instances > Add UMP instance",
        page_of(operation): f"Activity > Operations > Provision the sync app: {instance.host}",
        page_of(event): "Activity > History > Olga Operator signed in",
        reverse("admin:registrations_auditevent_changelist"): "Activity > History",
        "/admin/": "Start",
    }
    assert {address: title_of(operator_client.get(address)) for address in found} == found
