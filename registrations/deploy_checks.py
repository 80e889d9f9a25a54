"""`manage.py check --deploy`: what a trial may leave as it is, and production may not."""

import ipaddress
import stat
from collections.abc import Iterable, Iterator
from email.utils import parseaddr
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register

TRIAL_BROKER = "redis://127.0.0.1:6390/0"  # where settings look without REDIS_URL
WIDEST_NETWORK = {4: 16, 6: 48}  # prefix lengths: a larger network than these is not that of some proxies


@register(deploy=True)
def production(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn of each setting that is still as a trial needs it."""
    found = [
        *_hosts(),
        *_proxies(),
        *_mail(),
        *_database(),
        *_files(settings.PRIVATE_FILES),
        *_remotes(),
        *_logs(),
        *_broker(),
    ]
    return [Warning(sentence, hint=hint, id=f"registrations.W{number}") for number, sentence, hint in found]


Finding = tuple[int, str, str]


def _is_local(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _hosts() -> Iterator[Finding]:
    local = [host for host in settings.ADMIN_HOSTS if _is_local(host)]
    if local:
        hint = "Set it to the host that staff open, for example ADMIN_HOSTS=portal.example.com."
        yield 101, f"ADMIN_HOSTS has {', '.join(local)}, which only this machine can open.", hint


def _proxies() -> Iterator[Finding]:
    if not settings.TRUSTED_PROXIES:
        sentence = (
            "TRUSTED_PROXIES is not set: behind a proxy every request looks like plain http, and nobody can sign in."
        )
        yield 102, sentence, "Set it to the address from which the proxy connects."
    wide = [network for network in settings.TRUSTED_PROXIES if network.prefixlen < WIDEST_NETWORK[network.version]]
    if wide:
        sentence = f"TRUSTED_PROXIES has {wide[0]}: whoever is in that network can forge a client's address."
        yield 103, sentence, "Name the proxies' own addresses."


def _mail() -> Iterator[Finding]:
    if _is_local(settings.EMAIL_HOST) and settings.EMAIL_PORT == 25 and not settings.EMAIL_HOST_USER:
        sentence = "EMAIL_URL leads to this machine's own mail server."
        yield 104, sentence, "Set it to your mail server, unless one here passes mail on."
    elif not _is_local(settings.EMAIL_HOST) and not (settings.EMAIL_USE_TLS or settings.EMAIL_USE_SSL):
        sentence = "EMAIL_URL sends mail without TLS, and an invitation's link is a key."
        yield 105, sentence, "Use smtp+tls:// (STARTTLS) or smtp+ssl:// (TLS from the start)."
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    if _is_local(domain):
        sentence = "DEFAULT_FROM_EMAIL is not an address that a customer can answer."
        yield 106, sentence, "Set it to a mailbox that somebody reads."


def _database() -> Iterator[Finding]:
    if settings.DATABASES["default"]["ENGINE"].endswith("sqlite3"):
        sentence = "The database is SQLite: it serves one machine, and one process at a time can write."
        yield (
            107,
            sentence,
            "With several worker or web processes, or a second machine, set DATABASE_URL to PostgreSQL.",
        )


def _files(files: Iterable[Path]) -> Iterator[Finding]:
    for path in files:
        try:
            mode = path.stat().st_mode
        except OSError:
            continue  # not there, or not ours to look at
        if stat.S_ISREG(mode) and mode & 0o077:
            yield 108, f"Others than its owner may use {path}.", f"Run: chmod 600 {path}"


def _remotes() -> Iterator[Finding]:
    for name in ("ENTRA_URL", "GRAPH_URL"):
        if _is_local(urlsplit(getattr(settings, name)).hostname or ""):
            yield 109, f"{name} leads to this machine, not to Microsoft.", "Leave it unset to use Microsoft."


def _logs() -> Iterator[Finding]:
    if settings.LOG_LEVEL == "DEBUG":
        yield 110, "LOG_LEVEL is DEBUG: libraries then log what they send.", "Set it to INFO."


def _broker() -> Iterator[Finding]:
    if settings.REDIS_URL == TRIAL_BROKER:
        sentence = "REDIS_URL leads to 127.0.0.1:6390, where only a trial's Redis listens."
        yield 111, sentence, "Set it to your Redis, for example REDIS_URL=rediss://:password@redis.example.com:6379/0."
