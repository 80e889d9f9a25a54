"""Limits of what strangers can cause, counted in the database: fixed windows, each counter changed by one guarded UPDATE.

What is over a limit changes nothing but its counter. When the window closes, the history gets one entry with the number.
"""

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone

from registrations import audit, encryption
from registrations.models import RequestWindow

CLOSED_AT_ONCE = 500  # windows that one sweep closes; the next one takes the rest
IPV4_NETWORK, IPV6_NETWORK = 24, 64  # bits: what one attacker easily has addresses of (RFC 6177 for IPv6)


@dataclass(frozen=True)
class Limit:
    """At most `most` in a window of time. `scope` is stored: it names the counter, and the limit in the history."""

    scope: str
    most: int
    window: timedelta


def take(limit: Limit, key: str, *, action: str, subject: models.Model | audit.Subject | None) -> timedelta | None:
    """Count one request. None if it is within the limit, otherwise the time until the window closes.

    `action` and `subject` are of the entry that the history gets when the window closes, if something was over the limit.
    """
    now = timezone.now()
    starts_at = _start_of(now, limit.window)
    ends_at = starts_at + limit.window
    key_hash = encryption.keyed_hash(encryption.ring_of(settings.PORTAL_KEYS), f"limit {limit.scope}", key)
    rows = RequestWindow.objects.filter(scope=limit.scope, key_hash=key_hash, starts_at=starts_at)
    within = rows.filter(count__lt=limit.most)
    about = audit.Subject.of(subject)
    first = {
        "ends_at": ends_at,
        "count": 1,
        "action": action,
        "subject_type": about.type,
        "subject_id": about.id,
        "subject_label": about.label[:255],
    }
    while not within.update(count=models.F("count") + 1):
        if rows.update(refused=models.F("refused") + 1):
            return ends_at - now
        if RequestWindow.objects.get_or_create(
            scope=limit.scope, key_hash=key_hash, starts_at=starts_at, defaults=first
        )[1]:
            break
    return None


def network_of(address: str | None) -> str:
    """The network that counts as one sender: the /24 of an IPv4 address, the /64 of an IPv6 one; "" for anything else."""
    try:
        ip = ipaddress.ip_address(address or "")
    except ValueError:
        return ""
    ip = getattr(ip, "ipv4_mapped", None) or ip
    bits = IPV4_NETWORK if ip.version == 4 else IPV6_NETWORK
    return str(ipaddress.ip_network((int(ip), bits) if ip.version == 6 else f"{ip}/{bits}", strict=False))


def close_windows() -> int:
    """Delete the counters of closed windows; each with something over its limit becomes one history entry. Their number."""
    now = timezone.now()
    closed = RequestWindow.objects.filter(ends_at__lte=now)
    for row in list(closed.filter(refused__gt=0)[:CLOSED_AT_ONCE]):
        with audit.atomic():
            if RequestWindow.objects.filter(pk=row.pk, refused=row.refused).delete()[0]:
                audit.record(
                    row.action,
                    actor=audit.SYSTEM,
                    subject=audit.Subject(row.subject_type, row.subject_id, row.subject_label),
                    after={
                        "limit": row.scope,
                        "over_the_limit": row.refused,
                        "from": row.starts_at.isoformat(),
                        "until": row.ends_at.isoformat(),
                    },
                )
    return int(closed.filter(refused=0).delete()[0])


def _start_of(now: datetime, window: timedelta) -> datetime:
    epoch = datetime(2000, 1, 1, tzinfo=UTC)
    return epoch + (now - epoch) // window * window
