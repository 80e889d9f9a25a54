"""The layout of the sandbox's pages."""

import re

from sandbox import pages


def test_text_is_escaped() -> None:
    wrong = '"><script>alert(1)</script>'
    assert "<script>" not in pages.page(wrong, pages.paragraph(wrong) + pages.hidden(wrong, wrong)).get_data(
        as_text=True
    )


def test_every_page_says_that_it_is_a_sandbox() -> None:
    assert "not Microsoft" in pages.page("Sign in", "").get_data(as_text=True)


def test_only_the_pages_own_script_may_run() -> None:
    answers = [pages.page("A page", "", script="let a = 1") for _ in range(2)]
    nonces = [re.findall(r'<script nonce="([^"]+)">', answer.get_data(as_text=True))[0] for answer in answers]
    assert nonces[0] != nonces[1]
    for nonce, answer in zip(nonces, answers, strict=True):
        policy = answer.headers["Content-Security-Policy"]
        assert f"script-src 'nonce-{nonce}';" in policy
        assert "frame-ancestors 'none'" in policy
