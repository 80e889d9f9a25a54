"""The index page."""

import requests

from sandbox.app import Sandbox


def test_the_front_page_links_to_every_part(sandbox: Sandbox, web: requests.Session) -> None:
    page = web.get(f"{sandbox.people_url}/", timeout=20).text
    for words in ("/mailbox/", "Contoso", "carla@contoso.example", sandbox.ump_url("finebak"), "contoso1"):
        assert words in page
    assert web.get(f"{sandbox.people_url}/nothing", timeout=20).status_code == 404


def test_names_are_escaped(sandbox: Sandbox, web: requests.Session) -> None:
    sandbox.world.add_tenant("<b>Litware</b>")
    page = web.get(f"{sandbox.people_url}/", timeout=20).text
    assert "&lt;b&gt;Litware" in page
    assert "<b>Litware" not in page
