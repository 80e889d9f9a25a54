"""Each action of the history reads as a sentence."""

import re

import pytest
from django.conf import settings

from registrations.admin import audit_phrases

pytestmark = pytest.mark.django_db
SUBJECTS = "|".join({action.partition(".")[0] for action in audit_phrases.PHRASES})
RECORDED = re.compile(rf'"((?:{SUBJECTS})\.[a-z_]+)"')


@pytest.mark.parametrize(
    ("action", "subject", "sentence"),
    [
        ("provision.requested", "umptoken.finebak.com", "requested the provisioning of umptoken.finebak.com"),
        (
            "provision.service_principal.done",
            "umptoken.finebak.com",
            'finished the step "Create its service principal" of the provisioning of umptoken.finebak.com',
        ),
        (
            "provision.of_an_older_version.done",
            "umptoken.finebak.com",
            'finished the step "of an older version" of the provisioning of umptoken.finebak.com',
        ),
        (
            "send_invitation.mail.done",
            "Invitation of Contoso (c1)",
            'finished the step "Send the email" of the mailing of the invitation of Contoso (c1)',
        ),
        ("invitation.link_copied", "Invitation of Contoso (c1)", "copied the link of the invitation of Contoso (c1)"),
        ("staff.signed_in", "olga", "signed in"),
        ("tenant.changed", "{braces}", "changed the Entra tenant {braces}"),
        ("something.new", "a thing", "did something new: a thing"),
    ],
)
def test_an_action_reads_as_a_sentence(action: str, subject: str, sentence: str) -> None:
    assert audit_phrases.phrase(action, subject) == sentence


def test_every_recorded_action_has_a_phrase() -> None:
    written: set[str] = set()
    for folder in ("registrations", "onboarding"):
        for file in (settings.BASE_DIR / folder).rglob("*.py"):
            written |= set(RECORDED.findall(file.read_text()))
    assert {"bulk.requested", "application.restored", "secret.found_gone", "bulk.paused"} <= written
    unread = {action for action in written if audit_phrases.phrase(action, "x").startswith("did ")}
    assert unread == set()
