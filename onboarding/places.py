"""Where the rows of the customers' side belong: the history and the staff's lists show it."""

from onboarding.models import Connection, Customer, DelegatedToken, Invitation, Service, SignIn
from registrations import places
from registrations.models import AppRegistration, ClientSecret


def register_models() -> None:
    """The way from each model, and from registrations in customers' tenants, to service, customer and instance."""
    places.register(Customer, customer="pk")
    places.register(Service, service="pk", customer="customer", instance="instance")
    places.register(Invitation, invitation="pk", **_through("service"))
    for model in (Connection, SignIn):
        places.register(model, invitation="invitation", **_through("invitation__service"))
    for owned, connection in (
        (DelegatedToken, "connection"),
        (AppRegistration, "connection"),
        (ClientSecret, "registration__connection"),
    ):
        invitation = f"{connection}__invitation"
        places.register(owned, invitation=invitation, **_through(f"{invitation}__service"))


def _through(service: str) -> dict[str, str]:
    return {"service": service, "customer": f"{service}__customer", "instance": f"{service}__instance"}
