"""A customer's browser for tests: forms and links of our pages, and the sandbox's Microsoft pages."""

from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

import requests
from django.test import Client

from sandbox.app import Sandbox

SIGN_IN_COOKIE = "__Host-signin"


@dataclass
class Form:
    """A form: its action, its fields, and its buttons as (name, value)."""

    action: str
    method: str
    fields: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self.links: list[dict[str, str]] = []
        self.tags: list[tuple[str, dict[str, str]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.tags.append((tag, values))
        if tag == "form":
            self.forms.append(Form(values.get("action", ""), values.get("method", "get")))
        elif tag == "a":
            self.links.append(values)
        elif tag == "input" and self.forms and (values.get("type") not in {"checkbox", "radio"} or "checked" in values):
            self.forms[-1].fields[values.get("name", "")] = values.get("value", "")
        elif tag == "button" and self.forms and values.get("name"):
            self.forms[-1].buttons.append((values["name"], values.get("value", "")))


def read(html: str) -> _Reader:
    """The forms, links and tags of a page."""
    reader = _Reader()
    reader.feed(html)
    return reader


def microsoft_address(page: Any) -> str:
    """Where the button to Microsoft leads."""
    return next(link["href"] for link in read(page.content.decode()).links if link.get("class") == "microsoft")


@dataclass
class Browser:
    """One browser on an instance's host. It reaches Microsoft's pages over real HTTP, ours through Django's client."""

    sandbox: Sandbox
    host: str
    client: Client = field(init=False)

    def __post_init__(self) -> None:
        self.client = Client(enforce_csrf_checks=True, headers={"host": self.host})

    def open(self, path: str, **extra: Any) -> Any:
        """GET a page."""
        return self.client.get(path, **extra)

    def press(self, page: Any, **fields: str) -> Any:
        """Send the page's form with its button."""
        form = read(page.content.decode()).forms[0]
        answer = self.client.post(form.action, {**form.fields, **fields}, headers={"origin": f"http://{self.host}"})
        leads_to_sign_in = answer.status_code == 303 and "/sign-in/" in answer.headers["location"]
        return self.open(answer.headers["location"]) if leads_to_sign_in else answer

    def choose(self, link: str) -> Any:
        """Open the link and press Start: the page with the methods, or the landing page if the setup has started."""
        page = self.open(urlsplit(link).path)
        forms = read(page.content.decode()).forms
        return self.open(forms[0].action) if forms and forms[0].method == "get" else page

    def start(self, link: str, way: str = "new") -> Any:
        """Open the link, press Start and choose a method: the page that leads to Microsoft, or the error page."""
        page = self.choose(link)
        return self.press(page, way=way) if read(page.content.decode()).forms else page

    def visit_microsoft(self, page: Any, person: str, consent: str = "accept", mfa: str = "finish") -> dict[str, str]:
        """Follow the button, pick the person and answer the questions: what Microsoft's page would post back."""
        way = microsoft_address(page)
        session = requests.Session()
        session.trust_env = False
        answer = session.get(way, timeout=10)
        chosen = {"user": self._person_id(person)}
        for _ in range(5):
            forms = read(answer.text).forms
            assert forms, answer.text
            form = forms[0]
            names = {name for name, _ in form.buttons}
            if "state" in form.fields:
                assert urlsplit(form.action).path == "/authenticate/OAuth2Callback"
                return form.fields
            wanted = {"consent": consent, "mfa": mfa, "done": "yes"}
            data = {**form.fields, **chosen, **{name: wanted[name] for name in names if name in wanted}}
            answer = session.post(urljoin(answer.url, form.action), data=data, timeout=10)
        raise AssertionError("Microsoft's pages lead nowhere.")

    def come_back(self, answer: dict[str, str], **extra: Any) -> Any:
        """Post Microsoft's answer to the callback, as from another site, so without Lax cookies."""
        kept = self.client.cookies.copy()
        for name in list(self.client.cookies):
            if name != SIGN_IN_COOKIE:
                del self.client.cookies[name]
        response = self.client.post(
            "/authenticate/OAuth2Callback", answer, headers={"origin": self.sandbox.people_url}, **extra
        )
        for name, morsel in kept.items():
            if name not in self.client.cookies:
                self.client.cookies[name] = morsel.value
        return response

    def sign_in(self, page: Any, person: str, **answers: str) -> Any:
        """From the page with Microsoft's button to the callback's response."""
        return self.come_back(self.visit_microsoft(page, person, **answers))

    def identify(self, link: str, person: str = "carla@contoso.example") -> Any:
        """The first sign-in, starting at the link; returns the registration page on success."""
        answer = self.sign_in(self.start(link), person)
        assert answer.status_code == 303, answer.content.decode()
        return self.open(answer.headers["location"])

    def authorise(self, page: Any, person: str = "carla@contoso.example", name: str = "Contoso-sync") -> Any:
        """Name the registration and do the second sign-in: the callback's response."""
        return self.sign_in(self.press(page, name=name), person)

    def _person_id(self, upn: str) -> str:
        for tenant in self.sandbox.world.state.tenants.values():
            for user in tenant.users.values():
                if user.upn == upn:
                    return user.id
        raise LookupError(upn)
