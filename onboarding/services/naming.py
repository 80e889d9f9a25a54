"""The name of the registration in the customer's tenant: the default, and storing the chosen one."""

import re

from django.core.exceptions import ValidationError

from onboarding.models import Connection, Service
from onboarding.validators import validate_registration_name
from registrations import audit
from registrations.errors import WrongStateError


def default_name(service: Service) -> str:
    """A name that follows the documented rules and says whose it is: provider and service, if both fit."""
    provider = re.sub(r"[^A-Za-z0-9-]", "", service.instance.provider.name)
    for name in (f"{provider}-{service.short_name}", f"{service.short_name}-sync"):
        try:
            validate_registration_name(name)
        except ValidationError:
            continue
        return name
    return service.short_name


def choose(connection: Connection, name: str, *, actor: audit.Actor) -> None:
    """Store the name. Raises ValidationError for an invalid one, WrongStateError if the registration exists."""
    validate_registration_name(name)
    with audit.atomic():
        before = Connection.objects.values_list("registration_name", flat=True).get(pk=connection.pk)
        changed = Connection.objects.filter(
            pk=connection.pk, registration=None, status__in=[Connection.Status.IDENTIFIED, Connection.Status.FAILED]
        ).update(registration_name=name)
        if not changed:
            raise WrongStateError("The registration already has its name.")
        if before != name:
            audit.record(
                "connection.named",
                actor=actor,
                subject=connection,
                before={"registration_name": before},
                after={"registration_name": name},
            )
    connection.registration_name = name
