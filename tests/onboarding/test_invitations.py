"""Invitations: the link, the mail that carries it, and where it must not be."""

import io
import json
import logging
import socketserver
import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.core import mail
from django.core.exceptions import ValidationError
from django.core.mail.message import EmailMultiAlternatives
from django.core.management import CommandError, call_command
from django.utils import timezone

from onboarding.models import Customer, Invitation, Service, SignIn
from onboarding.services import invitations, sign_in_requests
from registrations import audit
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from syncportal.redaction import RedactingFormatter, RedactionFilter
from tests import factories
from tests.onboarding.browser import Browser
from tests.onboarding.conftest import OLGA

pytestmark = pytest.mark.django_db
Work = Callable[[], None]


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def send(invitation: Invitation, work: Work) -> Operation:
    operation = invitations.send(invitation, actor=OLGA)
    work()
    operation.refresh_from_db()
    invitation.refresh_from_db()
    return operation


def sent_mail() -> EmailMultiAlternatives:
    found = mail.outbox[-1]
    assert isinstance(found, EmailMultiAlternatives)
    return found


@pytest.fixture
def smtp(sandbox: Sandbox, settings: Any) -> Sandbox:
    """Django's real mail backend, talking to the sandbox's mailbox."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sandbox.smtp_port
    return sandbox


# --- The mail ---


def test_the_mail_says_who_invites_and_carries_the_link_as_text_and_html(
    invitation: Invitation, link: str, work: Work
) -> None:
    operation = send(invitation, work)
    assert operation.status == "succeeded", operation.message
    message = sent_mail()
    assert message.to == ["it@contoso.example"]
    assert message.subject == "Finebak invites Contoso: connect Microsoft 365 to your phone service"
    html = str(message.alternatives[0][0])
    for body in (str(message.body), html):
        for expected in ("Finebak", "Contoso", "carla@contoso.example", link, "valid until"):
            assert expected in body
    assert "<img" not in html
    assert (invitation.status, invitation.email_sent, invitation.send_count) == ("sent", True, 1)
    event = AuditEvent.objects.get(action="invitation.sent")
    assert event.after == {"to": "it@contoso.example"}


def test_a_customers_name_cannot_bring_markup_or_headers_into_the_mail(invitation: Invitation, work: Work) -> None:
    Customer.objects.update(name="<script>alert(1)</script>\r\nBcc: x@evil.example")
    operation = send(invitation, work)
    assert operation.status == "succeeded"
    message = sent_mail()
    assert "<script>" not in str(message.alternatives[0][0])
    assert "\n" not in message.subject
    assert message.recipients() == ["it@contoso.example"]


def test_the_link_is_built_from_the_instance_and_not_from_a_request(invitation: Invitation, link: str) -> None:
    assert link == f"{invitation.service.instance.portal_url}/{invitation.unseal('token_envelope')}"
    assert len(token_of(link)) == 43


def test_the_mail_arrives_by_smtp(smtp: Sandbox, invitation: Invitation, link: str, work: Work) -> None:
    assert send(invitation, work).status == "succeeded"
    assert len(smtp.world.messages()) == 1


def test_when_the_mail_server_is_away_it_is_tried_again_after_a_minute_and_each_attempt_counts(
    smtp: Sandbox, invitation: Invitation, work: Work, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    operation = send(invitation, work)
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert timedelta(seconds=50) < operation.next_attempt_at - timezone.now() <= timedelta(minutes=1)
    assert (invitation.email_sent, invitation.send_count, invitation.status) == (False, 1, "draft")
    settings.EMAIL_PORT = smtp.smtp_port
    Operation.objects.update(next_attempt_at=timezone.now())
    work()
    invitation.refresh_from_db()
    assert (invitation.email_sent, invitation.send_count, invitation.status) == (True, 2, "sent")


@pytest.fixture
def refusing_smtp(settings: Any) -> Any:
    """A mail server that answers RCPT with the status it is given, and repeats what it was sent, as some do."""
    answers = {"RCPT": b"550 5.1.1 no such user"}

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 test\r\n")
            for line in self.rfile:
                verb = line[:4].upper().decode()
                self.wfile.write(answers.get(verb, b"250 ok") + b"\r\n")
                if verb == "QUIT":
                    return

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.server_address[1]
    yield answers
    server.shutdown()
    server.server_close()


def test_an_address_that_the_mail_server_refuses_for_good_fails_with_a_sentence(
    refusing_smtp: dict[str, bytes], invitation: Invitation, work: Work
) -> None:
    operation = send(invitation, work)
    assert operation.status == "failed"
    assert operation.message.startswith("The mail server rejected the email to it@contoso.example (550).")
    assert (invitation.email_sent, invitation.send_count) == (False, 1)


def test_an_address_that_is_refused_for_now_is_tried_again(
    refusing_smtp: dict[str, bytes], invitation: Invitation, work: Work
) -> None:
    refusing_smtp["RCPT"] = b"450 4.2.1 try later"
    assert send(invitation, work).status == "waiting"


def test_resending_keeps_the_link(invitation: Invitation, link: str, work: Work) -> None:
    send(invitation, work)
    send(invitation, work)
    assert link in str(mail.outbox[0].body)
    assert link in str(mail.outbox[1].body)
    assert invitation.send_count == 2


def test_a_second_send_while_one_waits_is_a_message_and_no_duplicate(invitation: Invitation) -> None:
    invitations.send(invitation, actor=OLGA)
    with pytest.raises(WrongStateError, match="not ended yet"):
        invitations.send(invitation, actor=OLGA)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "revoked"}, "revoked"),
        ({"status": "completed"}, "completed"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired"),
    ],
)
def test_an_invitation_that_opens_nothing_is_not_sent(
    invitation: Invitation, change: dict[str, Any], words: str
) -> None:
    Invitation.objects.update(**change)
    with pytest.raises(WrongStateError, match=words):
        invitations.send(invitation, actor=OLGA)
    assert not Operation.objects.exists()


def test_an_invitation_of_an_instance_that_is_not_ready_is_not_sent(invitation: Invitation) -> None:
    UmpInstance.objects.update(status="draft")
    with pytest.raises(WrongStateError, match="provision it"):
        invitations.send(invitation, actor=OLGA)


def test_an_invitation_revoked_after_the_click_is_not_mailed(invitation: Invitation, work: Work) -> None:
    operation = invitations.send(invitation, actor=OLGA)
    Invitation.objects.update(status="revoked")
    work()
    operation.refresh_from_db()
    assert operation.status == "failed"
    assert not mail.outbox


# --- New link, revoke, copy ---


def test_a_new_link_voids_the_old_one_and_has_not_been_mailed(invitation: Invitation, link: str, work: Work) -> None:
    send(invitation, work)
    invitations.new_link(invitation, actor=OLGA)
    assert invitations.link_of(invitation) != link
    assert not invitation.email_sent
    assert AuditEvent.objects.filter(action="invitation.link_renewed").count() == 1


def test_a_new_link_cancels_a_mail_that_waits(invitation: Invitation, link: str, work: Work) -> None:
    operation = invitations.send(invitation, actor=OLGA)
    invitations.new_link(invitation, actor=OLGA)
    operation.refresh_from_db()
    assert operation.status == "cancelled"


@pytest.mark.parametrize("status", ["revoked", "completed"])
def test_a_voided_invitation_gets_no_new_link_and_no_copy(invitation: Invitation, status: str) -> None:
    Invitation.objects.update(status=status)
    with pytest.raises(WrongStateError):
        invitations.new_link(invitation, actor=OLGA)
    with pytest.raises(WrongStateError):
        invitations.copy_link(invitation, actor=OLGA)
    with pytest.raises(WrongStateError):
        invitations.revoke(invitation, actor=OLGA)
    assert AuditEvent.objects.count() == 1  # its creation


def test_each_copy_of_the_link_stands_in_the_history(invitation: Invitation, link: str) -> None:
    assert invitations.copy_link(invitation, actor=OLGA) == link
    assert invitations.copy_link(invitation, actor=OLGA) == link
    events = AuditEvent.objects.filter(action="invitation.link_copied")
    assert [event.actor_label for event in events] == ["Olga Operator", "Olga Operator"]


def test_revoking_cancels_a_connection_that_waits(customer: Browser, invitation: Invitation, link: str) -> None:
    customer.authorise(customer.identify(link))
    invitations.revoke(invitation, actor=OLGA)
    assert Operation.objects.get(kind="connect").status == "cancelled"
    assert invitation.status == "revoked"


def test_an_invitation_cannot_be_revoked_under_the_hands_of_a_worker(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.authorise(customer.identify(link))
    Operation.objects.update(status="running", lease="x", leased_until=timezone.now() + timedelta(minutes=5))
    with pytest.raises(WrongStateError, match="at work"):
        invitations.revoke(invitation, actor=OLGA)
    invitation.refresh_from_db()
    assert invitation.status == "connecting"


def test_a_bad_address_makes_no_invitation(sandbox: Sandbox, instance: UmpInstance) -> None:
    with pytest.raises(ValidationError):
        invitations.create(
            factories.make_service(sandbox, instance=instance),
            it_admin_email="nobody",
            m365_admin_email="x",
            actor=OLGA,
        )
    assert not Invitation.objects.exists()


def test_an_invitation_expects_its_customers_own_tenant(sandbox: Sandbox, instance: UmpInstance) -> None:
    with pytest.raises(ValidationError, match="has the tenant ID"):
        invitations.create(
            factories.make_service(sandbox, instance=instance),
            it_admin_email="it@contoso.example",
            m365_admin_email="carla@contoso.example",
            tenant_id="fab00000-0000-4000-8000-000000000001",
            actor=OLGA,
        )


# --- Where the link must not be ---


def test_the_link_is_in_no_column_in_no_log_and_in_no_task_message(
    customer: Browser, invitation: Invitation, link: str, work: Work, rung: list[str], portal_log: io.StringIO
) -> None:
    send(invitation, work)
    customer.authorise(customer.identify(link))
    work()
    customer.open("/authenticate/" + token_of(link) + "x")  # a 404, which Django logs with its path
    customer.client.post(f"/authenticate/{token_of(link)}/start")  # a CSRF refusal, logged too
    secret = token_of(link)
    for model in apps.get_models():
        for row in model._default_manager.values():
            assert secret not in str(row), model
    assert secret not in portal_log.getvalue()
    assert "[link]" in portal_log.getvalue()
    assert secret not in str(rung)


@pytest.fixture
def portal_log() -> Any:
    """What the portal's own log handler writes."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(RedactingFormatter("%(name)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    yield written
    root.removeHandler(handler)


