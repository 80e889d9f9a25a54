"""The history in sentences, as data: the words between the actor and the subject of each action."""

import re

from registrations import engine

# "{subject}" is replaced by the subject's name; without it the name follows at the end.
PHRASES = {
    "staff.signed_in": "signed in",
    "staff.sign_in_refused": "was refused: wrong user name or password",
    "staff.refusals_counted": "counted more refused sign-ins of",
    "staff.added": "added the member of staff",
    "staff.changed": "changed the member of staff",
    "staff.password_changed": "set the password of",
    "group.added": "added the group",
    "group.changed": "changed the group",
    "tenant.added": "added the Entra tenant",
    "tenant.changed": "changed the Entra tenant",
    "tenant.secret_kept": "stored a new secret for the Entra tenant",
    "tenant.checked": "checked the credential of",
    "provider.added": "added the service provider",
    "provider.changed": "changed the service provider",
    "provider.address_changed": "changed the address of the service provider",
    "instance.added": "added the UMP instance",
    "instance.changed": "changed the UMP instance",
    "instance.secret_kept": "stored a new UMP API secret for",
    "instance.address_changed": "changed the address of",
    "customer.added": "added the customer",
    "customer.changed": "changed the customer",
    "service.added": "added the service",
    "service.changed": "changed the service",
    "invitation.created": "created the {subject}",
    "invitation.changed": "changed the {subject}",
    "invitation.sent": "sent the {subject}",
    "invitation.link_copied": "copied the link of the {subject}",
    "invitation.link_renewed": "created a new link for the {subject}",
    "invitation.revoked": "revoked the {subject}",
    "invitation.started": "started the {subject}",
    "invitation.authenticated": "signed in for the {subject}",
    "invitation.consent_begun": "continued to Microsoft's consent for the {subject}",
    "invitation.refused": "was refused at the {subject}",
    "invitation.sign_in_refused": "was refused at sign-in for the {subject}",
    "invitation.completed": "completed the {subject}",
    "invitation.forms_counted": "counted the forms over a limit of the {subject}",
    "invitation.entries_counted": "counted what was repeated at the {subject}",
    "instance.forms_counted": "counted more forms without a session at",
    "instance.form_refused": "sent a form to {subject} without a signed-in session",
    "application.intended": "is creating the application",
    "application.created": "created or reused the application",
    "application.entered": "registered the customer's own application",
    "application.found_gone": "found that the application was deleted for good:",
    "application.restored": "restored the deleted application",
    "application.restore_confirmed": "decided to restore the deleted application of",
    "application.create_new_confirmed": "decided to create a new application, and to leave the deleted one, for",
    "application.purged": "permanently deleted the application",
    "application.purge_confirmed": "decided to permanently delete the application of",
    "application.adopted": "took over the application",
    "application.adoption_confirmed": "confirmed taking over the application of",
    "bulk.requested": "requested the bulk job: {subject}",
    "bulk.paused": "paused the bulk job: {subject}",
    "bulk.resumed": "resumed the bulk job: {subject}",
    "bulk.cancelled": "cancelled the bulk job: {subject}",
    "bulk.tried_again": "retried what failed in the bulk job: {subject}",
    "bulk.completed": "completed the bulk job: {subject}",
    "secret.added": "added a client secret to",
    "secret.entered": "stored the secret that the customer entered for",
    "secret.forgotten": "deleted the stored secret that the customer entered for",
    "secret.delivered": "delivered the client secret of",
    "secret.doubted": "found that the UMP cannot use the client secret of",
    "secret.found_gone": "found expired or removed the client secret of",
    "secret.proven": "proved the client secret of",
    "secret.revealed": "revealed the client secret of",
    "secret.value_deleted": "deleted the stored value of the client secret of",
    "secret.discarded": "discarded the client secret of",
    "secret.removed": "removed a client secret from",
    "handover.sync_app_confirmed": "confirmed Client Id, secret and Redirect URI in the UMP of",
    "handover.authentication_portal_confirmed": "confirmed the portal URL in the UMP of",
    "connection.named": "named the registration of the {subject}",
    "token.kept": "allowed SyncPortal to store a token for the {subject}",
    "token.forgotten": "deleted the stored token of the {subject}",
    "token.delivered": "delivered the token for the {subject}",
    "grant.removed": "revoked the temporary permissions of the {subject}",
    "grant.left": "could not revoke the temporary permissions of the {subject}",
}
ALONE = {"staff.signed_in", "staff.sign_in_refused"}  # the actor is the subject
WORK = {
    "provision": "the provisioning of {subject}",
    "check_tenant": "the credential check of {subject}",
    "send_invitation": "the mailing of the {subject}",
    "connect": "the {subject}",
    "connect_token": "the {subject} by a delegated token",
    "connect_existing": "the {subject} by an existing registration",
}
MOVES = {
    "requested": "requested",
    "resumed": "resumed",
    "cancelled": "cancelled",
    "waiting": "paused",
    "started_over": "repeated steps of",
    "succeeded": "completed",
    "failed": "could not complete",
}
OF_WHAT = (
    "Invitation of",
    "Connection of",
    "Provisioning requested",
    "Provisioning asked for",
)  # how a subject's label begins if it is no name
STEP = re.compile(r"^(?P<kind>\w+)\.(?P<step>\w+)\.done$")


def phrase(action: str, subject: str) -> str:
    """What was done, with the subject's name: "provisioned umptoken.finebak.com"."""
    if action in ALONE:
        return PHRASES[action]
    return _with_subject(_template(action), subject)


def _template(action: str) -> str:
    if action in PHRASES:
        return PHRASES[action]
    step = STEP.match(action)
    if step:
        return f'finished the step "{_title(step["kind"], step["step"])}" of {WORK.get(step["kind"], "{subject}")}'
    kind, _, move = action.partition(".")
    if kind in WORK and move in MOVES:
        return f"{MOVES[move]} {WORK[kind]}"
    return f"did {words(action)}: {{subject}}"


def _title(kind: str, name: str) -> str:
    """The step's title; an older version may have had steps that this one does not know."""
    known = engine.kinds.get(kind)
    titles = {step.name: step.title for step in known.steps} if known else {}
    return titles.get(name, words(name))


def _with_subject(template: str, subject: str) -> str:
    if "{subject}" in template:
        # Names from outside may contain braces: replace, never format.
        return template.replace("{subject}", _lower_first(subject))
    return f"{template} {subject}".strip()


def _lower_first(subject: str) -> str:
    return subject[:1].lower() + subject[1:] if subject.startswith(OF_WHAT) else subject


def words(name: str) -> str:
    """A machine's name as words."""
    return name.replace(".", " ").replace("_", " ")
