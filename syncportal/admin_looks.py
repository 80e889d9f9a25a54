"""The admin's appearance: names, colours and the menu. Unfold reads it as `settings.UNFOLD`."""

from typing import Any

from django.templatetags.static import static
from django.urls import reverse_lazy

LOOKS: dict[str, Any] = {
    "SITE_TITLE": "SyncPortal",
    "SITE_HEADER": "SyncPortal",
    "SITE_SUBHEADER": "Sync apps, onboarding",
    "SITE_URL": None,
    "SITE_SYMBOL": "sync_lock",
    "SITE_FAVICONS": [
        {"rel": "icon", "type": "image/svg+xml", "href": lambda request: static("registrations/favicon.svg")},
    ],
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
    "LOGIN": {"form": "registrations.auth.forms.SignInForm"},
    "DASHBOARD_CALLBACK": "onboarding.admin.start_page.context",
    "STYLES": [lambda request: static("registrations/admin.css")],
    "SCRIPTS": [lambda request: static("registrations/admin.js")],
    "COLORS": {
        "primary": {
            "50": "235 243 252",
            "100": "207 228 250",
            "200": "180 214 250",
            "300": "119 183 247",
            "400": "71 158 245",
            "500": "40 134 222",
            "600": "15 108 189",
            "700": "17 94 163",
            "800": "15 84 140",
            "900": "12 59 94",
            "950": "8 35 56",
        }
    },
    "SIDEBAR": {
        "show_search": False,
        "show_all_applications": False,
        "navigation": [
            {
                "items": [
                    {"title": "Start", "icon": "home", "link": reverse_lazy("admin:index")},
                ]
            },
            {
                "title": "Service providers",
                "separator": True,
                "items": [
                    {
                        "title": "UMP instances",
                        "icon": "dns",
                        "link": reverse_lazy("admin:registrations_umpinstance_changelist"),
                    },
                    {
                        "title": "Service providers",
                        "icon": "apartment",
                        "link": reverse_lazy("admin:registrations_serviceprovider_changelist"),
                    },
                    {
                        "title": "Entra tenants",
                        "icon": "domain",
                        "link": reverse_lazy("admin:registrations_entratenant_changelist"),
                    },
                    {
                        "title": "App registrations",
                        "icon": "app_registration",
                        "link": reverse_lazy("admin:registrations_appregistration_changelist"),
                    },
                    {
                        "title": "Client secrets",
                        "icon": "key",
                        "link": reverse_lazy("admin:registrations_clientsecret_changelist"),
                    },
                ],
            },
            {
                "title": "Customers",
                "separator": True,
                "items": [
                    {
                        "title": "Invitations",
                        "icon": "mail",
                        "link": reverse_lazy("admin:onboarding_invitation_changelist"),
                    },
                    {
                        "title": "Connections",
                        "icon": "link",
                        "link": reverse_lazy("admin:onboarding_connection_changelist"),
                    },
                    {"title": "Services", "icon": "call", "link": reverse_lazy("admin:onboarding_service_changelist")},
                    {
                        "title": "Customers",
                        "icon": "groups",
                        "link": reverse_lazy("admin:onboarding_customer_changelist"),
                    },
                ],
            },
            {
                "title": "Activity",
                "separator": True,
                "items": [
                    {
                        "title": "Operations",
                        "icon": "checklist",
                        "link": reverse_lazy("admin:registrations_operation_changelist"),
                    },
                    {
                        "title": "Bulk jobs",
                        "icon": "stacks",
                        "link": reverse_lazy("admin:registrations_bulkjob_changelist"),
                    },
                    {
                        "title": "History",
                        "icon": "history",
                        "link": reverse_lazy("admin:registrations_auditevent_changelist"),
                    },
                ],
            },
            {
                "title": "Staff",
                "separator": True,
                "items": [
                    {
                        "title": "People",
                        "icon": "person",
                        "link": reverse_lazy("admin:auth_user_changelist"),
                        "permission": lambda request: request.user.is_superuser,
                    },
                    {
                        "title": "Groups",
                        "icon": "group_work",
                        "link": reverse_lazy("admin:auth_group_changelist"),
                        "permission": lambda request: request.user.is_superuser,
                    },
                ],
            },
        ],
    },
}
