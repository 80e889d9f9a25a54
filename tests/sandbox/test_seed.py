"""The seed data of a new sandbox."""

from sandbox import seed
from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR
from sandbox.world import World

URLS = {
    "entra": "https://localhost:1",
    "graph": "https://localhost:1",
    "people": "http://localhost:2",
    "mailbox": "http://localhost:2/mailbox/",
    "ca_bundle": "ca.pem",
    "smtp_host": "localhost",
    "smtp_port": 3,
}


def test_a_secret_of_the_seed_differs_in_each_sandbox() -> None:
    one, two = seed.populate(World()), seed.populate(World())
    assert one["portal_id"] == two["portal_id"]
    assert one["portal_secret"] != two["portal_secret"]


def test_the_seed_names_existing_objects() -> None:
    world = World()
    found = seed.read(seed.populate(world), URLS)
    assert world.find_application(app_id=found.provider.client_id)
    assert world.find_application(app_id=found.ump.client_id)
    assert world.ump(found.ump.name).tenant_id == found.provider.tenant_id
    customer = world.state.tenants[found.customer.tenant_id]
    assert customer.roles_of(customer.user(found.customer.admin_upn).id) == [GLOBAL_ADMINISTRATOR]
    assert found.ump.url == "https://localhost:1/ump/finebak/tenantui"


def test_no_customer_has_an_application_at_first(sandbox: Sandbox) -> None:
    assert not sandbox.world.tenant("Contoso").applications
    assert not sandbox.world.tenant("Contoso").permission_grants
