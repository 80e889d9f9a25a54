"""The URLs of database, mail server and broker: misread passwords are refused, and what is accepted has one meaning."""

from pathlib import Path
from typing import Any
from urllib.parse import quote, unquote

import pytest

from syncportal import addresses

FOLDER = Path("/syncportal")
READERS = {
    "postgres": lambda value: addresses.database(value, FOLDER),
    "smtp+tls": addresses.mail,
    "redis": addresses.redis,
    "rediss": addresses.redis,
}
TAILS = {"postgres": "/name", "smtp+tls": "", "redis": "/0", "rediss": "/0"}


MISREAD = [
    "123#abc",
    "123?abc",
    "123/abc",
    "12#34",
    "12?x=1",
    "12/34",
    "pa/55",
    "pa?55",
    "pa#55",
    "pa[55",
    "pa 55",
    "pa\t55",
]
MISREAD += ["100%", "pa%zz", "pa%ff", "/", "#", "?", "pa%0055"]


@pytest.mark.parametrize("scheme", READERS)
@pytest.mark.parametrize("password", MISREAD)
def test_a_password_that_a_parser_misreads_is_refused(scheme: str, password: str) -> None:
    with pytest.raises(addresses.AddressError) as refused:
        READERS[scheme](f"{scheme}://relay:{password}@host.example:587{TAILS[scheme]}")
    said = str(refused.value)
    assert not any(part in said for part in ("pa55", "123", "abc", "host.example", "587", "relay"))
    assert "\n" not in said


@pytest.mark.parametrize("scheme", READERS)
@pytest.mark.parametrize("password", ["p:a@s$s", "$ecret", "a+b,c;d=e&f!", "%2F%3F%23%40%25%3A", "äöü"])
def test_a_password_that_can_be_read_is_read(scheme: str, password: str) -> None:
    right = unquote(password)
    found: Any = READERS[scheme](f"{scheme}://relay:{password}@host.example:587{TAILS[scheme]}")
    if scheme == "postgres":
        assert (found["PASSWORD"], found["HOST"], found["PORT"]) == (right, "host.example", "587")
    elif scheme == "smtp+tls":
        assert (found["EMAIL_HOST_PASSWORD"], found["EMAIL_HOST"], found["EMAIL_PORT"]) == (right, "host.example", 587)
    else:
        assert addresses.parse(found.broker_url, addresses.REDIS).password == right


@pytest.mark.parametrize(
    "value",
    [
        "",
        "postgres",
        "mysql://root@localhost/x",
        "postgres:/u:p@host/name",
        "postgres://u:p@host:99999/name",
        "postgres://u:p@host:0/name",
        "postgres://u:p@host:/name",
        "postgres://u:p@ho st/name",
        "postgres://u:p@host",
        "postgres://u:p@host/",
        "postgres://u:p@host/na/me",
        "postgres://u:p@host/name?sslmod=require",
        "postgres://u:p@host/name?sslmode=on",
        "postgres://u:p@host/name?sslrootcert=/nowhere/ca.pem",
        "postgres://u:p@host/name?connect_timeout=long",
        "postgres://u:p@host/name?atomic_requests=true",
        "postgres://u:p@host/name?password=x",
        "postgres://u:p@host/name?host=other",
        "postgres://u:p@host/name?host=",
        "postgres:///name?host=",
        "postgres://u:p@host/name?hostaddr=10.9.9.9",
        "postgres:////var/run/postgresql/name?hostaddr=10.9.9.9",
        "postgres://u:p@host:5432/name?port=5433",
        "postgres://u:p@host:5432/name?PORT=5432",
        "postgres://u:p@a:1,b/name?port=5433",
        "postgres://u:p@host/name?port=",
        "postgres://u:p@host/name;",
        'postgres://u:p@host/name"',
        "postgres://u:p@host/name'",
        "postgres://u:p@host/name,",
        "postgres://u:p@host/name%3B",
        "postgres://u:p@host/<name>",
        "postgres://u:p@host/name?conn_max_age=soon",
        "postgres://u:p@host/name?conn_health_checks=maybe",
        "postgres://u:p@host/name?conn_max_age=0&conn_max_age=1",
        "postgres://u:p@host/name?conn_max_age",
        "sqlite://",
        "sqlite:///",
        "sqlite://:memory:",
        "sqlite:///:memory:",
        "sqlite://db.sqlite3",
        "sqlite:////db.sqlite3?mode=ro",
        "sqlite:////db.sqlite3?timeout=long",
    ],
)
def test_a_database_that_is_not_clear_is_refused(value: str) -> None:
    with pytest.raises(addresses.AddressError):
        addresses.database(value, FOLDER)


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("target_session_attrs", "write"),
        ("gssencmode", "on"),
        ("sslmode", "true"),
        ("sslmode", ""),
        ("channel_binding", "yes"),
        ("ssl_min_protocol_version", "1.2"),
        ("keepalives", "yes"),
    ],
)
def test_an_option_with_an_unknown_value_is_refused_by_its_name(option: str, value: str) -> None:
    with pytest.raises(addresses.AddressError, match=f"its {option} is none of "):
        addresses.database(f"postgres://u:p@host/name?{option}={value}", FOLDER)


