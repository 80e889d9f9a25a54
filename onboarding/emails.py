"""The invitation email, as text and HTML."""

from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from onboarding import requirements
from onboarding.models import Invitation
from registrations.clean_text import Kind, clean


def invitation_message(invitation: Invitation, link: str) -> EmailMultiAlternatives:
    """The email with the link for the customer's IT administrator."""
    service = invitation.service
    provider = service.instance.provider
    context = {
        "invitation": invitation,
        "service": service,
        "customer": service.customer,
        "provider": provider,
        "instance": service.instance,
        "link": link,
        "needed_role": requirements.NEEDED_ROLE_SENTENCE,
    }
    # Names that were stored before they were cleaned: nobody can correct them any more when the mail is sent.
    subject = " ".join(clean(render_to_string("emails/invitation_subject.txt", context), what=Kind.HEADER).split())
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("emails/invitation.txt", context),
        to=[invitation.it_admin_email],
        reply_to=[provider.contact_email] if provider.contact_email else None,
        headers={
            "Auto-Submitted": "auto-generated",  # RFC 3834: suppresses out-of-office replies
            "Message-ID": make_msgid(domain=service.instance.host),
        },
    )
    mail.attach_alternative(render_to_string("emails/invitation.html", context), "text/html")
    return mail


def sender() -> str:
    """The sender's address, which the landing page shows for comparison."""
    return str(settings.DEFAULT_FROM_EMAIL)
