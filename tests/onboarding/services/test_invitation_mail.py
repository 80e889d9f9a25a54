"""The email with the link: its text, its delivery, and what the mail server refuses."""

import socketserver
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.utils import timezone

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.errors import WrongStateError
from registrations.models import AuditEvent, Operation, UmpInstance
from sandbox.app import Sandbox
from tests.onboarding.conftest import OLGA
from tests.onboarding.mailing import RunWorker, send, sent_mail, token_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def smtp(sandbox: Sandbox, settings: Any) -> Sandbox:
    """Django's real email backend, connected to the sandbox's mailbox."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sandbox.smtp_port
    return sandbox


@pytest.fixture
def refusing_smtp(settings: Any) -> Any:
    """A mail server that answers RCPT with a given status and repeats the message, as some servers do."""
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


def test_the_email_names_the_sender_and_has_the_link_twice(
    invitation: Invitation, link: str, run_worker: RunWorker
) -> None:
    operation = send(invitation, run_worker)
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


def test_the_link_is_built_from_the_instance_and_not_from_a_request(invitation: Invitation, link: str) -> None:
    assert link == f"{invitation.service.instance.portal_url}/{invitation.unseal('token_envelope')}"
    assert len(token_of(link)) == 43


def test_the_email_arrives_by_smtp(smtp: Sandbox, invitation: Invitation, link: str, run_worker: RunWorker) -> None:
    assert send(invitation, run_worker).status == "succeeded"
    assert len(smtp.world.messages()) == 1


def test_a_mail_server_outage_is_retried_and_each_attempt_counts(
    smtp: Sandbox, invitation: Invitation, run_worker: RunWorker, settings: Any
) -> None:
    settings.EMAIL_PORT = 1
    operation = send(invitation, run_worker)
    assert operation.status == "waiting"
    assert operation.next_attempt_at is not None
    assert timedelta(seconds=50) < operation.next_attempt_at - timezone.now() <= timedelta(minutes=1)
    assert (invitation.email_sent, invitation.send_count, invitation.status) == (False, 1, "draft")
    settings.EMAIL_PORT = smtp.smtp_port
    Operation.objects.update(next_attempt_at=timezone.now())
    run_worker()
    invitation.refresh_from_db()
    assert (invitation.email_sent, invitation.send_count, invitation.status) == (True, 2, "sent")


def test_a_permanently_rejected_address_fails_with_a_sentence(
    refusing_smtp: dict[str, bytes], invitation: Invitation, run_worker: RunWorker
) -> None:
    operation = send(invitation, run_worker)
    assert operation.status == "failed"
    assert operation.message.startswith("The mail server rejected the email to it@contoso.example (550).")
    assert (invitation.email_sent, invitation.send_count) == (False, 1)


def test_a_temporarily_rejected_address_is_retried(
    refusing_smtp: dict[str, bytes], invitation: Invitation, run_worker: RunWorker
) -> None:
    refusing_smtp["RCPT"] = b"450 4.2.1 try later"
    assert send(invitation, run_worker).status == "waiting"


def test_resending_keeps_the_link(invitation: Invitation, link: str, run_worker: RunWorker) -> None:
    send(invitation, run_worker)
    send(invitation, run_worker)
    assert link in str(mail.outbox[0].body)
    assert link in str(mail.outbox[1].body)
    assert invitation.send_count == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"status": "revoked"}, "revoked"),
        ({"status": "completed"}, "completed"),
        ({"expires_at": timezone.now() - timedelta(days=1)}, "expired"),
    ],
)
def test_an_invitation_whose_link_does_not_work_is_not_sent(
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


def test_an_invitation_revoked_after_the_click_is_not_emailed(invitation: Invitation, run_worker: RunWorker) -> None:
    operation = invitations.send(invitation, actor=OLGA)
    Invitation.objects.update(status="revoked")
    run_worker()
    operation.refresh_from_db()
    assert operation.status == "failed"
    assert not mail.outbox


def test_a_second_send_while_one_is_queued_adds_no_duplicate(invitation: Invitation) -> None:
    invitations.send(invitation, actor=OLGA)
    with pytest.raises(WrongStateError, match="not ended yet"):
        invitations.send(invitation, actor=OLGA)
