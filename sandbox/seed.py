"""The seed data of a new sandbox, and what people and tests must know of it."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from sandbox.catalogue import (
    APPLICATION_ADMINISTRATOR,
    GLOBAL_ADMINISTRATOR,
    PRIVILEGED_ROLE_ADMINISTRATOR,
    SKYPE_FOR_BUSINESS_ADMINISTRATOR,
    TEAMS_COMMUNICATIONS_ADMINISTRATOR,
)
from sandbox.directory import seeded_id
from sandbox.model import JsonObject, Tenant
from sandbox.store import load
from sandbox.world import UMP_API_NAME, World

PORTAL_PERMISSIONS = [
    "Application.ReadWrite.OwnedBy",
    "Application.Read.All",
    "Organization.Read.All",
    "Policy.Read.All",
]


@dataclass(frozen=True)
class SeedProvider:
    """The service provider's tenant and the portal's own credential in it."""

    tenant_id: str
    name: str
    domain: str
    client_id: str
    client_secret: str


@dataclass(frozen=True)
class SeedUmp:
    """A UMP and the credential for its API."""

    name: str
    url: str
    tenant_id: str
    client_id: str
    client_secret: str
    scope: str


@dataclass(frozen=True)
class SeedCustomer:
    """A customer of the service provider."""

    tenant_id: str
    name: str
    short_name: str
    full_name: str
    it_admin_email: str
    admin_upn: str


@dataclass(frozen=True)
class SeedUrls:
    """Where the sandbox listens."""

    entra: str
    graph: str
    people: str
    mailbox: str
    ca_bundle: str
    smtp_host: str
    smtp_port: int


@dataclass(frozen=True)
class Seed:
    """The content of seed.json."""

    provider: SeedProvider
    ump: SeedUmp
    customer: SeedCustomer
    urls: SeedUrls

    def as_json(self) -> JsonObject:
        return asdict(self)


def populate(world: World) -> JsonObject:
    """Fill an empty world. Returns the ids and secrets that `read` needs later."""
    memory = seed_provider(world, "Finebak", "finebak.localhost")
    contoso = _contoso(world)
    fabrikam = world.add_tenant("Fabrikam", seeded_id("Fabrikam"), "fabrikam.example")
    world.add_user(fabrikam, "Fred", "fred@fabrikam.example", [GLOBAL_ADMINISTRATOR])
    world.add_ump_customer("finebak", "contoso1", "Contoso Ltd", contoso.id)
    return memory


def seed_provider(world: World, name: str, domain: str) -> JsonObject:
    """A service provider's tenant with the portal's application, and a UMP of the provider's name. Returns ids and secrets."""
    tenant = world.add_tenant(name, seeded_id(name), domain)
    return {"tenant_id": tenant.id, **_portal(world, tenant), **_ump(world, tenant)}


def _portal(world: World, tenant: Tenant) -> JsonObject:
    portal = world.add_application(tenant, "SyncPortal", app_id=seeded_id(tenant.name, "portal"))
    world.grant_application_permissions(tenant, portal.app_id, PORTAL_PERMISSIONS)
    return {"portal_id": portal.app_id, "portal_secret": world.add_secret(portal, "portal").secret}


def _ump(world: World, tenant: Tenant) -> JsonObject:
    api_id = seeded_id(tenant.name, UMP_API_NAME)
    world.add_application(tenant, UMP_API_NAME, app_id=api_id, identifierUris=[f"api://{api_id}"])
    client = world.add_application(tenant, "UMP API client", app_id=seeded_id(tenant.name, "ump client"))
    world.add_ump(tenant.name.lower(), tenant.id, api_id)
    secret = world.add_secret(client, "ump")
    return {"ump_api_id": api_id, "ump_client_id": client.app_id, "ump_secret": secret.secret}


def _contoso(world: World) -> Tenant:
    contoso = world.add_tenant("Contoso", seeded_id("Contoso"), "contoso.example")
    add = world.add_user
    add(contoso, "Carla", "carla@contoso.example", [GLOBAL_ADMINISTRATOR])
    add(contoso, "Paul", "paul@contoso.example", [PRIVILEGED_ROLE_ADMINISTRATOR, APPLICATION_ADMINISTRATOR])
    add(
        contoso,
        "Tessa",
        "tessa@contoso.example",
        [SKYPE_FOR_BUSINESS_ADMINISTRATOR, TEAMS_COMMUNICATIONS_ADMINISTRATOR, APPLICATION_ADMINISTRATOR],
    )
    add(contoso, "Appie", "appie@contoso.example", [APPLICATION_ADMINISTRATOR])
    add(contoso, "Nora", "nora@contoso.example")
    add(contoso, "Greta", "greta_fabrikam.example#EXT#@contoso.example", [GLOBAL_ADMINISTRATOR], "Guest")
    add(contoso, "Dan", "dan@contoso.example", [GLOBAL_ADMINISTRATOR], enabled=False)
    add(contoso, "Peter", "peter@contoso.example", eligible_roles=[GLOBAL_ADMINISTRATOR])
    add(contoso, "Mona", "mona@contoso.example", [GLOBAL_ADMINISTRATOR], mfa_setup_needed=True)
    return contoso


def read(memory: JsonObject, urls: JsonObject) -> Seed:
    """The seed of a populated world, with the sandbox's current addresses."""
    finebak, contoso = seeded_id("Finebak"), seeded_id("Contoso")
    return Seed(
        provider=SeedProvider(finebak, "Finebak", "finebak.localhost", memory["portal_id"], memory["portal_secret"]),
        ump=SeedUmp(
            name="finebak",
            url=f"{urls['entra']}/ump/finebak/tenantui",
            tenant_id=finebak,
            client_id=memory["ump_client_id"],
            client_secret=memory["ump_secret"],
            scope=f"api://{memory['ump_api_id']}/.default",
        ),
        customer=SeedCustomer(
            contoso, "Contoso", "contoso1", "Contoso Ltd", "it@contoso.example", "carla@contoso.example"
        ),
        urls=load(SeedUrls, urls),
    )
