"""Email an invitation: an operation with one step, through Django's email settings. Only the email holds the link."""

import smtplib
from datetime import timedelta

from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone

from onboarding import emails
from onboarding.models import Invitation
from onboarding.services import invitations, lookups
from registrations import audit, engine
from registrations.errors import RemoteRejectedError, RemoteUnavailableError
from registrations.models import Operation, UmpInstance

RETRY_AFTER = timedelta(minutes=1)  # as the UMP does, by its documentation
PERMANENT = 500  # RFC 5321, section 4.2.1: 5yz is a permanent refusal


def register() -> None:
    """Register the kind of operation with the engine."""
    engine.register(
        engine.Kind(
            name=invitations.SEND_KIND,
            title="Send invitation",
            steps=(engine.Step("mail", "Send the email", mail, repeatable=False),),
            subject=Invitation,
            succeeded=_succeeded,
            failed=_failed,
            obstacles=_obstacles,
            priority=Operation.Priority.MAIL,
        )
    )


def mail(operation: Operation) -> str:
    """Render and send the email; every attempt is counted.

    Raises WrongStateError if the link no longer works, RemoteRejectedError if the mail server rejects the email
    permanently, RemoteUnavailableError for any other problem: it is retried after a minute.
    """
    invitation = Invitation.objects.select_related("service__customer", "service__instance__provider").get(
        pk=operation.subject_id
    )
    invitations.refuse_unsendable(invitation)
    with audit.atomic(durable=True):
        Invitation.objects.filter(pk=invitation.pk).update(send_count=F("send_count") + 1)
    message = emails.invitation_message(invitation, invitations.link_of(invitation))
    try:
        message.send()
    except smtplib.SMTPRecipientsRefused as refusal:
        raise _mail_error(*next(iter(refusal.recipients.values())), invitation.it_admin_email) from None
    except smtplib.SMTPAuthenticationError as refusal:
        raise RemoteRejectedError(
            "The mail server rejected SyncPortal's login: check EMAIL_URL, then send again.",
            code=str(refusal.smtp_code),
        ) from None
    except smtplib.SMTPResponseException as refusal:
        raise _mail_error(refusal.smtp_code, refusal.smtp_error, invitation.it_admin_email) from None
    except (smtplib.SMTPException, OSError):
        raise RemoteUnavailableError("The mail server is not responding.", retry_after=RETRY_AFTER) from None
    return f"Sent to {invitation.it_admin_email}."


def _mail_error(status: int, _text: object, address: str) -> RemoteRejectedError | RemoteUnavailableError:
    # The server's own text is left out: some servers repeat the message, which holds the link.
    if status < PERMANENT:
        return RemoteUnavailableError(
            f"The mail server cannot accept the email at the moment ({status}).",
            retry_after=RETRY_AFTER,
            code=str(status),
        )
    return RemoteRejectedError(
        f"The mail server rejected the email to {address} ({status}). Check the address and the settings, then resend.",
        code=str(status),
    )


def _succeeded(operation: Operation) -> None:
    now = timezone.now()
    invitation = Invitation.objects.get(pk=operation.subject_id)
    Invitation.objects.filter(pk=invitation.pk).update(email_sent=True, sent_at=now)
    Invitation.objects.filter(pk=invitation.pk, status=Invitation.Status.DRAFT).update(status=Invitation.Status.SENT)
    audit.record(
        "invitation.sent",
        actor=audit.WORKER,
        subject=invitation,
        operation_id=operation.pk,
        after={"to": invitation.it_admin_email},
    )


def _failed(operation: Operation) -> None:
    """Nothing to undo: the invitation is unchanged, and the operation says why the email was not sent."""


def _obstacles() -> tuple[engine.Obstacle, ...]:
    """As `invitations.refuse_unsendable` has it: the link does not work any more, or the instance is not active yet."""
    of = Invitation.objects.filter(pk=OuterRef("subject_id"))
    ended = [
        engine.Obstacle(words, Q(Exists(of.filter(condition)))) for words, condition in lookups.ended_invitations()
    ]
    inactive = Q(Exists(of.exclude(service__instance__status=UmpInstance.Status.ACTIVE)))
    sentence = "Its UMP instance is not active: provision it first."
    return (*ended, engine.Obstacle(sentence, inactive, for_good=False))
