"""The Graph client: tokens that expire, and objects that are still being replicated."""

import pytest

from registrations import connections
from registrations.errors import NotYetError
from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests.registrations.runs import (
    Provision,
)

pytestmark = pytest.mark.django_db


def test_a_token_that_graph_refuses_is_renewed_once(provision: Provision, sandbox: Sandbox) -> None:
    body = {"error": {"code": "InvalidAuthenticationToken", "message": "Lifetime validation failed."}}
    sandbox.faults.add(service="graph", kind="status", status=401, body=body, path="/applications", times=1)
    assert provision().status == "succeeded"


def test_grants_of_an_unknown_principal_are_read_later(sandbox: Sandbox, instance: UmpInstance) -> None:
    with pytest.raises(NotYetError):
        connections.graph_as_app(instance.provider.tenant).granted_roles("0f5a1c37-7a1d-4a5e-8a51-2f0f3ab7f0ee")


def test_names_that_a_tenant_chose_cannot_turn_the_words_around_them(sandbox: Sandbox, instance: UmpInstance) -> None:
    tenant = sandbox.world.tenant(instance.provider.tenant.tenant_id)
    tenant.name = "Fine\u202ebak\u200b GmbH"
    sandbox.world.add_application(tenant, "umptoken\u202e")
    graph = connections.graph_as_app(instance.provider.tenant)
    assert graph.organization().display_name == "Finebak GmbH"
    assert {each.display_name for each in graph.find_namesakes("umptoken\u202e")} == {"umptoken"}
