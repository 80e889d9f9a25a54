"""URLs of the admin hosts. Instance hosts get `onboarding.urls` from the first middleware."""

from django.contrib import admin
from django.urls import path
from django.views.generic import RedirectView

from registrations.admin import error_pages, lookups, staff

handler403 = "registrations.admin.error_pages.forbidden"
handler404 = "registrations.admin.error_pages.not_found"
handler500 = "registrations.admin.error_pages.server_error"
urlpatterns = [
    path("", RedirectView.as_view(pattern_name="admin:index")),
    # Django's own page, with an entry in the history.
    path("admin/password_change/", staff.change_own_password),
    # Django's own, for declared fields alone.
    path("admin/autocomplete/", lookups.autocomplete, name="autocomplete"),
    # Django's shortcut to an object's page on the public site: there is none, and it fails for IDs that are no UUID.
    path("admin/r/<path:rest>", error_pages.no_such_page),
    path("admin/", admin.site.urls),
]
