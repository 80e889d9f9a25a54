"""The URLs of database, mail server and broker, parsed once and strictly: whatever is not understood is refused.

`parse` decides for all of them whether a password was misread: one with a bare `/`, `?`, `#` or `@` ends the host part too
early, and a part of the password would be taken for the host or the port (RFC 3986, section 3.2).
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

import psycopg
from psycopg.conninfo import make_conninfo

from registrations.clean_text import unseen_in

ENCODING = "In a user name or password, write / as %2F, ? as %3F, # as %23, @ as %40, : as %3A and % as %25."
NO_PERCENT_CODE = re.compile(r"%(?![0-9A-Fa-f]{2})")
HOST = re.compile(r"[a-z0-9_]([a-z0-9_.-]*[a-z0-9_.])?|[0-9a-f:.]+", re.ASCII)
LAST_PORT = 65535

POSTGRESQL = ("postgres", "postgresql", "psql", "pgsql")
STUCK_TO_A_NAME = ";,.:'\"`<>()[]{}\\|"
TLS_VERSIONS = ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3")
CHOICES = {  # https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "sslcompression": ("0", "1"),
    "sslsni": ("0", "1"),
    "sslcertmode": ("disable", "allow", "require"),
    "ssl_min_protocol_version": TLS_VERSIONS,
    "ssl_max_protocol_version": TLS_VERSIONS,
    "gssencmode": ("disable", "prefer", "require"),
    "channel_binding": ("disable", "prefer", "require"),
    "target_session_attrs": ("any", "read-write", "read-only", "primary", "standby", "prefer-standby"),
    "load_balance_hosts": ("disable", "random"),
    "keepalives": ("0", "1"),
}
NUMBERS = {"connect_timeout", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
MAIL = {  # scheme: the setting that turns TLS on, and the port if the URL names none
    "smtp": ("", 25),
    "smtp+tls": ("EMAIL_USE_TLS", 587),
    "smtp+ssl": ("EMAIL_USE_SSL", 465),
}
REDIS = ("redis", "rediss")
REDIS_SOCKET = ("unix", "redis+socket")
VERIFY = {  # ssl_cert_reqs, as redis-py and as Celery's documentation write it, and what it means to a client
    "required": "required",
    "cert_required": "required",
    "optional": "required",  # a server always sends its certificate, and then it is verified
    "cert_optional": "required",
    "none": "none",
    "cert_none": "none",
}
TLS_FILES = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile")
SWITCHES = {"true": True, "1": True, "on": True, "false": False, "0": False, "off": False}


class AddressError(ValueError):
    """The URL is refused. The sentence says why and never repeats a part of it."""


@dataclass(frozen=True)
class Address:
    """The parts of a URL, decoded. `hosts` and `ports` go together; several are for PostgreSQL's clusters only."""

    scheme: str
    user: str
    password: str
    hosts: tuple[str, ...]
    ports: tuple[int | None, ...]
    path: str
    options: Mapping[str, str] = field(default_factory=dict)


def parse(value: str, schemes: Collection[str], *, is_local: bool = False) -> Address:
    """The parts of a URL of one of these schemes. Raises AddressError. `is_local`: its path is a file, which may have an @."""
    if "#" in value or any(character.isspace() for character in value):
        raise AddressError(f"it has a # or a blank. {ENCODING}")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise AddressError(f"it cannot be parsed. {ENCODING}") from None
    if parts.scheme not in schemes or not value.lower().startswith(f"{parts.scheme}://"):
        raise AddressError(f"it does not begin with {' or '.join(f'{scheme}://' for scheme in schemes)}.")
    if "@" in parts.query or ("@" in parts.path and not is_local):
        raise AddressError(
            f"it has an @ after its host, so a part of the password may have been taken for it. {ENCODING}"
        )
    login, _, servers = parts.netloc.rpartition("@")
    user, _, password = login.partition(":")
    hosts, ports = _servers(servers)
    return Address(
        parts.scheme, _decoded(user), _decoded(password), hosts, ports, _decoded(parts.path), _options(parts)
    )


def _servers(written: str) -> tuple[tuple[str, ...], tuple[int | None, ...]]:
    hosts: list[str] = []
    ports: list[int | None] = []
    for server in written.split(",") if written else []:
        match = re.fullmatch(r"(?:\[(?P<ipv6>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>[0-9]{1,5}))?", server)
        host = ((match["ipv6"] or match["name"]) if match else "").lower()
        port = int(match["port"]) if match and match["port"] else None
        if not HOST.fullmatch(host) or not (port is None or 1 <= port <= LAST_PORT):
            raise AddressError(f"its host or port is not valid. {ENCODING}")
        hosts.append(host)
        ports.append(port)
    return tuple(hosts), tuple(ports)


