"""The history: `record` is its only writer, inside the transaction that makes the change."""

import contextlib
import hashlib
import hmac
import ipaddress
import json
import os
import pwd
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import connection, models, transaction
from django.utils import timezone

from registrations import encryption, places
from registrations.models import AuditContext, AuditEvent, statements
from registrations.places import Place

CHAIN_LOCK = 0x53594E43  # "SYNC": any number will do, it only has to be ours alone
GENESIS = "0" * 64
LONGEST_LOGIN = 64
ROOT = "root"  # an account, and no person
CHAINED = (
    "at",
    "actor_kind",
    "actor_id",
    "actor_label",
    "ip_address",
    "action",
    "subject_type",
    "subject_id",
    "subject_label",
    "operation_id",
    "before",
    "after",
    "reason",
    "key_id",
    "previous_digest",
)


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
        """A customer's administrator, with the object ID if Microsoft has confirmed who it is."""
        return cls(AuditEvent.ActorKind.CUSTOMER, label, object_id, ip_address)


WORKER = Actor(AuditEvent.ActorKind.WORKER, "Worker")
SYSTEM = Actor(AuditEvent.ActorKind.SYSTEM, "SyncPortal")


def command_line() -> Actor:
    """Who runs a command: the first of these that is not root.

    1. The name of the sign-in on the machine, which su and sudo keep. On Linux the kernel knows it, without a terminal too.
    2. SUDO_USER: who called sudo, where nobody has signed in.
    3. The account of the process: in a container, a service or cron.
    All of them root: root. The machine says so, and whoever may run commands may claim another name there: it is no proof.
    """
    names = [_printable(name) for name in (_login_name(), os.environ.get("SUDO_USER", ""))]
    signed_in = [name for name in names if name]
    people = [name for name in signed_in if name != ROOT]
    name = next(iter([*people, *signed_in]), "") or _printable(_account_name())
    return Actor(AuditEvent.ActorKind.STAFF, f"Command line ({name})" if name else "Command line")


def _printable(name: str) -> str:
    return "".join(filter(str.isprintable, name)).strip()[:LONGEST_LOGIN]


def _login_name() -> str:
    try:
        return os.getlogin()
    except OSError:  # nobody has signed in: a container, a service or cron
        return ""


def _account_name() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # an account without a name, as containers have
        return f"user {os.getuid()}"


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


Entry = tuple[AuditEvent, Callable[[], None]]
_waiting: ContextVar[list[Entry] | None] = ContextVar("waiting", default=None)


@contextlib.contextmanager
def atomic(*, durable: bool = False) -> Iterator[None]:
    """A transaction like Django's. Its history entries are chained at its end, under one lock and after all other rows.

    So a transaction that has locked the chain waits for no row, and cannot deadlock with one that has a row and waits for
    the chain. A nested transaction leaves its entries to the outer one; they are dropped if it is rolled back.
    """
    with transaction.atomic(durable=durable):
        if _waiting.get() is not None:
            yield
            return
        entries: list[Entry] = []
        before = _waiting.set(entries)
        try:
            yield
        finally:
            _waiting.reset(before)
        # Django forgets what was registered for the commit within a savepoint that it rolls back.
        kept = {registered for _, registered, *_ in connection.run_on_commit}
        valid = [event for event, mark in entries if mark in kept]
        if valid and not connection.needs_rollback:
            _chain(valid)


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
    """Add one entry to the history; it is chained when the transaction ends. Call it inside `atomic`, with the change.

    `action` reads `<subject>.<past participle>`. Neither `before`, `after` nor `reason` may hold a secret.
    Raises RuntimeError outside `atomic`: an entry must not survive a change that is rolled back, and chaining before other
    rows are locked could deadlock.
    """
    waiting = _waiting.get()
    if waiting is None:
        raise RuntimeError("History is written in the transaction (audit.atomic) that makes the change.")
    key_id, _ = _chain_key(None)
    event = AuditEvent(
        action=action,
        operation_id=operation_id,
        before=_storable(before or {}),
        after=_storable(after or {}),
        reason=_storable(reason),
        key_id=key_id,
        **_columns(actor, Subject.of(subject)),
    )

    def mark() -> None:
        """Does nothing. While it is registered, the entry's savepoint has not been rolled back."""

    transaction.on_commit(mark)
    waiting.append((event, mark))
    return event