def test_what_is_kept_of_abandoned_sign_ins_is_deleted(customer: Browser, link: str) -> None:
    customer.start(link)
    assert sign_in_requests.delete_expired_flows() == 0
    SignIn.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert sign_in_requests.delete_expired_flows() == 1
    assert SignIn.objects.get().flow_envelope == ""


# --- The command ---


def invite(*extra: str, **changes: str) -> str:
    given = {
        "short-name": "contoso1",
        "full-name": "Contoso Ltd",
        "service-type": "hosted_pro",
        "tenant-id": "c0a70500-0000-4000-8000-000000000001",
        "email": "it@contoso.example",
        "m365-admin": "carla@contoso.example",
        **changes,
    }
    host = given.pop("host", "umptoken.finebak.localhost")
    written = io.StringIO()
    arguments = [part for name, value in given.items() for part in (f"--{name}", value)]
    call_command("invite", host, *arguments, *extra, stdout=written)
    return written.getvalue().strip()


def test_the_command_prints_the_link_and_only_that(instance: UmpInstance) -> None:
    assert invite() == invitations.link_of(Invitation.objects.get())
    actions = list(AuditEvent.objects.order_by("id").values_list("action", flat=True))
    assert actions == ["customer.added", "service.added", "invitation.created", "invitation.link_copied"]
    assert {event.actor_label for event in AuditEvent.objects.all()} == {audit.COMMAND_LINE.label}


