"""Bad requests of anybody leave one short line each, without a traceback, and not more than a number of lines."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.test import Client
from django.utils.module_loading import import_string

from syncportal import request_logging
from syncportal.request_logging import BadRequestFilter

pytestmark = pytest.mark.django_db


class Lines(logging.Handler):
    """Keeps what the console would show."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture
def console() -> Iterator[Lines]:
    """A handler with the filters and the formatter of the console."""
    handler = Lines()
    logs: dict[str, Any] = settings.LOGGING
    for name in logs["handlers"]["console"]["filters"]:
        handler.addFilter(import_string(logs["filters"][name]["()"])())
    handler.setFormatter(import_string(logs["formatters"]["line"]["()"])("%(name)s %(message)s"))
    logging.getLogger().addHandler(handler)
    yield handler
    logging.getLogger().removeHandler(handler)


def test_each_bad_request_is_one_short_line(console: Lines) -> None:
    client = Client(headers={"host": "localhost"}, raise_request_exception=False)
    login = "/admin/login/"
    many = "&".join(f"f{number}=1" for number in range(12_100))
    urlencoded, multipart = "application/x-www-form-urlencoded", "multipart/form-data"
    answers: list[Any] = [
        client.generic("POST", login, many[:60_000] + "&a=1" * 500, content_type=urlencoded),
        client.generic("POST", login, b"--x\r\nnonsense", content_type=f"{multipart}; boundary=x"),
        client.generic("POST", login, b"nonsense", content_type=multipart),
        client.generic("POST", login, b"a=%ff%00", content_type=f"{urlencoded}; charset=nonsense"),
        client.get("/admin/login/", headers={"cookie": "__Host-session=%00\x7f; ; =;=" + "a" * 4000}),
        client.get("/" + "nothing\r\nhere" * 200),
        client.get("/admin/auth/user/?password__regex=a"),
        client.post(login, {}, headers={"origin": "null"}),
    ]
    assert all(answer.status_code < 500 for answer in answers)
    assert len(console.lines) <= len(answers)
    for line in console.lines:
        assert "Traceback" not in line
        assert "\n" not in line
        assert len(line) < 400, line


def test_a_refused_host_or_look_up_has_no_traceback(operator_client: Client, console: Lines) -> None:
    assert operator_client.get("/admin/registrations/umpinstance/?ump_url__regex=a").status_code == 400
    [line] = [line for line in console.lines if "umpinstance" in line or "look" in line.lower() or "django" in line][:1]
    assert "Traceback" not in line


def test_lines_about_bad_requests_are_bounded(console: Lines, monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(headers={"host": "localhost"})
    for _ in range(200):
        client.get("/nothing")
    assert len(console.lines) == request_logging.LINES
    monkeypatch.setattr(request_logging, "SECONDS", 0.0)
    client.get("/nothing")
    assert "(140 lines about refused requests were left out)" in console.lines[-1]


def test_errors_of_our_own_keep_their_traceback() -> None:
    record = logging.LogRecord("django.request", logging.ERROR, "", 1, "Internal Server Error", None, None)
    record.status_code = 500
    record.exc_info = (ValueError, ValueError("x"), None)
    assert BadRequestFilter().filter(record)
    assert record.exc_info is not None
