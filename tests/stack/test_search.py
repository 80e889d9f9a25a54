"""The search for secrets finds them in every spelling; otherwise its silence would mean nothing."""

import base64
import json
from urllib.parse import quote

import pytest

from tests.stack import search

SECRET = 'u3z8Q~a"b/c+d.e_f-0123456789'


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_in_a_base64_message_is_found_wherever_it_begins(before: str) -> None:
    message = base64.b64encode(f"{before}{SECRET}, and more".encode()).decode()
    assert search.is_in(message, SECRET)


@pytest.mark.parametrize("spelled", [SECRET, json.dumps({"secret": SECRET}), quote(SECRET, safe="")])
def test_a_secret_is_found_as_it_is_in_json_and_in_an_address(spelled: str) -> None:
    assert search.is_in(f"... {spelled} ...", SECRET)


def test_another_text_is_not_taken_for_the_secret() -> None:
    assert not search.is_in(SECRET[:-1] + base64.b64encode(b"something else entirely").decode(), SECRET)
