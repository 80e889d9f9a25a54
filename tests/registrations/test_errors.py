"""Errors carry text that the database can hold."""

from datetime import timedelta

from registrations.errors import LONGEST_CODE, LONGEST_MESSAGE, NotYetError, PortalError, QuotaSpentError


def test_message_code_and_request_id_are_cut_and_lose_nul() -> None:
    error = PortalError("a\0" + "b" * 5000, code="c\0" * 500, request_id="d" * 500)
    assert (len(str(error)), len(error.code), len(error.request_id)) == (LONGEST_MESSAGE, LONGEST_CODE, LONGEST_CODE)
    assert "\0" not in f"{error}{error.code}"


def test_a_spent_quota_is_a_wait_with_its_own_code() -> None:
    error = QuotaSpentError("Wait.", retry_after=timedelta(seconds=3))
    assert isinstance(error, NotYetError)
    assert (error.code, error.retry_after) == ("quota_spent", timedelta(seconds=3))
