"""The invitation email: what it shows, what it may not contain, and its headers."""

import pytest

from onboarding import emails
from onboarding.models import Customer, Invitation
from onboarding.requirements import NEEDED_ROLE_SENTENCE
from tests.onboarding.mailing import RunWorker, send, sent_mail

pytestmark = pytest.mark.django_db


def test_a_customers_name_cannot_inject_markup_or_headers_into_the_email(
    invitation: Invitation, run_worker: RunWorker
) -> None:
    Customer.objects.update(name="<script>alert(1)</script>\r\nBcc: x@evil.example")
    operation = send(invitation, run_worker)
    assert operation.status == "succeeded"
    message = sent_mail()
    assert "<script>" not in str(message.alternatives[0][0])
    assert "\n" not in message.subject
    assert message.recipients() == ["it@contoso.example"]


def test_a_providers_name_cannot_add_a_header(invitation: Invitation, link: str) -> None:
    invitation.service.instance.provider.name = "Finebak\r\nBcc: x@evil.example"
    message = emails.invitation_message(invitation, link).message()
    assert "Bcc" not in message
    assert message["Subject"].startswith("Finebak Bcc: x@evil.example invites Contoso")


def test_the_text_has_names_as_they_are_and_the_html_escapes_them(invitation: Invitation, link: str) -> None:
    invitation.service.customer.name = "Smith & Sons <GmbH>"
    message = emails.invitation_message(invitation, link)
    assert "Smith & Sons <GmbH>" in str(message.body)
    assert "Smith &amp; Sons &lt;GmbH&gt;" in str(message.alternatives[0][0])


def test_the_email_suppresses_automatic_replies(invitation: Invitation, link: str) -> None:
    first, second = (emails.invitation_message(invitation, link).message() for _ in range(2))
    assert first["Auto-Submitted"] == "auto-generated"
    assert first["Message-ID"].endswith(f"@{invitation.service.instance.host}>")
    assert first["Message-ID"] != second["Message-ID"]


def test_an_answer_to_the_email_reaches_the_providers_contact(invitation: Invitation, link: str) -> None:
    message = emails.invitation_message(invitation, link)
    assert message.message()["Reply-To"] == "onboarding@finebak.example"
    for part in (str(message.body), str(message.alternatives[0][0])):
        assert "Questions? Reply to this email, or ask the Finebak onboarding team" in part
        assert "+44 20 7946 0000" in part


def test_without_a_contact_the_email_promises_no_answer(invitation: Invitation, link: str) -> None:
    invitation.service.instance.provider.contact_email = ""
    message = emails.invitation_message(invitation, link)
    assert message.message()["Reply-To"] is None
    assert "Reply to this email" not in str(message.body)


def test_a_name_stored_before_it_was_cleaned_turns_no_subject(invitation: Invitation, link: str) -> None:
    invitation.service.customer.name = "Con\u202etoso\u200b\0"
    subject = emails.invitation_message(invitation, link).message()["Subject"]
    assert subject == "Finebak invites Contoso: connect Microsoft 365 to your phone service"


def test_the_email_names_the_roles_that_the_wizard_accepts(invitation: Invitation, link: str) -> None:
    message = emails.invitation_message(invitation, link)
    for part in (str(message.body), str(message.alternatives[0][0])):
        assert (
            f"for a new app registration, an administrator of Contoso with the role {NEEDED_ROLE_SENTENCE}. For example: "
            in " ".join(part.split())
        )
