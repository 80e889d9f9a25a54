"""Sending an invitation, and reading the email."""

from collections.abc import Callable

from django.core import mail
from django.core.mail.message import EmailMultiAlternatives

from onboarding.models import Invitation
from onboarding.services import invitations
from registrations.models import Operation
from tests.onboarding.conftest import OLGA

RunWorker = Callable[[], None]


def token_of(link: str) -> str:
    return link.rpartition("/")[2]


def send(invitation: Invitation, run_worker: RunWorker) -> Operation:
    operation = invitations.send(invitation, actor=OLGA)
    run_worker()
    operation.refresh_from_db()
    invitation.refresh_from_db()
    return operation


def sent_mail() -> EmailMultiAlternatives:
    found = mail.outbox[-1]
    assert isinstance(found, EmailMultiAlternatives)
    return found
