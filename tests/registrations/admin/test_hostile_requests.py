"""Whatever stands in an address or a form, the answer is a page or a refusal, never a server error."""

import re
from collections.abc import Iterable
from typing import Any

import pytest
from django.conf import settings
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import URLResolver, get_resolver, reverse
from django.urls.resolvers import RoutePattern

from registrations import audit
from registrations.admin import lookups
from registrations.models import AuditEvent, UmpInstance
from registrations.services import provisioning
from tests import factories

NUL, HUGE = "\0", "9" * 40
HOSTILE = [NUL, "not-a-guid", "(", HUGE, "\n", "a" * 3000]
QUERIES = [
    ("q", NUL),
    ("q", "(%\\_'"),
    ("p", "abc"),
    ("p", HUGE),
    ("o", "abc"),
    ("o", HUGE),
    ("e", "1"),
    ("all", NUL),
    ("needs", NUL),
    ("id__exact", "abc"),
    ("pk__in", ",,"),
    ("pk__gt", HUGE),
    ("id__isnull", "maybe"),
    ("created_at__gte", "yesterday"),
    ("_to_field", "x"),
    ("_popup", "x"),
    ("_changelist_filters", "q=%00"),
]
MODELS = sorted(admin.site._registry, key=lambda model: str(model._meta.label))


@pytest.fixture
def root(db: None) -> Client:
    """An administrator's browser that shows a server error as its page; there is a row of most kinds."""
    client = Client(headers={"host": "localhost"}, raise_request_exception=False)
    client.force_login(User.objects.create_superuser("root", password=factories.PASSWORD))
    factories.make_service()
    return client


def list_of(model: Any) -> str:
    """The address of a model's list."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def fields_of(model: Any) -> list[str]:
    """The names of a model's columns."""
    return [field.name for field in model._meta.get_fields() if field.concrete]


def filters_of(model: Any) -> list[str]:
    """The declared filters that are columns."""
    return [each for each in admin.site._registry[model].list_filter if isinstance(each, str)]