def _columns(actor: Actor, subject: Subject) -> dict[str, Any]:
    return {
        "actor_kind": actor.kind,
        "actor_id": actor.id,
        "actor_label": _storable(actor.label)[:255],
        "ip_address": _canonical(actor.ip_address),
        "subject_type": subject.type,
        "subject_id": subject.id,
        "subject_label": _storable(subject.label)[:255],
    }


def _chain(events: list[AuditEvent]) -> None:
    """Append the entries to the newest one. From the lock to the commit all other writers wait."""
    belongs = _places_of(events)
    for event, place in zip(events, belongs, strict=True):
        event.subject_label = places.with_host(event.subject_label, place.host)
    prepared = [(event, _content(event)) for event in events]
    newest = _newest_digest() or GENESIS
    for event, content in prepared:
        event.previous_digest = content["previous_digest"] = newest
        event.at = timezone.now()  # under the lock, so that times increase along the chain
        content["at"] = _plain(event.at)
        event.digest = newest = _digest(content, event.key_id)
    _write_contexts(events, statements.insert(events, returning=any(belongs)), belongs)


def _places_of(events: list[AuditEvent]) -> list[Place]:
    """Where each entry belongs: by its subject, and by its operation, which knows its bulk job."""
    keys = [((e.subject_type, e.subject_id), ("operation", str(e.operation_id or ""))) for e in events]
    found = places.of(key for pair in keys for key in pair if key[1])
    nowhere = Place()
    return [found.get(subject, nowhere) | found.get(operation, nowhere) for subject, operation in keys]


def _write_contexts(events: list[AuditEvent], keys: list[int], belongs: list[Place]) -> None:
    if not any(belongs):
        return
    if not keys:
        digests = AuditEvent.objects.filter(digest__in=[event.digest for event in events])
        keys = list(digests.order_by("id").values_list("id", flat=True))
    placed = [(key, place) for key, place in zip(keys, belongs, strict=True) if place]
    statements.insert([AuditContext(entry_id=key, **asdict(place)) for key, place in placed])


def digest_of(event: AuditEvent) -> str:
    """The keyed digest (HMAC-SHA256, RFC 2104) over the entry's whole content and the digest before it."""
    return _digest(_content(event), event.key_id)


def first_broken() -> int | None:
    """The ID of the first entry that was changed or whose predecessor is missing; None if the chain is intact.

    It does not notice that the newest entries were cut off: keep the newest digest elsewhere for that. Raises
    EnvelopeError if the key of an entry is not in the ring any more.
    """
    previous = GENESIS
    for event in AuditEvent.objects.order_by("id").iterator(chunk_size=500):
        if event.previous_digest != previous or event.digest != digest_of(event):
            return event.pk
        previous = event.digest
    return None


def _chain_key(key_id: str | None) -> tuple[str, bytes]:
    return encryption.ring_of(settings.PORTAL_KEYS).derived("history", key_id or None)


def _content(event: AuditEvent) -> dict[str, Any]:
    return {name: _plain(getattr(event, name)) for name in CHAINED}


def _digest(content: dict[str, Any], key_id: str) -> str:
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    _, key = _chain_key(key_id)
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


def _newest_digest() -> str:
    """Lock the chain until the transaction ends and read its newest digest: two writers must not chain to the same entry.

    One round trip to PostgreSQL, each statement with its own snapshot, so that the second sees what the lock waited
    for. It needs the simple query protocol: Django's `prepare_threshold` must stay None. SQLite's IMMEDIATE transactions
    serialise writers already.
    """
    newest = f"SELECT digest FROM {AuditEvent._meta.db_table} ORDER BY id DESC LIMIT 1"  # noqa: S608
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # Deferred foreign keys would wait for rows at the commit, with the chain locked: check them before.
            cursor.execute(f"SET CONSTRAINTS ALL IMMEDIATE; SELECT pg_advisory_xact_lock({CHAIN_LOCK}); {newest}")
            cursor.nextset()
            cursor.nextset()
        else:
            cursor.execute(newest)
        found = cursor.fetchone()
    return str(found[0]) if found else ""


def _canonical(address: str | None) -> str | None:
    """The form in which the database stores it: the digest must cover what is read back."""
    if not address:
        return None
    ip = ipaddress.ip_address(address)
    return str(getattr(ip, "ipv4_mapped", None) or ip)


def _storable(value: Any) -> Any:
    """Without NUL, which PostgreSQL stores neither as text nor in JSON, and which a remote service may have answered."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return [_storable(each) for each in value] if isinstance(value, (list, tuple)) else value


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat(timespec="microseconds")
    return value if value is None or isinstance(value, (dict, list)) else str(value)