@pytest.mark.parametrize("option", ["connect_timeout", "keepalives_idle", "keepalives_count", "tcp_user_timeout"])
def test_an_option_that_is_no_number_is_refused_by_its_name(option: str) -> None:
    with pytest.raises(addresses.AddressError, match=f"its option {option} is not a whole number"):
        addresses.database(f"postgres://u:p@host/name?{option}=5s", FOLDER)


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u3164", "\ufe0f", "\u2800"])
def test_an_invisible_character_is_found_behind_its_code(character: str) -> None:
    with pytest.raises(addresses.AddressError, match="invisible"):
        addresses.redis(f"redis://:pa{quote(character)}ss@host")


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (
            "postgres://u:p@host:5433/name",
            {"HOST": "host", "PORT": "5433", "NAME": "name", "USER": "u", "PASSWORD": "p"},
        ),
        ("postgresql://host/a+b", {"NAME": "a+b", "USER": "", "PASSWORD": ""}),
        ("postgres:///name", {"HOST": "", "NAME": "name"}),
        ("postgres:////var/run/postgresql/name", {"HOST": "/var/run/postgresql", "NAME": "name"}),
        ("postgres://u:p@a:1,b:2/name", {"HOST": "a,b", "PORT": "1,2"}),
        ("postgres://u:p@[::1]:5432/name", {"HOST": "::1", "PORT": "5432"}),
        ("postgres://u@host/name?conn_max_age=0", {"CONN_MAX_AGE": 0, "OPTIONS": {}}),
        ("postgres://u@host/name?CONN_MAX_AGE=None", {"CONN_MAX_AGE": None}),
        ("postgres://u@host/name?conn_health_checks=false", {"CONN_HEALTH_CHECKS": False}),
        ("postgres://u@host/name?disable_server_side_cursors=true", {"DISABLE_SERVER_SIDE_CURSORS": True}),
        ("postgres://u@host/name?sslmode=verify-full", {"OPTIONS": {"sslmode": "verify-full"}}),
        (
            "postgres://u@host/name?options=-c%20statement_timeout%3D5s",
            {"OPTIONS": {"options": "-c statement_timeout=5s"}},
        ),
        ("postgres:///name?host=db&port=5433", {"HOST": "", "OPTIONS": {"host": "db", "port": "5433"}}),
        ("postgres://u@host/name?port=5433", {"HOST": "host", "PORT": "", "OPTIONS": {"port": "5433"}}),
        ("postgres://u@a,b/name?target_session_attrs=read-write", {"OPTIONS": {"target_session_attrs": "read-write"}}),
        ("sqlite:////a+b@c%20d/db.sqlite3", {"NAME": "/a+b@c d/db.sqlite3"}),
        ("sqlite:///var/db.sqlite3", {"NAME": "/syncportal/var/db.sqlite3"}),
        ("sqlite:////db.sqlite3?timeout=60", {"OPTIONS": {"timeout": 60}}),
    ],
)
def test_a_database_is_what_its_url_says(value: str, found: dict[str, Any]) -> None:
    assert found.items() <= addresses.database(value, FOLDER).items()