def _decoded(written: str) -> str:
    if NO_PERCENT_CODE.search(written):
        raise AddressError(f"it has a % that begins no code. {ENCODING}")
    try:
        decoded = unquote(written, errors="strict")
    except UnicodeDecodeError:
        raise AddressError(f"it has a % that begins no code of UTF-8. {ENCODING}") from None
    if unseen_in(decoded):
        raise AddressError("it has an invisible character.")
    return decoded


def _options(parts: SplitResult) -> dict[str, str]:
    if not parts.query:
        return {}
    if NO_PERCENT_CODE.search(parts.query):
        raise AddressError(f"an option has a % that begins no code. {ENCODING}")
    try:
        pairs = parse_qsl(parts.query, keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        raise AddressError("its options are not of the form ?name=value&name=value.") from None
    found = {name.lower(): value for name, value in pairs}
    if len(found) < len(pairs):
        raise AddressError("an option stands in it twice.")
    return found


def database(value: str, folder: Path) -> dict[str, Any]:
    """Django's DATABASES entry for a PostgreSQL or SQLite URL, options included. Raises AddressError.

    `folder`: where a relative path of an SQLite file begins.
    https://docs.djangoproject.com/en/5.2/ref/settings/#databases
    """
    is_sqlite = value.lower().startswith("sqlite:")
    address = parse(value, ("sqlite",) if is_sqlite else POSTGRESQL, is_local=is_sqlite)
    options = dict(address.options)
    entry = _sqlite(address, folder) if is_sqlite else _postgresql(address, options)
    entry |= _django_options(options)
    allowed = {"timeout", "transaction_mode", "init_command"} if is_sqlite else options.keys()
    if not options.keys() <= allowed:
        raise AddressError(f"it has an option that SQLite does not know. There are {', '.join(sorted(allowed))}.")
    if is_sqlite and "timeout" in options:
        options["timeout"] = _whole_number(options["timeout"], "timeout")  # type: ignore[assignment]
    if not is_sqlite:
        _require_known(options)
    return entry | {"OPTIONS": options}


def _sqlite(address: Address, folder: Path) -> dict[str, Any]:
    name = address.path.removeprefix("/")
    if address.hosts or address.user or address.password or name in {"", ":memory:"}:
        raise AddressError("it names no file. Write sqlite:////path/to/file, with four slashes.")
    return {"ENGINE": "django.db.backends.sqlite3", "NAME": str(folder / name)}


def _postgresql(address: Address, options: Mapping[str, str]) -> dict[str, Any]:
    name = address.path.removeprefix("/")
    socket = ""
    if name.startswith("/"):  # postgres:////var/run/postgresql/name
        socket, _, name = name.rpartition("/")
    if "/" in name or (socket and address.hosts) or _contradicts(address, socket, options):
        raise AddressError(f"its database or host is not clear. {ENCODING}")
    if name.strip(STUCK_TO_A_NAME) != name:
        raise AddressError(
            "its database's name begins or ends with a sign that was probably copied along with the URL."
        )
    if not name and "service" not in options:
        raise AddressError("it names no database. Write postgres://user:password@host/name.")
    ports = ",".join("" if port is None else str(port) for port in address.ports)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": name,
        "USER": address.user,
        "PASSWORD": address.password,
        "HOST": socket or ",".join(address.hosts),
        "PORT": ports if ports.strip(",") else "",
    }


def _contradicts(address: Address, socket: str, options: Mapping[str, str]) -> bool:
    """Whether an option names a place again that the URL names already, or names none after all."""
    has_host, has_port = bool(socket or address.hosts), any(port is not None for port in address.ports)
    again = (has_host and {"host", "hostaddr"} & options.keys()) or (has_port and "port" in options)
    return bool(again) or any(options.get(name) == "" for name in ("host", "hostaddr", "port"))


def _django_options(options: dict[str, str]) -> dict[str, Any]:
    """Django's own options, taken out of the others: those have to reach the driver alone."""
    found: dict[str, Any] = {}
    if (age := options.pop("conn_max_age", None)) is not None:
        found["CONN_MAX_AGE"] = None if age.lower() == "none" else _whole_number(age, "conn_max_age")
    for name in ("conn_health_checks", "disable_server_side_cursors"):
        if (switch := options.pop(name, None)) is not None:
            if switch.lower() not in SWITCHES:
                raise AddressError(f"its option {name} is neither true nor false.")
            found[name.upper()] = SWITCHES[switch.lower()]
    return found


def _whole_number(value: str, name: str) -> int:
    if not re.fullmatch("[0-9]{1,6}", value):
        raise AddressError(f"its option {name} is not a whole number.")
    return int(value)