def broken(root: Client, address: str, queries: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """The queries that end in a server error."""
    return [(name, value[:20]) for name, value in queries if root.get(address, {name: value}).status_code >= 500]


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_query_string_breaks_a_list(root: Client, model: Any) -> None:
    own = [(f"{name}{way}", value) for name in filters_of(model) for way in ("", "__exact") for value in (NUL, "abc")]
    own += [(f"{name}__id__exact", value) for name in filters_of(model) for value in (NUL, "abc", HUGE)]
    assert broken(root, list_of(model), [*QUERIES, *own]) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_query_string_breaks_a_form(root: Client, model: Any) -> None:
    queries = [(name, value) for name in fields_of(model) for value in (NUL, "abc")]
    assert broken(root, f"{list_of(model)}add/", queries) == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_only_declared_fields_offer_options(root: Client, model: Any) -> None:
    answers = {}
    for field in model._meta.get_fields():
        asked = {"app_label": model._meta.app_label, "model_name": model._meta.model_name, "field_name": field.name}
        answers[field.name] = root.get(reverse("admin:autocomplete"), {**asked, "term": "a"}).status_code
    offered = [name for name, status in answers.items() if status == 200]
    assert offered == [*admin.site._registry[model].autocomplete_fields]
    assert set(answers.values()) <= {200, 403}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_object_id_breaks_a_page(root: Client, model: Any) -> None:
    found = []
    for value in ["%00", "_00", HUGE, "%0A"]:
        for page in ["change", "history", "password"]:
            if root.get(f"{list_of(model)}{value}/{page}/").status_code >= 500:
                found.append((value, page))
    assert found == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_chosen_row_breaks_an_action(root: Client, model: Any) -> None:
    found = []
    for action in [*(admin.site._registry[model].actions or ()), NUL]:
        for value in HOSTILE[:3]:
            form = {"action": action, "_selected_action": value, "index": value, "select_across": value}
            if root.post(list_of(model), form).status_code >= 500:
                found.append((action, value[:20]))
    assert found == []


def test_no_value_breaks_a_form(root: Client) -> None:
    found = []
    for model in MODELS:
        extra = ["ump_client_secret", "client_secret", "password1", "password2", "expires_at_0", "expires_at_1"]
        for value in HOSTILE:
            given = dict.fromkeys([*fields_of(model), *extra], value)
            if root.post(f"{list_of(model)}add/", given).status_code >= 500:
                found.append((model._meta.label, value[:20]))
    assert found == []


def test_no_term_breaks_the_autocomplete(root: Client) -> None:
    good = {"app_label": "onboarding", "model_name": "service", "field_name": "customer", "term": "c"}
    found = [
        (name, value[:20])
        for name in [*good, "page"]
        for value in HOSTILE
        if root.get(reverse("admin:autocomplete"), {**good, name: value}).status_code >= 500
    ]
    assert found == []


@pytest.mark.parametrize("name", ["__Host-session", "__Host-csrf"])
@pytest.mark.parametrize("value", ['"abcdefgh\\000"', '"\\000"', "\\", '"'])
def test_no_cookie_breaks_a_page(db: None, name: str, value: str) -> None:
    root = Client(headers={"host": "localhost", "cookie": f"{name}={value}"}, raise_request_exception=False)
    assert root.get(reverse("admin:login")).status_code < 500


@pytest.mark.parametrize("name", ["user-agent", "accept-language", "referer", "x-forwarded-for", "accept"])
def test_no_header_breaks_a_page(root: Client, name: str) -> None:
    for value in ("a\0b", "(", "\xff"):
        assert root.get(reverse("admin:index"), headers={name: value}).status_code < 500, value


def test_no_user_name_breaks_the_sign_in(db: None) -> None:
    root = Client(headers={"host": "localhost"}, raise_request_exception=False)
    for value in HOSTILE:
        form = {"username": value, "password": value, "next": value}
        assert root.post(reverse("admin:login"), form).status_code < 500, value


def test_no_form_of_an_operation_or_a_bulk_request_breaks(root: Client) -> None:
    operation = provisioning.request(UmpInstance.objects.get(), actor=audit.SYSTEM)
    change = reverse("admin:registrations_operation_change", args=[operation.pk])
    instance = reverse("admin:registrations_umpinstance_change", args=[UmpInstance.objects.get().pk])
    pages = [change.replace("change", each) for each in ("hand-over/tick", "hand-over/reveal", "cancel", "resume")]
    pages += [
        reverse("admin:registrations_umpinstance_provision_confirmed"),
        instance.replace("change", "change-address"),
    ]
    for page in pages:
        for value in HOSTILE:
            given = dict.fromkeys(("group", "password", "choice", "instance", "app_name", "ump_url", "reason"), value)
            assert root.post(page, given).status_code < 500, (page, value)


def hostile_addresses(patterns: Iterable[Any], prefix: str = "/") -> Iterable[str]:
    """Every address of these patterns that takes a value, with a hostile one in each place."""
    for each in patterns:
        route = f"{prefix}{each.pattern}"
        if isinstance(each, URLResolver):
            yield from hostile_addresses(each.url_patterns, route)
        elif isinstance(each.pattern, RoutePattern) and "<" in route:
            for value in ["%00", "_00", HUGE, "%0A", "1", "not-a-guid", "(", "a" * 3000]:
                yield re.sub("<[^>]+>", value, route)


def test_no_address_of_the_admin_breaks(root: Client) -> None:
    addresses = list(hostile_addresses(get_resolver("syncportal.urls").url_patterns))
    assert any("/provision/" in address for address in addresses), "The walk reaches pages of objects."
    found = [address[:120] for address in addresses for ask in (root.get, root.post) if ask(address).status_code >= 500]
    assert found == []


def test_the_shortcut_to_a_public_site_does_not_exist(root: Client) -> None:
    kind = ContentType.objects.get_for_model(UmpInstance)
    for number in ("1", UmpInstance.objects.get().pk):
        assert root.get(f"/admin/r/{kind.pk}/{number}/").status_code == 404


def look_ups_of(model: Any, rf: RequestFactory) -> list[str]:
    """Every look-up that an address of the model's list may carry."""
    request = rf.get("/")
    request.user = User.objects.get(username="root")
    return sorted(lookups.declared(admin.site._registry[model], request))


@pytest.mark.django_db(
    transaction=True
)  # PostgreSQL refuses some values itself, which ends the transaction around a test
def test_no_value_of_a_declared_filter_breaks_a_list(root: Client, rf: RequestFactory) -> None:
    values = ["9999999999999999999", HUGE, "-1", "0", "9999", "99999", "1e400", "nan", "9999-12-31T23:59:59-23:59", "٣"]
    found = []
    for model in MODELS:
        queries = [(name, value) for name in look_ups_of(model, rf) for value in values]
        found += [(model._meta.label, *query) for query in broken(root, list_of(model), queries)]
    assert found == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_no_date_breaks_a_list(root: Client, model: Any) -> None:
    hierarchy = admin.site._registry[model].date_hierarchy
    if hierarchy is None:
        return
    found = []
    for date in [("9999", "12", "31"), ("1", "1", "1"), ("2026", "99", "1"), ("2026", "2", "30"), ("2026", HUGE, HUGE)]:
        for parts in range(1, 4):
            query = {f"{hierarchy}__{name}": value for name, value in zip(lookups.OF_DATES[:parts], date, strict=False)}
            if root.get(list_of(model), query).status_code >= 500:
                found.append(query)
    assert found == []


def test_a_year_that_no_date_has_leads_back_to_the_list(root: Client) -> None:
    answer = root.get(list_of(AuditEvent), {"at__year": "9999999999999999999"}, follow=True)
    assert answer.status_code == 200
    assert "The address or the selection was not valid." in answer.content.decode()


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.label_lower)
def test_a_long_search_is_refused_in_words(root: Client, model: Any) -> None:
    if not admin.site._registry[model].search_fields:
        return
    for term in ["a " * 11, "a" * 201, "'" + "a " * 99 + "'"]:
        with CaptureQueriesContext(connection) as queries:
            answer = root.get(list_of(model), {"q": term})
        assert max(query["sql"].count("LIKE") for query in queries) < 11
        assert "The search is too long. Search for at most 10 words and 200 characters." in answer.content.decode()
        assert answer.context["cl"].result_count == 0


