"""The invitation mail, as text and HTML."""

from email.utils import make_msgid

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string

from onboarding.models import Invitation


def invitation_message(invitation: Invitation, link: str) -> EmailMultiAlternatives:
    """The mail that carries the link to the customer's IT administrator."""
    service = invitation.service
    provider = service.instance.provider
    context = {
        "invitation": invitation,
        "service": service,
        "customer": service.customer,
        "provider": provider,
        "instance": service.instance,
        "link": link,
    }
    subject = " ".join(render_to_string("emails/invitation_subject.txt", context).split())
    mail = EmailMultiAlternatives(
        subject=subject,
        body=render_to_string("emails/invitation.txt", context),
        to=[invitation.it_admin_email],
        headers={
            "Auto-Submitted": "auto-generated",  # RFC 3834: out-of-office replies are not wanted
            "Message-ID": make_msgid(domain=service.instance.host),
        },
    )
    mail.attach_alternative(render_to_string("emails/invitation.html", context), "text/html")
    return mail


def sender() -> str:
    """Who the mail comes from, as the landing page shows it for comparison."""
    return str(settings.DEFAULT_FROM_EMAIL)
