"""What SyncPortal keeps about a customer's people, why and how long: one table for the pages and the security team's file.

A test compares `fields` with the models: a new field with a person's data needs a place in the table.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class KeptData:
    """One kind of data. Its texts may use {provider}."""

    what: str
    text: str
    fields: tuple[str, ...] = ()  # where it is stored: "Model.field"


KEPT = (
    KeptData(
        "The two email addresses of the invitation",
        "To send it. They stay with the invitation and in the history.",
        ("Invitation.it_admin_email", "Invitation.m365_admin_email", "AuditEvent.before", "AuditEvent.after"),
    ),
    KeptData(
        "Name, user name and object ID of the account that signs in, and the administrator roles that it holds",
        "To show who connected your organisation, and which roles it no longer needs. They stay with the connection; all but the "
        "roles also stay in the history. The session on the server holds them for two hours and is deleted within a day.",
        (
            "Connection.admin_object_id",
            "Connection.admin_name",
            "Connection.admin_username",
            "Connection.admin_roles",
            "DelegatedToken.username",
            "AuditEvent.actor_id",
            "AuditEvent.actor_label",
        ),
    ),
    KeptData(
        "Each sign-in: time, outcome, Microsoft’s code, correlation ID and sentence about a refusal, and a one-way hash of this "
        "browser’s cookie",
        "To explain a refusal, to find it with Microsoft’s support, and to continue in the same browser only. The newest 50 stay with "
        "the invitation, and 50 more after which permissions may have remained; older ones are only counted.",
        (
            "SignIn.outcome",
            "SignIn.refusal",
            "SignIn.microsoft_code",
            "SignIn.correlation_id",
            "SignIn.microsoft_words",
            "SignIn.browser_hash",
            "SignIn.state_hash",
            "SignIn.code_hash",
            "SignIn.token_hash",
        ),
    ),
    KeptData(
        "Request, answer and result of a sign-in that is under way",
        "Encrypted, and deleted about 20 minutes after the sign-in began.",
        ("SignIn.flow_envelope", "SignIn.answer_envelope", "SignIn.result_envelope"),
    ),
    KeptData(
        "The steps of the setup, with the name of the person who started it and sentences that may name an account",
        "To run it, and to explain what stopped it. They stay with the connection.",
        (
            "Operation.message",
            "Operation.requested_by_label",
            "Operation.steps",
            "Operation.notes",
        ),
    ),
    KeptData(
        "Time and IP address of each action",
        "To prove who did what. They stay in the history, which cannot be changed and is not deleted.",
        ("AuditEvent.ip_address", "AuditEvent.reason"),
    ),
    KeptData(
        "How often this link, browser and network sent forms",
        "To limit misuse. One-way hashes with a number, deleted after a day at most.",
        ("RequestWindow.key_hash",),
    ),
    KeptData(
        "Microsoft’s token for the setup",
        "Encrypted, until the setup ends, and for about an hour at most.",
        ("Operation.credential_envelope",),
    ),
    KeptData(
        "The secret of a registration, or the token that you allow the phone service",
        "Encrypted, while your organisation is connected. It is handed over to the phone service and to nobody else. {provider} "
        "deletes it when a new connection of the service replaces it, when it withdraws an invitation that was not completed, and "
        "at any time if you ask for it. That deletes only this copy: how to disconnect is on the last page.",
        ("ClientSecret.envelope", "ClientSecret.hint", "DelegatedToken.cache_envelope"),
    ),
    KeptData(
        "Values of an existing registration that do not work",
        "Encrypted, and deleted when their check ends, after a day at most.",
    ),
    KeptData(
        "Three cookies",
        "To know this browser when it returns from Microsoft (a day), for the session (two hours), and so that only these pages can "
        "send their forms (until you close the browser). There are no others, and nothing is loaded from other sites.",
    ),
)


def table(provider: str) -> list[tuple[str, str]]:
    """What is kept, and why and how long."""
    return [(row.what, row.text.format(provider=provider)) for row in KEPT]
