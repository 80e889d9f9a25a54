"""Forms of rows whose values decide where secrets are sent: these are read only once something was delivered there."""

from typing import Any

from django.db import models
from django.http import HttpRequest

from registrations.admin.base import PortalAdmin
from registrations.models import UmpInstance
from registrations.services import addresses


class AddressAdmin(PortalAdmin):
    """Its `address_fields` are read only after the first delivery, and while one of its instances has a live operation."""

    address_fields: tuple[str, ...] = ()

    def instances_of(self, obj: Any) -> models.QuerySet[UmpInstance]:
        """The UMP instances whose address is generated from the row."""
        raise NotImplementedError

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """With the address, if it cannot be edited."""
        fixed = self.address_fields if obj and self.is_fixed(obj) else ()
        return [*fixed, *super().get_readonly_fields(request, obj)]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Check again under the lock: an operation may have started since the form was opened."""
        if change and set(self.address_fields) & set(form.changed_data):
            addresses.lock_for_edit(self.instances_of(obj))
        super().save_model(request, obj, form, change)

    def is_fixed(self, obj: Any) -> bool:
        """Whether the form may not change the address."""
        return addresses.is_fixed(self.instances_of(obj))

    def was_delivered(self, obj: Any) -> bool:
        """Whether a sync app was delivered to one of its instances: then only Change address works."""
        return addresses.was_delivered(self.instances_of(obj))
