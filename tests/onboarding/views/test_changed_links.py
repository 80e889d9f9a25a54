"""Links that programs and people have changed: the invitation opens, and only with its whole token."""

import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from django.utils.html import strip_tags

from onboarding import tokens
from onboarding.models import SignIn
from tests.onboarding.browser import Browser

pytestmark = pytest.mark.django_db


def words(answer: Any) -> str:
    """What a person reads on the page."""
    return strip_tags(answer.content.decode())


STUCK = [
    ".",
    ",",
    ")",
    ">",
    '"',
    "/",
    "//",
    " ",
    "'",
    "]",
    "*",
    "_",
    ";",
    "\u2026",
    "\u00bb",
    "\u200b",
    "\ufeff",
    "\u00a0",
    "\u201d",
    "\\",
    "\n",
    "!",
]
OF_MAILS = [
    "<br>",
    "%3Cbr%3E",
    "</a>",
    "<br/>",
    "&quot",
    "=3D",
    "=20",
    "=0A",
    "=3E",
    "\\n",
    "&utm_source=x",
    " please",
    "__",
    "**_",
]
TOGETHER = [").", '">', "/.", "\u200b)", ">.\u00a0", ")**", "%20", "%2520", "&gt;", "&quot;.", "%E2%80%8B.", "%C2%BB"]


@pytest.mark.parametrize("stuck", [*STUCK, *TOGETHER, *OF_MAILS])
def test_a_link_with_something_stuck_to_it_opens_the_invitation(customer: Browser, link: str, stuck: str) -> None:
    clean = customer.client.get(urlsplit(link).path)
    for ask in (customer.client.get, customer.client.head):
        for path in (urlsplit(link).path + stuck, urlsplit(link).path + quote(stuck)):
            assert ask(path).status_code == 200, path
    assert words(customer.client.get(urlsplit(link).path + stuck)) == words(clean)
    assert not SignIn.objects.exists()


@pytest.mark.parametrize("stuck", ["%20", "/", "%E2%80%8B", "%3C", "%22", "_", "__", "=3D", "3D%20", "%253D", "*"])
def test_a_link_with_something_stuck_before_its_token_opens_it_too(customer: Browser, link: str, stuck: str) -> None:
    assert customer.client.get(urlsplit(link).path.replace("authenticate/", f"authenticate/{stuck}")).status_code == 200


BREAKS = [
    "%0A",
    "%0D%0A",
    "%20",
    "%09",
    "%E2%80%8B",
    "%EF%BB%BF",
    "%C2%AD",
    "=%0D%0A",
    "=%0A",
    "%250A",
    "%2520",
    "%25E2%2580%258B",
]


@pytest.mark.parametrize("broken_by", BREAKS)
@pytest.mark.parametrize("stuck", ["", ".", "%20", "%3Cbr%3E"])
def test_a_link_that_is_broken_inside_opens_the_invitation(
    customer: Browser, link: str, broken_by: str, stuck: str
) -> None:
    start, _, token = urlsplit(link).path.rpartition("/")
    for place in (1, 20, 42):
        path = f"{start}/{token[:place]}{broken_by}{token[place:]}{stuck}"
        assert customer.client.get(path).status_code == 200, path


@pytest.mark.parametrize(
    "start", ["/Authenticate", "/AUTHENTICATE", "//authenticate", "//Authenticate/", "/authenticate//"]
)
def test_a_link_whose_path_is_written_in_another_way_opens_the_invitation(
    customer: Browser, link: str, start: str
) -> None:
    path = f"{start}/{urlsplit(link).path.rpartition('/')[2]}"
    for written in (path, start):
        assert customer.client.get("/", PATH_INFO=written).status_code == 200, written


@pytest.mark.parametrize("page", ["start", "existing", "forward", "security", "choose"])
def test_a_slash_behind_a_page_of_a_link_changes_nothing(customer: Browser, link: str, page: str) -> None:
    path = f"{urlsplit(link).path}/{page}"
    assert customer.client.get(f"{path}/").status_code == customer.client.get(path).status_code


@pytest.mark.parametrize("stuck", [".", ")", '"', "/.", "%20", "\u200b", ">."])
@pytest.mark.parametrize("page", ["start", "existing", "forward", "security", "choose"])
def test_something_stuck_to_a_page_of_a_link_opens_the_invitation(
    customer: Browser, link: str, page: str, stuck: str
) -> None:
    path = urlsplit(link).path
    answer = customer.client.get(f"{path}/{page}{stuck}")
    assert (answer.status_code, words(answer)) == (200, words(customer.client.get(path)))


@pytest.mark.parametrize(
    "below", ["/nothing", "/security-", "/start_x", "/security/x.", "/securityx", "/startx", "/start/x", "%2Fnothing"]
)
def test_an_unknown_page_below_a_link_stays_unknown(customer: Browser, link: str, below: str) -> None:
    assert customer.client.get(urlsplit(link).path + below).status_code == 404


@pytest.mark.parametrize("unit", ["_", "%25", "&quot", "=3D", "%0A", "=%0A", "A", "A_", "%253", "&a", "\u200b"])
def test_reading_a_long_link_takes_no_time(customer: Browser, unit: str) -> None:
    began = time.perf_counter()
    assert customer.client.get(f"/authenticate/{quote(unit * 490)}"[:515]).status_code == 404
    for written in (unit * 490, quote(unit) * 490):
        assert len(tokens.candidates_in(written[:500])) <= 8
    assert time.perf_counter() - began < 2


def test_no_part_of_a_link_but_the_whole_token_opens_it(customer: Browser, link: str) -> None:
    start, _, token = urlsplit(link).path.rpartition("/")
    for written in (f"x{token}", f"{token}x", f"{token[:42]}.{token[42:]}", f"{token[1:]}{token[0]}", f"_{token[1:]}"):
        assert customer.client.get(f"{start}/{written}.").status_code == 404, written


@pytest.mark.parametrize(
    "change",
    [lambda token: "A" * 43, lambda token: token[:42], lambda token: token + "x", lambda token: token.swapcase()],
)
@pytest.mark.parametrize("stuck", [".", ")", "%20", "/"])
def test_an_unknown_link_stays_unknown_with_something_stuck_to_it(
    customer: Browser, link: str, change: Callable[[str], str], stuck: str
) -> None:
    start, _, token = link.rpartition("/")
    answer = customer.client.get(f"{urlsplit(start).path}/{change(token)}{stuck}")
    assert answer.status_code == 404
    assert "unknown_link" in answer.content.decode()
