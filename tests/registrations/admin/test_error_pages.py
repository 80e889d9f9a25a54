"""Refusals have the admin's look, and one line in the log."""

import io
import logging

import pytest
from django.test import Client
from django.urls import reverse

from syncportal.redaction import RedactingFormatter, RedactionFilter

pytestmark = pytest.mark.django_db


def test_an_error_page_has_the_menu_and_a_link_back(operator_client: Client) -> None:
    for address, status in ((reverse("admin:auth_user_changelist"), 403), ("/admin/no/such/page/", 404)):
        answer = operator_client.get(address)
        assert answer.status_code == status
        assert "Go to the start page" in answer.content.decode()
        assert "UMP instances" in answer.content.decode()  # the menu


def test_an_error_page_before_the_sign_in_reveals_nothing(db: None) -> None:
    answer = Client(headers={"host": "localhost"}).get("/nowhere")
    assert (answer.status_code, answer.content) == (404, b"There is no such page.\n")


def test_a_refused_permission_logs_one_line_without_traceback(operator_client: Client) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.addFilter(RedactionFilter())
    handler.setFormatter(RedactingFormatter())
    logging.getLogger("django.request").addHandler(handler)
    try:
        operator_client.get(reverse("admin:auth_user_changelist"))
    finally:
        logging.getLogger("django.request").removeHandler(handler)
    assert written.getvalue() == "Forbidden (Permission denied): /admin/auth/user/\n"
