"""What lists of things at Microsoft have in common: each row with its host and customer, and a filter by service provider."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString

from registrations import admin_html, places
from registrations.admin.base import ReadOnlyAdmin
from registrations.models import ServiceProvider


class ProviderFilter(admin.SimpleListFilter):
    """By service provider, also for what is in a customer's tenant."""

    title = "service provider"
    parameter_name = "provider"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Each service provider."""
        return [(str(pk), name) for pk, name in ServiceProvider.objects.values_list("pk", "name")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows of the chosen one; an unknown one changes nothing."""
        if self.value() not in {pk for pk, _ in self.lookup_choices}:
            return queryset
        chosen = Q()
        for path in places.instance_paths(queryset.model):
            chosen |= Q(**{f"{path}__provider": self.value()})
        return queryset.filter(chosen)


class PlacedAdmin(ReadOnlyAdmin):
    """Rows whose names repeat from host to host."""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """With host and customer, in the same query."""
        rows: QuerySet[Any] = super().get_queryset(request).annotate(**places.annotations(self.model))
        return rows

    def name_of(self, obj: Any) -> str:
        """With the host, and with the customer's name in place of its tenant's ID."""
        registration = getattr(obj, "registration", obj)
        tenant, owner = f", tenant {getattr(registration, 'tenant_id', '')}", f" of {obj.place_customer}"
        name = str(obj).replace(tenant, owner) if obj.place_customer else str(obj)
        return places.with_host(name, obj.place_host, LONGEST)

    @admin.display(description="Host", ordering="place_host")
    def host(self, row: Any) -> str:
        """The host of the UMP instance that it is for."""
        return str(row.place_host or "–")

    @admin.display(description="Customer", ordering="place_customer")
    def customer(self, row: Any) -> str:
        """The customer in whose tenant it is; a sync app is in the service provider's."""
        return str(row.place_customer or "–")

    @admin.display(description="Application (client) ID")
    def client_id(self, row: Any) -> SafeString:
        """The client ID of its registration."""
        registration = getattr(row, "registration", row)
        return admin_html.copyable(registration.app_id if registration else "")


LONGEST = 600  # a name and a host, uncut
