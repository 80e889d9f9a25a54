"""Customers: one Microsoft 365 tenant each."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse

from onboarding.models import Customer, Invitation
from registrations.admin.base import PortalAdmin


@admin.register(Customer)
class CustomerAdmin(PortalAdmin):
    """Invitations are checked against the tenant ID, so it is read only after the first one."""

    list_display = ("name", "service_count", "tenant_id")
    ordering = ("name",)  # said here, because Django drops the order of a model whose rows are counted
    search_fields = ("name", "tenant_id")
    search_help_text = "Name or tenant ID"
    fields = ("name", "tenant_id")
    change_form_outer_after_template = "admin/onboarding/customer/services.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Customer]:
        """Add the number of services."""
        rows: QuerySet[Customer] = super().get_queryset(request).annotate(service_total=Count("services"))
        return rows

    def get_readonly_fields(self, request: HttpRequest, obj: Customer | None = None) -> list[str]:
        """The tenant ID is read only after the first invitation."""
        return ["tenant_id"] if obj and Invitation.objects.filter(service__customer=obj).exists() else []

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add the customer's services below the form."""
        extra = dict(extra_context or {})
        customer = self.get_object(request, object_id) if object_id else None
        if customer:
            extra["services"] = customer.services.select_related("instance__provider")
            extra["may_add_service"] = request.user.has_perm("onboarding.add_service")
        return super().changeform_view(request, object_id, form_url, extra)

    @admin.display(description="Services", ordering="service_total")
    def service_count(self, customer: Any) -> int:
        """The number of services."""
        return int(customer.service_total)
