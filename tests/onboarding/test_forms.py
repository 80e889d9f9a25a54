"""The customer's forms: what is refused, what is cleaned, and what is never shown again."""

import pytest

from onboarding.forms import ExistingForm, RegistrationForm

CONTOSO = "c0a70500-0000-4000-8000-000000000001"
CLIENT_ID = "9d576dc4-b85d-4571-880e-4c6ed4c08c31"
SECRET = "Xy8Q~not-a-real-secret-value"


def existing(**changes: str) -> ExistingForm:
    given = {"tenant": CONTOSO, "client_id": CLIENT_ID, "client_secret": SECRET, **changes}
    return ExistingForm(given, tenant_id=CONTOSO, customer="Contoso")


@pytest.mark.parametrize("name", ["", "ab", "a" * 16, "has blank"])
def test_a_screen_reader_reads_the_names_error_before_its_rules(name: str) -> None:
    form = RegistrationForm({"name": name})
    assert not form.is_valid()
    assert 'aria-describedby="name-error name-hint rules"' in str(form["name"])
    assert "name-error" not in str(RegistrationForm()["name"])


@pytest.mark.parametrize(
    ("secret", "code"),
    [
        (CLIENT_ID, "secret_id"),
        (f" {{{CLIENT_ID.upper()}}} ", "secret_id"),
        ("fifteen-letters", "secret"),
        ("two words of 16 letters", "secret"),
        ("a-tab\tand-16-letters", "misleading"),
    ],
)
def test_what_cannot_be_the_value_of_a_secret_is_refused(secret: str, code: str) -> None:
    assert existing(client_secret=secret).has_error("client_secret", code)


def test_a_form_with_errors_does_not_show_the_secret_again() -> None:
    form = existing(client_id="Contoso telephony")
    assert not form.is_valid()
    assert SECRET not in form.as_div()


@pytest.mark.parametrize(
    "tenant", ["fab00000-0000-4000-8000-000000000001", "contoso", "https://contoso.com", "a b.com"]
)
def test_a_tenant_that_is_not_the_customers_or_no_domain_is_refused(tenant: str) -> None:
    assert existing(tenant=tenant).has_error("tenant", "tenant")


def test_copied_spaces_and_braces_are_removed_but_the_secret_is_not_changed() -> None:
    braced = f" {{{CLIENT_ID.upper()}}} "
    form = existing(tenant=" Contoso.COM ", client_id=braced, client_secret=f" {{{SECRET}}} ")
    assert form.is_valid(), form.errors
    assert form.cleaned_data == {"tenant": "contoso.com", "client_id": CLIENT_ID, "client_secret": f"{{{SECRET}}}"}


@pytest.mark.parametrize("form", ["{%s}", "\ufeff%s\u200b", "\u00a0%s\n", "\u200e%s"])
def test_ids_are_taken_in_capitals_braces_and_with_invisible_characters(form: str) -> None:
    found = existing(tenant=form % CONTOSO.upper(), client_id=form % CLIENT_ID.upper())
    assert found.is_valid(), found.errors
    assert (found.cleaned_data["tenant"], found.cleaned_data["client_id"]) == (CONTOSO, CLIENT_ID)


@pytest.mark.parametrize("form", ["\ufeff%s", "%s\u00a0", "%s\r\n", "\u200b%s"])
def test_a_secret_is_taken_without_what_surrounds_it(form: str) -> None:
    found = existing(client_secret=form % SECRET)
    assert found.is_valid(), found.errors
    assert found.cleaned_data["client_secret"] == SECRET


def test_a_domain_is_taken_in_capitals_and_with_a_dot_at_its_end() -> None:
    form = existing(tenant=" Contoso.COM. ")
    assert form.is_valid()
    assert form.cleaned_data["tenant"] == "contoso.com"


@pytest.mark.parametrize("character", ["\0", "\u202e"])
@pytest.mark.parametrize("field", ["tenant", "client_id", "client_secret"])
def test_a_misleading_character_in_a_value_is_refused_by_name(field: str, character: str) -> None:
    good = {"tenant": CONTOSO, "client_id": CLIENT_ID, "client_secret": SECRET}[field]
    form = existing(**{field: f"{good[:9]}{character}{good[9:]}"})
    assert form.has_error(field, "misleading")