def _require_known(options: Mapping[str, str]) -> None:
    if {"user", "password", "dbname", "client_encoding"} & options.keys():
        raise AddressError("user, password and database stand before the ?, not among the options.")
    try:
        make_conninfo("", **options)
    except psycopg.Error:
        raise AddressError("it has an option that PostgreSQL's client does not know.") from None
    for name, values in CHOICES.items():
        if options.get(name, values[0]) not in values:
            raise AddressError(f"its {name} is none of {', '.join(values)}.")
    for name in NUMBERS & options.keys():
        _whole_number(options[name], name)
    for name in ("sslrootcert", "sslcert", "sslkey"):
        if name in options and options[name] != "system" and not Path(options[name]).is_file():
            raise AddressError(f"its {name} names a file that is not there.")


def mail(value: str) -> dict[str, Any]:
    """Django's EMAIL settings for a URL of an SMTP server. Raises AddressError."""
    address = parse(value, tuple(MAIL))
    if len(address.hosts) != 1 or address.path not in {"", "/"} or address.options:
        raise AddressError(f"it is not of the form smtp://user:password@host:25. {ENCODING}")
    if bool(address.user) != bool(address.password):
        raise AddressError("it has a user without a password, or a password without a user.")
    switch, port = MAIL[address.scheme]
    return {
        "EMAIL_BACKEND": "django.core.mail.backends.smtp.EmailBackend",
        "EMAIL_HOST": address.hosts[0],
        "EMAIL_PORT": address.ports[0] or port,
        "EMAIL_HOST_USER": address.user,
        "EMAIL_HOST_PASSWORD": address.password,
        **({switch: True} if switch else {}),
    }


@dataclass(frozen=True)
class Redis:
    """One Redis, for both of its clients: a URL as redis-py reads it, and Celery's two settings."""

    url: str
    broker_url: str
    broker_use_ssl: dict[str, Any] | None


def redis(value: str) -> Redis:
    """A Redis at a host or at a Unix socket. Raises AddressError for whatever its two clients would read differently.

    https://redis.readthedocs.io/en/stable/connections.html and https://docs.celeryq.dev/projects/kombu (transport.redis)
    """
    is_socket = value.lower().startswith(tuple(f"{scheme}:" for scheme in REDIS_SOCKET))
    address = parse(value, REDIS_SOCKET if is_socket else REDIS)
    if address.user and not address.password:
        raise AddressError("it has a user and no password. A password alone is written redis://:password@host.")
    options = dict(address.options)
    login = f"{quote(address.user, safe='')}:{quote(address.password, safe='')}@" if address.password else ""
    if is_socket:
        number = _database([options.pop(name) for name in ("db", "virtual_host") if name in options])
        if options or address.hosts or not address.path.strip("/"):
            raise AddressError("it is not of the form unix:///path/to/socket?db=0.")
        path = quote(address.path)
        return Redis(f"unix://{login}{path}?db={number}", f"redis+socket://{login}{path}?virtual_host={number}", None)
    if len(address.hosts) != 1:
        raise AddressError("it names no host.")
    host = f"[{address.hosts[0]}]" if ":" in address.hosts[0] else address.hosts[0]
    number = _database([address.path.removeprefix("/")] if address.path.strip("/") else [])
    server = f"{address.scheme}://{login}{host}:{address.ports[0] or 6379}/{number}"
    if address.scheme == "redis":
        if options:
            raise AddressError("redis:// takes no options. For TLS write rediss://.")
        return Redis(server, server, None)
    tls = _tls(options)
    return Redis(f"{server}?{urlencode(tls)}", server, tls)


def _database(written: list[str]) -> int:
    if len(written) > 1 or not all(re.fullmatch("[0-9]{1,4}", number) for number in written):
        raise AddressError("its database is not one number.")
    return int(written[0]) if written else 0


def _tls(options: dict[str, str]) -> dict[str, Any]:
    """The certificate checks of a rediss:// URL, for both clients: they verify by default."""
    verify = VERIFY.get(options.pop("ssl_cert_reqs", "required").lower())
    match_host = SWITCHES.get(options.pop("ssl_check_hostname", "true").lower())
    files: dict[str, Any] = {name: options.pop(name) for name in TLS_FILES if name in options}
    if options or verify is None or match_host is None:
        raise AddressError(
            "its options for TLS are ssl_cert_reqs (required or none), ssl_check_hostname (true or false), ssl_ca_certs, "
            "ssl_certfile and ssl_keyfile, and it has another."
        )
    for name, path in files.items():
        if not Path(path).is_file():
            raise AddressError(f"its {name} names a file that is not there.")
    return {"ssl_cert_reqs": verify, "ssl_check_hostname": match_host, **files}
