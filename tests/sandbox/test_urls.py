"""The sandbox's addresses."""

from sandbox.urls import Urls


def test_umps_are_below_the_api_and_the_mailbox_below_the_pages() -> None:
    urls = Urls("https://localhost:1", "http://localhost:2")
    assert urls.ump("finebak") == "https://localhost:1/ump/finebak/tenantui"
    assert urls.mailbox == "http://localhost:2/mailbox/"
