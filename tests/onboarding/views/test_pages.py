"""What all pages of the wizard share: their frame, the status of redirects, and who acts."""

from types import SimpleNamespace
from typing import Any

import pytest
from django.test import RequestFactory

from onboarding.views import pages
from registrations.models import UmpInstance
from tests import factories


@pytest.mark.django_db
def test_a_page_without_an_instance_still_has_its_frame(rf: RequestFactory) -> None:
    frame = pages.frame_of(rf.get("/"))
    assert (frame["instance"], frame["provider"]) == (None, None)
    assert frame["stylesheet"].startswith("/authenticate/assets/portal.css?v=")


@pytest.mark.django_db
def test_the_frame_makes_no_query(rf: RequestFactory, settings: Any, django_assert_num_queries: Any) -> None:
    factories.make_instance()
    settings.DEFAULT_FROM_EMAIL = "invitations@finebak.example"
    request: Any = rf.get("/")
    request.instance = UmpInstance.objects.select_related("provider").get()
    with django_assert_num_queries(0):
        frame = pages.frame_of(request)
    assert (frame["provider"].name, frame["sender"]) == ("Finebak", "invitations@finebak.example")


def test_a_form_is_not_sent_twice_when_the_next_page_is_reloaded() -> None:
    answer = pages.SeeOther("/authenticate/progress")
    assert (answer.status_code, answer.headers["location"]) == (303, "/authenticate/progress")


@pytest.mark.parametrize(("address", "recorded"), [("192.0.2.7", "192.0.2.7"), ("", None)])
def test_the_history_names_the_administrator_and_the_address(address: str, recorded: str | None) -> None:
    request: Any = SimpleNamespace(META={"REMOTE_ADDR": address})
    actor = pages.customer_actor(request, "carla@contoso.example", "an-object-id")
    assert (actor.kind, actor.label, actor.id, actor.ip_address) == (
        "customer",
        "carla@contoso.example",
        "an-object-id",
        recorded,
    )