def test_a_search_of_ten_words_is_carried_out(root: Client) -> None:
    answer = root.get(list_of(UmpInstance), {"q": f"{UmpInstance.objects.get().app_name} " * 10})
    assert answer.context["cl"].result_count == 1


def test_a_long_term_of_the_autocomplete_finds_nothing(root: Client) -> None:
    good = {"app_label": "onboarding", "model_name": "service", "field_name": "customer"}
    found = root.get(reverse("admin:autocomplete"), {**good, "term": "a " * 1500}).json()
    assert found["results"] == []
    assert "The search is too long" not in root.get(list_of(UmpInstance)).content.decode()


def test_the_autocomplete_tells_a_stranger_nothing_of_its_fields() -> None:
    stranger = Client(headers={"host": settings.ADMIN_HOSTS[0]})
    for field in ("customer", "no_such_field"):
        asked = {"app_label": "onboarding", "model_name": "service", "field_name": field, "term": "a"}
        answer = stranger.get(reverse("admin:autocomplete"), asked)
        assert answer.status_code == 302
        assert answer.headers["location"].startswith(reverse("admin:login"))


def test_a_nul_in_an_address_is_refused_as_a_bad_request(root: Client) -> None:
    assert root.get(list_of(UmpInstance), {"q": NUL}).status_code == 400
    assert root.get(f"{list_of(UmpInstance)}%00/change/").status_code == 400


@pytest.mark.postgresql
def test_a_broken_regular_expression_is_refused(root: Client) -> None:
    answer = root.get(list_of(UmpInstance), {"app_name__regex": "("})
    assert answer.status_code < 500