@pytest.mark.parametrize(
    "value",
    [
        "mail.example:25",
        "smtps://u:p@mail.example:465",
        "consolemail://",
        "smtp://",
        "smtp://mail.example/folder",
        "smtp://mail.example:25?timeout=3",
        "smtp://a,b:25",
        "smtp://user@mail.example:25",
    ],
)
def test_a_mail_server_that_is_not_clear_is_refused(value: str) -> None:
    with pytest.raises(addresses.AddressError):
        addresses.mail(value)


@pytest.mark.parametrize(
    ("value", "port", "tls"),
    [
        ("smtp://mail.example", 25, ""),
        ("smtp+tls://mail.example", 587, "EMAIL_USE_TLS"),
        ("smtp+ssl://mail.example/", 465, "EMAIL_USE_SSL"),
        ("smtp+tls://u:p@mail.example:2525", 2525, "EMAIL_USE_TLS"),
    ],
)
def test_a_mail_server_has_the_port_of_its_scheme(value: str, port: int, tls: str) -> None:
    found = addresses.mail(value)
    assert found["EMAIL_PORT"] == port
    assert [name for name in found if name.startswith("EMAIL_USE")] == ([tls] if tls else [])


@pytest.mark.parametrize(
    "value",
    [
        "amqp://localhost",
        "valkey://host/0",
        "redis://",
        "redis:///0",
        "redis://:12#34@host",
        "redis://password@host/0",
        "redis://host/first",
        "redis://host/0/1",
        "redis://host/-1",
        "redis://host/0?db=1",
        "redis://host/0?ssl_cert_reqs=none",
        "redis://a,b/0",
        "rediss://host/0?ssl_cert_reqs=maybe",
        "rediss://host/0?ssl_ca_certs=/nowhere/ca.pem",
        "rediss://host/0?socket_timeout=1",
        "rediss://host/0?ssl_cert_reqs=none&ssl_cert_reqs=required",
        "unix://",
        "unix://host/redis.sock",
        "unix:///redis.sock?db=x",
        "unix:///redis.sock?db=0&virtual_host=1",
        "unix:///redis.sock?timeout=3",
        "redis+socket:///redis.sock?db",
    ],
)
def test_a_redis_that_is_not_clear_is_refused(value: str) -> None:
    with pytest.raises(addresses.AddressError):
        addresses.redis(value)


VERIFIED = {"ssl_cert_reqs": "required", "ssl_check_hostname": True}


@pytest.mark.parametrize(
    ("value", "url", "broker_url", "tls"),
    [
        ("redis://host", "redis://host:6379/0", "redis://host:6379/0", None),
        ("redis://:p%40@host:1/2", "redis://:p%40@host:1/2", "redis://:p%40@host:1/2", None),
        ("redis://u:p@[::1]/", "redis://u:p@[::1]:6379/0", "redis://u:p@[::1]:6379/0", None),
        ("unix:///r.sock", "unix:///r.sock?db=0", "redis+socket:///r.sock?virtual_host=0", None),
        ("redis+socket:///r.sock?virtual_host=3", "unix:///r.sock?db=3", "redis+socket:///r.sock?virtual_host=3", None),
        ("unix://:p@/r.sock?db=3", "unix://:p@/r.sock?db=3", "redis+socket://:p@/r.sock?virtual_host=3", None),
    ]
    + [
        (
            f"rediss://host{options}",
            "rediss://host:6379/0?ssl_cert_reqs=required&ssl_check_hostname=True",
            "rediss://host:6379/0",
            VERIFIED,
        )
        for options in ("", "/0", "?ssl_cert_reqs=required", "?ssl_cert_reqs=CERT_REQUIRED", "?ssl_cert_reqs=optional")
    ]
    + [
        (
            "rediss://host/1?ssl_cert_reqs=CERT_NONE",
            "rediss://host:6379/1?ssl_cert_reqs=none&ssl_check_hostname=True",
            "rediss://host:6379/1",
            {"ssl_cert_reqs": "none", "ssl_check_hostname": True},
        )
    ],
)
def test_a_redis_has_one_meaning_for_both_clients(
    value: str, url: str, broker_url: str, tls: dict[str, Any] | None
) -> None:
    assert addresses.redis(value) == addresses.Redis(url, broker_url, tls)
