"""A database that is away, restarting or read-only is a page in words with status 503, for customers and for staff."""

import io
import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import DatabaseError, OperationalError, connection, transaction
from django.test import Client
from django.urls import reverse

from registrations import unavailable
from registrations.models import UmpInstance
from syncportal.redaction import RedactingFormatter
from tests import factories

pytestmark = pytest.mark.django_db
AWAY = "server closed the connection unexpectedly\n\tThis probably means the server terminated abnormally"


@contextmanager
def database_away() -> Iterator[None]:
    def refuse(*_: Any) -> None:
        raise OperationalError(AWAY)

    with connection.execute_wrapper(refuse):
        yield


@contextmanager
def database_read_only() -> Iterator[None]:
    """As a standby server is, until the with block ends."""
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA query_only = ON")
            try:
                yield
            finally:
                cursor.execute("PRAGMA query_only = OFF")
    else:
        saved = transaction.savepoint()
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
        try:
            yield
        finally:
            transaction.savepoint_rollback(saved)


@pytest.fixture
def instance() -> UmpInstance:
    return factories.make_instance()


def browser(host: str) -> Client:
    return Client(raise_request_exception=False, headers={"host": host})


def assert_is_the_page(answer: Any, title: str = unavailable.AWAY[0]) -> None:
    page = answer.content.decode()
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "30"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; style-src 'sha256-")
    assert f"<h1>{title}</h1>" in page
    assert "What to do" in page
    assert "terminated" not in page
    assert "href=" not in page
    assert "src=" not in page


def test_a_customer_sees_a_page_while_the_database_is_away(instance: UmpInstance) -> None:
    for path in ("/authenticate", "/authenticate/OAuth2Callback", "/authenticate/" + "a" * 43):
        with database_away():
            assert_is_the_page(browser(instance.host).get(path))


def test_staff_see_a_page_while_the_database_is_away(operator: User) -> None:
    signed_in = browser(settings.ADMIN_HOSTS[0])
    signed_in.force_login(operator)
    for path in (reverse("admin:index"), reverse("admin:login"), reverse("admin:registrations_operation_changelist")):
        with database_away():
            assert_is_the_page(signed_in.get(path))


def test_staff_see_a_page_while_the_database_is_read_only(instance: UmpInstance, operator: User) -> None:
    signed_in = browser(settings.ADMIN_HOSTS[0])
    signed_in.force_login(operator)
    form = {"username": operator.username, "password": factories.PASSWORD}
    with database_read_only():
        assert_is_the_page(browser(settings.ADMIN_HOSTS[0]).post(reverse("admin:login"), form))
    provision = reverse("admin:registrations_umpinstance_provision_confirmed")
    with database_read_only():
        assert_is_the_page(signed_in.post(provision, {"instance": [instance.pk]}))


def test_a_statement_that_was_stopped_says_that_it_took_too_long(operator: User) -> None:
    class StoppedError(Exception):
        sqlstate = unavailable.QUERY_CANCELED

    def stop(*_: Any) -> None:
        raise OperationalError("canceling statement due to statement timeout") from StoppedError()

    with connection.execute_wrapper(stop):
        answer = browser(settings.ADMIN_HOSTS[0]).post(reverse("admin:login"), {"username": "a", "password": "b"})
    assert_is_the_page(answer, unavailable.TOO_SLOW[0])


def test_a_damaged_file_is_a_page_too(instance: UmpInstance) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("database disk image is malformed") from sqlite3.DatabaseError()

    with connection.execute_wrapper(refuse):
        assert_is_the_page(browser(instance.host).get("/authenticate"))


def test_a_row_that_is_gone_when_somebody_saves_it_is_no_outage(instance: UmpInstance) -> None:
    UmpInstance.objects.filter(pk=instance.pk).delete()
    with pytest.raises(DatabaseError) as gone:
        instance.save(update_fields=["status"])
    assert not unavailable.is_outage(gone.value)


def test_another_error_stays_an_internal_error(monkeypatch: pytest.MonkeyPatch, instance: UmpInstance) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("registrations.models.UmpInstance.objects.select_related", broken)
    assert browser(instance.host).get("/authenticate").status_code == 500


def test_an_outage_is_one_line_in_the_log(instance: UmpInstance) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(RedactingFormatter())
    logging.getLogger("django.request").addHandler(handler)
    try:
        with database_away():
            browser(instance.host).get("/authenticate")
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert written.getvalue() == (
        "Service Unavailable: /authenticate (the database cannot be used: server closed the connection unexpectedly)\n"
    )
