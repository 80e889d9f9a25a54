"""The customer's administrator with a browser without JavaScript: forms, links, redirects, cookies by host."""

import http.client
import re
import time
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin, urlsplit

from tests.stack.stack import Stack

REDIRECTS = {301, 302, 303, 307, 308}
PATIENCE_SECONDS = 75.0


@dataclass
class Form:
    """A form with the fields that would be sent, and its buttons."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    buttons: dict[tuple[str, str], str] = field(default_factory=dict)  # name and value: what it says


class Page(HTMLParser):
    """What a person sees of a page, as far as the walk needs it."""

    def __init__(self, url: str, status: int, html: str) -> None:
        super().__init__()
        self.url, self.status, self.html = url, status, html
        self.forms: list[Form] = []
        self.links: list[str] = []
        self._button: tuple[str, str] | None = None
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect forms, their fields, and links."""
        has = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append(Form(urljoin(self.url, has.get("action", "")), has.get("method", "get").lower()))
        elif tag == "a" and "href" in has:
            self.links.append(urljoin(self.url, has["href"]))
        elif self.forms and has.get("name"):
            pair = (has["name"], has.get("value", ""))
            if tag == "button" or has.get("type") == "submit":
                self.forms[-1].buttons[pair] = ""
                self._button = pair
            elif tag == "input" and (has.get("type") not in {"radio", "checkbox"} or "checked" in has):
                self.forms[-1].fields.append(pair)

    def handle_data(self, data: str) -> None:
        """What a button says."""
        if self._button:
            self.forms[-1].buttons[self._button] += data

    def handle_endtag(self, tag: str) -> None:
        """A button says no more."""
        if tag == "button":
            self._button = None

    @property
    def heading(self) -> str:
        """The main heading."""
        found = re.search(r"<h1[^>]*>(.*?)</h1>", self.html, re.DOTALL)
        return found[1].strip() if found else ""


class Browser:
    """Opens pages on this machine, whatever their host under .localhost."""

    def __init__(self) -> None:
        self.cookies: dict[str, dict[str, str]] = {}

    def open(self, url: str, method: str = "get", body: str = "") -> Page:
        """Open a page and follow redirects, as browsers do: a POST becomes a GET."""
        for _ in range(10):
            status, headers, html = self._send(url, method, body)
            if status not in REDIRECTS:
                return Page(url, status, html)
            url, method, body = urljoin(url, headers["Location"]), "get", ""
        raise AssertionError(f"Too many redirects, the last one to {url}")

    def submit(self, form: Form, *more: tuple[str, str]) -> Page:
        """Send a form with its fields, those given taking their places."""
        given = dict(more)
        fields = [(name, value) for name, value in form.fields if name not in given] + list(more)
        if form.method == "get":
            return self.open(f"{form.action}?{urlencode(fields)}")
        return self.open(form.action, "post", urlencode(fields))

    def _send(self, url: str, method: str, body: str) -> tuple[int, http.client.HTTPMessage, str]:
        parts = urlsplit(url)
        assert parts.scheme == "http"
        jar = self.cookies.setdefault(parts.netloc, {})
        headers = {"Host": parts.netloc, "Cookie": "; ".join(f"{name}={value}" for name, value in jar.items())}
        if method == "post":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        connection = http.client.HTTPConnection("127.0.0.1", parts.port or 80, timeout=30)
        try:
            connection.request(
                method.upper(), f"{parts.path}?{parts.query}" if parts.query else parts.path, body, headers
            )
            answer = connection.getresponse()
            for cookie in answer.headers.get_all("Set-Cookie") or []:
                name, _, value = cookie.partition(";")[0].partition("=")
                jar[name] = value
            return answer.status, answer.headers, answer.read().decode()
        finally:
            connection.close()


class Visit:
    """Carla's way from the mail to the end page."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self.browser = stack, Browser()
        self.carla = stack.seed["customer"]["admin_upn"]

    def connect(self) -> Page:
        """Walk the whole way; the end page."""
        landing = self.browser.open(self.stack.seeding.memory["link"])
        assert landing.status == 200
        departure = self.browser.submit(landing.forms[0])
        registration = self.sign_in(departure)
        assert registration.heading == "Name the registration, and allow the setup"
        progress = self.sign_in(self.browser.submit(registration.forms[0]))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not progress.heading.endswith("is connected"):
            assert time.monotonic() < deadline, f"Still at: {progress.heading}\n{progress.html}"
            time.sleep(1)
            progress = self.browser.open(progress.url)
        return progress

    def sign_in(self, departure: Page) -> Page:
        """Follow the Microsoft button, pick Carla, consent, and go back to the portal by the posted form."""
        [microsoft] = [link for link in departure.links if "/oauth2/v2.0/authorize" in link]
        page = self.browser.open(microsoft)
        for _ in range(4):
            form = page.forms[0]
            if urlsplit(form.action).netloc == urlsplit(departure.url).netloc:
                return self.browser.submit(form)
            page = self.browser.submit(form, self._choice(form))
        raise AssertionError(f"The sandbox's sign-in does not end: {page.heading}")

    def _choice(self, form: Form) -> tuple[str, str]:
        wanted = [button for button, says in form.buttons.items() if says == "Accept" or self.carla in says]
        return wanted[0]
