"""What the steps of an operation remember for each other on its row: every key, its type and its meaning.

Read a key from `operation.notes`, or with `engine.current_notes` where staff may have changed it meanwhile. Write with
`engine.save_notes` in a step, and with `engine.locked` when a person decides. A note is never a secret.
"""

from typing import TYPE_CHECKING, Final, TypedDict

from django.db import models

INSTANCE_NOTE: Final = "instance"


class HandoverTick(TypedDict):
    """Who confirmed one group of the hand-over sheet, when (ISO 8601), and the values that were typed into the UMP."""

    at: str
    by: str
    values: list[str]


class Notes(TypedDict, total=False):
    """All keys; each operation has only those that its kind writes."""

    # Every kind that connects a customer
    instance: str  # ID of the UMP instance whose address must not change while the operation is live
    # Provisioning: an application that SyncPortal has no record of creating
    found_app_id: str  # the application (client) ID that a person is asked about
    adoption_confirmed_by: str  # who confirmed that it is adopted; "" while nobody has
    # Applications and secrets in Entra
    twin_id: str  # object ID of the deleted application that a person is asked about
    twin_app_id: str  # its application (client) ID
    twin_choice: str | None  # "restore" or "purge"; None while nobody has decided
    looked_for: str  # ID of the intended secret that was looked for once already; "" if none is
    doubted: bool  # the UMP could not use the delivered secret
    # Objects that Entra does not show any more, by their ID: first and last look (ISO 8601), and the number of looks.
    # An operation of kind "existing" keeps here instead the names of the permissions that the registration lacks.
    missing: dict[str, tuple[str, str, int]] | list[str]
    # Hand-over sheet
    ticks: dict[str, HandoverTick]  # by group: "sync_app", "authentication_portal"
    # Connecting a customer in the UMP
    job: str  # ID of the UMP's job; "" if none runs
    job_started_at: str  # ISO 8601
    job_secret: str  # key ID of the client secret that the job hands over
    # A delegated token
    roles_looked_for: bool  # the account's roles were asked for a second time, because Graph's index may lag
    # An existing registration
    link: str  # keyed hash of the invitation link whose holder entered the values
    found: str  # the registration's display name at Microsoft
    principal: str  # object ID of its service principal
    grants_page: str  # URL of Microsoft's page where permissions are granted
    consent_page: str  # no longer written: URL of Microsoft's admin consent page, which needs a redirect URI


if TYPE_CHECKING:  # Django's fields are generic to the type checker only
    NotesField = models.JSONField[Notes, Notes]
else:
    NotesField = models.JSONField
