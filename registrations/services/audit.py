"""The history: `record` is its only writer, inside the transaction that makes the change."""

import hashlib
import hmac
import ipaddress
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, models
from django.utils import timezone

from registrations import encryption
from registrations.models import AuditEvent

CHAIN_LOCK = 0x53594E43  # "SYNC": any number will do, it only has to be ours alone
GENESIS = "0" * 64
CHAINED = (
    "at", "actor_kind", "actor_id", "actor_label", "ip_address", "action", "subject_type", "subject_id",
    "subject_label", "operation_id", "before", "after", "reason", "key_id", "previous_digest",
)  # fmt: skip


@dataclass(frozen=True)
class Actor:
    """Who acts: a staff member, a worker, a customer's administrator, or the system itself; and from where."""

    kind: str
    label: str
    id: str = ""
    ip_address: str | None = None

    @classmethod
    def staff(cls, user: AbstractBaseUser, ip_address: str | None = None) -> "Actor":
        """A signed-in member of staff."""
        name = getattr(user, "get_full_name", lambda: "")() or user.get_username()
        return cls(AuditEvent.ActorKind.STAFF, name, str(user.pk), ip_address)

    @classmethod
    def customer(cls, label: str, object_id: str = "", ip_address: str | None = None) -> "Actor":
        """A customer's administrator; the object id where Microsoft has told who it is."""
        return cls(AuditEvent.ActorKind.CUSTOMER, label, object_id, ip_address)


WORKER = Actor(AuditEvent.ActorKind.WORKER, "Worker")
SYSTEM = Actor(AuditEvent.ActorKind.SYSTEM, "SyncPortal")
COMMAND_LINE = Actor(AuditEvent.ActorKind.STAFF, "Command line")


@dataclass(frozen=True)
class Subject:
    """What an entry is about, where its row need not be read for it."""

    type: str = ""
    id: str = ""
    label: str = ""

    @classmethod
    def of(cls, row: "models.Model | Subject | None") -> "Subject":
        """The same for a row."""
        if row is None or isinstance(row, Subject):
            return row or cls()
        return cls(row._meta.model_name or "", str(row.pk), str(row))


def record(
    action: str,
    *,
    actor: Actor,
    subject: models.Model | Subject | None = None,
    operation_id: Any = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEvent:
    """Add one entry to the history. Call it inside the transaction that makes the change.

    `action` reads `<subject>.<past participle>`. Neither `before`, `after` nor `reason` may hold a secret.
    Raises RuntimeError outside a transaction: an entry that outlives a rolled-back change would be a lie.
    """
    if not connection.in_atomic_block:
        raise RuntimeError("History is written in the transaction that makes the change.")
    about = Subject.of(subject)  # before the chain is locked: a row's name may need a query
    _serialise_writers()
    key_id, _ = _chain_key(None)
    event = AuditEvent(
        at=timezone.now(),
        actor_kind=actor.kind,
        actor_id=actor.id,
        actor_label=actor.label[:255],
        ip_address=_canonical(actor.ip_address),
        action=action,
        subject_type=about.type,
        subject_id=about.id,
        subject_label=about.label[:255],
        operation_id=operation_id,
        before=before or {},
        after=after or {},
        reason=reason,
        key_id=key_id,
        previous_digest=_newest_digest() or GENESIS,
    )
    event.digest = digest_of(event)
    event.save(force_insert=True)
    return event


def digest_of(event: AuditEvent) -> str:
    """The keyed digest (HMAC-SHA256, RFC 2104) over everything the entry says and the digest before it."""
    values = {name: _plain(getattr(event, name)) for name in CHAINED}
    text = json.dumps(values, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    _, key = _chain_key(event.key_id)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def first_broken() -> int | None:
    """The id of the first entry that was changed or whose predecessor is missing; None where the chain holds.

    Newest entries that were cut off are not seen: keep the newest digest elsewhere to see that too. Raises
    EnvelopeError where a key that an entry was chained with has left the ring.
    """
    previous = GENESIS
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=500):
        if event.previous_digest != previous or event.digest != digest_of(event):
            return event.pk
        previous = event.digest
    return None


def _chain_key(key_id: str | None) -> tuple[str, bytes]:
    return encryption.ring_of(settings.PORTAL_KEYS).derived("history", key_id or None)


def _serialise_writers() -> None:
    # Two writers must not chain to the same entry. SQLite's IMMEDIATE transactions serialise them already.
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])


def _newest_digest() -> str:
    # In SQL of our own: it is asked for with each entry, and putting it together takes longer than running it.
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT digest FROM {AuditEvent._meta.db_table} ORDER BY id DESC LIMIT 1")  # noqa: S608
        newest = cursor.fetchone()
    return str(newest[0]) if newest else ""


def _canonical(address: str | None) -> str | None:
    """The form in which the database keeps it: the digest must cover what is read back."""
    if not address:
        return None
    ip = ipaddress.ip_address(address)
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value if value is None or isinstance(value, (dict, list)) else str(value)
