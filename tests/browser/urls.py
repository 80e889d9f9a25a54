"""The wizard's URLs, and pages of every refusal without the steps that lead to it; used by tests only."""

from datetime import timedelta

import psycopg
from django.db import OperationalError
from django.http import HttpResponse
from django.urls import path

from onboarding import requirements, urls
from onboarding.error_catalogue import ERRORS, ButtonTarget
from onboarding.errors import RefusedError
from onboarding.explanations import explain
from onboarding.middleware import InstanceRequest
from onboarding.models import ConnectionMethod
from onboarding.views import error_pages

WORDS = "The request […] could not be processed because the directory is being moved to another region."
PERSON = "carla@contoso.example"
FACTS = {
    "busy": "The setup has started with another method.",
    "under_way": "Other values are being checked at the moment.",
    "missing_scopes": requirements.both_names_of("Application.ReadWrite.All"),
    "roles_missing": "Teams Communications Administrator",
    "too_many_requests": "2 minutes",
    "way_not_offered": "this connection method",
}


def refusal(request: InstanceRequest, key: str, code: str = "") -> HttpResponse:
    """The page of a refusal, with every optional part."""
    refused = RefusedError(
        key,
        facts=FACTS.get(key, PERSON),
        explanation=explain(f"AADSTS{code}", WORDS) if code else None,
        code=f"AADSTS{code}" if code else "",
        correlation_id="7f3f9a52-6f0e-4c43-9d9b-5d0b8c1d2e11",
        customer="Contoso",
    )
    refused.link = "/authenticate" if ERRORS[key].target is ButtonTarget.INVITATION else ""
    refused.may_choose = True
    if key == "roles_missing":
        refused.method = ConnectionMethod.TOKEN
    if key == "remote_unavailable":
        refused.form, refused.retry_after = {"way": "new"}, timedelta(minutes=2)
    refused.other_account = "/authenticate" if refused.needs_other_account else ""
    return error_pages.render_error(request, refused)


def unavailable(request: InstanceRequest, slow: str = "") -> HttpResponse:
    """Any page while the database is away, or after a statement that took too long."""
    raise OperationalError("the database is away") from (psycopg.errors.QueryCanceled() if slow else None)


urlpatterns = [
    *urls.urlpatterns,
    path("authenticate/unavailable", unavailable),
    path("authenticate/unavailable/<str:slow>", unavailable),
    path("authenticate/refusal/<str:key>", refusal),
    path("authenticate/refusal/<str:key>/<str:code>", refusal),
]
handler400, handler403, handler404, handler500 = urls.handler400, urls.handler403, urls.handler404, urls.handler500
