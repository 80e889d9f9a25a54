"""An active instance whose sync app exists in the sandbox's Entra, an invitation of it, and a customer's browser."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from onboarding.models import Invitation
from onboarding.services import invitations, sign_in_exchange
from registrations import audit
from registrations.applications import desired_state
from registrations.models import UmpInstance
from sandbox.app import Sandbox
from tests import factories
from tests.onboarding.browser import Browser

OLGA = audit.Actor("staff", "Olga Operator", "1", "192.0.2.7")


@pytest.fixture(autouse=True)
def _short_look_at_roles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Graph's index does not lag here, unless a test says so: the second look comes at once."""
    monkeypatch.setattr(sign_in_exchange, "ROLE_INDEX_PAUSE", timedelta())


@pytest.fixture
def make_active_instance(sandbox: Sandbox) -> Callable[..., UmpInstance]:
    """Creates instances as they are after provisioning."""

    def make(**values: Any) -> UmpInstance:
        instance = factories.make_instance(sandbox, status=UmpInstance.Status.ACTIVE, **values)
        wanted = desired_state.sync_app(instance)
        application = sandbox.world.add_application(
            sandbox.world.tenant(instance.provider.tenant.tenant_id),
            wanted.pop("displayName"),
            uniqueName=desired_state.unique_name(instance),
            **wanted,
        )
        secret = sandbox.world.add_secret(application).secret
        factories.make_registration(instance, secret=secret, app_id=application.app_id, object_id=application.id)
        return instance

    return make


@pytest.fixture
def instance(make_active_instance: Callable[..., UmpInstance]) -> UmpInstance:
    """umptoken.finebak.localhost, active."""
    return make_active_instance()


@pytest.fixture
def invitation(sandbox: Sandbox, instance: UmpInstance) -> Invitation:
    """Contoso's invitation, not emailed."""
    return invitations.create(
        factories.make_service(sandbox, instance=instance),
        it_admin_email="it@contoso.example",
        m365_admin_email="carla@contoso.example",
        actor=OLGA,
    )


@pytest.fixture
def link(invitation: Invitation) -> str:
    """The invitation's link."""
    return invitations.link_of(invitation)


@pytest.fixture
def customer(sandbox: Sandbox, instance: UmpInstance) -> Browser:
    """A browser on the instance's host."""
    return Browser(sandbox, instance.host)