def test_the_command_prints_one_json_object(instance: UmpInstance) -> None:
    found = json.loads(invite("--json", "--valid-days", "3"))
    invitation = Invitation.objects.get()
    assert found["link"] == invitations.link_of(invitation)
    assert found["invitation"] == str(invitation.pk)
    assert timedelta(days=2) < invitation.expires_at - timezone.now() <= timedelta(days=3)


def test_the_command_finds_customer_and_service_again(instance: UmpInstance) -> None:
    invite()
    invitations.revoke(Invitation.objects.get(), actor=OLGA)
    invite()
    assert (Customer.objects.count(), Service.objects.count(), Invitation.objects.count()) == (1, 1, 2)


def test_the_command_can_mail_the_link_too(instance: UmpInstance, rung: list[str], work: Work) -> None:
    link = invite("--send")
    assert rung == [str(Operation.objects.get().pk)]
    work()
    assert link in str(sent_mail().body)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "nowhere.example"}, "nowhere.example"),
        ({"short-name": "a.b"}, "short_name"),
        ({"tenant-id": "contoso"}, "GUID"),
        ({"email": "nobody"}, "it_admin_email"),
        ({"valid-days": "0"}, "1 to 365"),
        ({"service-type": "gold"}, "service-type"),
    ],
)
def test_the_command_refuses_bad_input_with_a_sentence_and_keeps_nothing(
    instance: UmpInstance, changes: dict[str, str], words: str
) -> None:
    with pytest.raises(CommandError, match=words):
        invite(**changes)
    assert not Invitation.objects.exists()
    assert not Customer.objects.exists()
    assert not AuditEvent.objects.exists()


def test_the_command_refuses_a_short_name_of_another_customer(instance: UmpInstance) -> None:
    invite()
    with pytest.raises(CommandError, match="belongs to"):
        invite(**{"tenant-id": "fab00000-0000-4000-8000-000000000001", "full-name": "Fabrikam"})
    assert Customer.objects.count() == 1
