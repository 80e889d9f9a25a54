"""Clients of the sandbox for its tests: REST clients with tokens, and browsers."""

import html
import re
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import requests

from sandbox import directory
from sandbox.app import Sandbox
from sandbox.model import Application

GRAPH_SCOPE = "https://graph.microsoft.com/.default"
FINEBAK = "finebak.localhost"
GRAPH_ID = "00000003-0000-0000-c000-000000000000"
TEAMS_ID = "48ac35b8-9aa8-4d74-927d-1f4a14a0b239"
CALLBACK = "https://umptoken.finebak.com/authenticate/OAuth2Callback"
PROVISIONING = "Application.ReadWrite.All AppRoleAssignment.ReadWrite.All RoleManagement.ReadWrite.Directory"
SYNC_APP = {
    "displayName": "Sync App",
    "signInAudience": "AzureADMultipleOrgs",
    "isFallbackPublicClient": True,
    "web": {
        "redirectUris": [CALLBACK],
        "implicitGrantSettings": {"enableAccessTokenIssuance": True, "enableIdTokenIssuance": True},
    },
    "servicePrincipalLockConfiguration": {"isEnabled": True, "allProperties": True},
}


def session(sandbox: Sandbox) -> requests.Session:
    made = requests.Session()
    made.trust_env = False
    made.verify = str(sandbox.ca_bundle)
    return made


@dataclass
class Rest:
    """A client of the API below `base` that sends one token."""

    web: requests.Session
    base: str
    token: str

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> requests.Response:
        """Call the API. `_` in the name of a header becomes `-`."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        sent["Authorization"] = f"Bearer {self.token}"
        return self.web.request(method, f"{self.base}{path}", json=body, headers=sent, timeout=20)

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> requests.Response:
        return self.call("POST", path, {} if body is None else body, **headers)

    def patch(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.call("PATCH", path, body, **headers)

    def put(self, path: str, body: Any, **headers: str) -> requests.Response:
        return self.call("PUT", path, body, **headers)

    def delete(self, path: str) -> requests.Response:
        return self.call("DELETE", path)

    def upsert(self, unique_name: str, **properties: Any) -> requests.Response:
        return self.patch(
            f"/applications(uniqueName='{unique_name}')", {**SYNC_APP, **properties}, Prefer="create-if-missing"
        )

    def new_application(self, unique_name: str = "sync-app", **properties: Any) -> dict[str, Any]:
        answer = self.upsert(unique_name, **properties)
        assert answer.status_code == 201, answer.text
        return dict(answer.json())


def token_answer(sandbox: Sandbox, tenant: str, **form: str) -> requests.Response:
    url = f"{sandbox.entra_url}/{tenant}/oauth2/v2.0/token"
    return session(sandbox).post(url, data=form, timeout=20)


def client_credentials(
    sandbox: Sandbox, tenant: str, client_id: str, secret: str, scope: str = GRAPH_SCOPE
) -> requests.Response:
    return token_answer(
        sandbox, tenant, grant_type="client_credentials", client_id=client_id, client_secret=secret, scope=scope
    )


def app_only(sandbox: Sandbox, tenant: str, client_id: str, secret: str) -> Rest:
    answer = client_credentials(sandbox, tenant, client_id, secret)
    assert answer.status_code == 200, answer.text
    return Rest(session(sandbox), f"{sandbox.graph_url}/v1.0", answer.json()["access_token"])


def ump_api(sandbox: Sandbox) -> Rest:
    seed = sandbox.seed.ump
    answer = client_credentials(sandbox, seed.tenant_id, seed.client_id, seed.client_secret, seed.scope)
    assert answer.status_code == 200, answer.text
    return Rest(session(sandbox), seed.url, answer.json()["access_token"])


def make_app_with(sandbox: Sandbox, tenant_name: str, *permissions: str, **properties: Any) -> tuple[Application, str]:
    """An application with a secret and granted application permissions in its own tenant."""
    tenant = sandbox.world.tenant(tenant_name)
    application = sandbox.world.add_application(tenant, "Test client", **properties)
    sandbox.world.grant_application_permissions(tenant, application.app_id, list(permissions))
    return application, sandbox.world.add_secret(application).secret


def make_sign_in_app(sandbox: Sandbox, **properties: Any) -> tuple[Application, str]:
    """A multitenant application of the provider that people can sign in to."""
    values = {"signInAudience": "AzureADMultipleOrgs", "web": {"redirectUris": [CALLBACK]}, **properties}
    application = sandbox.world.add_application(sandbox.world.tenant("Finebak"), "Finebak sign-in", **values)
    return application, sandbox.world.add_secret(application).secret


def authorize_url(sandbox: Sandbox, client_id: str, tenant: str = "organizations", **changes: str) -> str:
    """The URL of a sign-in. A parameter that is set to an empty string is left out."""
    values = {
        "client_id": client_id,
        "response_type": "code",
        "redirect_uri": CALLBACK,
        "scope": "openid profile User.Read",
        "state": "state-1",
        **changes,
    }
    query = urlencode({name: value for name, value in values.items() if value})
    return f"{sandbox.people_url}/{tenant}/oauth2/v2.0/authorize?{query}"


class Browser:
    """A person's browser. It does not follow redirects, so that tests can read what the client would receive."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._web = session(sandbox)

    def open(self, url: str) -> requests.Response:
        return self._web.get(url, allow_redirects=False, timeout=20)

    def submit(self, url: str, upn: str, **buttons: str) -> requests.Response:
        """Submit the form of a page, as the person with this user principal name."""
        tenants = self._sandbox.world.state.tenants.values()
        user = next(u for tenant in tenants for u in tenant.users.values() if u.upn == upn)
        return self._web.post(url, data={"user": user.id, **buttons}, allow_redirects=False, timeout=20)


def returned(answer: requests.Response) -> dict[str, str]:
    """The parameters that the client receives, from the redirect or from the form that posts itself."""
    if answer.status_code == 302:
        where = urlsplit(answer.headers["Location"])
        return dict(parse_qsl(where.query or where.fragment))
    assert 'id="back"' in answer.text, answer.text
    fields = re.findall(r'<input type="hidden" name="([^"]*)" value="([^"]*)">', answer.text)
    return {name: html.unescape(value) for name, value in fields}


def delegated(sandbox: Sandbox, upn: str, scopes: str) -> Rest:
    """Graph on behalf of a person. The scopes are granted for the whole tenant first, so no one has to consent."""
    application, secret = make_sign_in_app(sandbox)
    tenant = next(t for t in sandbox.world.state.tenants.values() if any(u.upn == upn for u in t.users.values()))
    _consent(sandbox, tenant.name, application.app_id, scopes)
    url = authorize_url(sandbox, application.app_id, tenant.id, scope=scopes)
    answer = Browser(sandbox).submit(url, upn)
    return redeem(sandbox, tenant.id, application, secret, returned(answer)["code"], scopes)


def _consent(sandbox: Sandbox, tenant_name: str, app_id: str, scopes: str) -> None:
    tenant = sandbox.world.tenant(tenant_name)
    client = directory.ensure_service_principal(tenant, app_id, 0.0)
    target = directory.ensure_service_principal(tenant, GRAPH_ID, 0.0)
    directory.consent(tenant, client, target, scopes.split(), None)


def redeem(sandbox: Sandbox, tenant: str, application: Application, secret: str, code: str, scopes: str) -> Rest:
    answer = token_answer(
        sandbox,
        tenant,
        grant_type="authorization_code",
        client_id=application.app_id,
        client_secret=secret,
        code=code,
        redirect_uri=CALLBACK,
        scope=scopes,
    )
    assert answer.status_code == 200, answer.text
    return Rest(session(sandbox), f"{sandbox.graph_url}/v1.0", answer.json()["access_token"])


def graph_error(answer: requests.Response, status: int, code: str, words: str = "") -> dict[str, Any]:
    """The error of the answer. Fails unless it has this status and code, and its message contains `words`."""
    assert answer.status_code == status, answer.text
    error = dict(answer.json()["error"])
    assert error["code"] == code, error
    assert words in error["message"], error
    return error


def entra_error(answer: requests.Response, code: int, error: str, status: int = 400) -> dict[str, Any]:
    """The body of the answer. Fails unless it is this AADSTS code, error and status."""
    assert answer.status_code == status, answer.text
    body = dict(answer.json())
    assert body["error_codes"] == [code], body
    assert body["error"] == error, body
    assert body["error_description"].startswith(f"AADSTS{code}: "), body
    return body


def mail(subject: str = "Connect Contoso", html: str | None = None) -> EmailMessage:
    """An invitation as plain text, and as HTML if given."""
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = subject, "portal@finebak.example", "it@contoso.example"
    message.set_content("Open https://umptoken.finebak.com/authenticate/abc.\n.a line with a dot\n")
    if html:
        message.add_alternative(html, subtype="html")
    return message


def ump_error(answer: requests.Response, status: int, code: str, words: str = "") -> None:
    """Fails unless the UMP refused with this status and code, and a message that contains `words`."""
    assert answer.status_code == status, answer.text
    error = answer.json()["error"]
    assert error["code"] == code
    assert words in error["message"]


def sign_in(sandbox: Sandbox, client_id: str, secret: str, upn: str = "carla@contoso.example") -> dict[str, str]:
    """The token answer after a person signed in and consented."""
    url = authorize_url(sandbox, client_id)
    code = returned(Browser(sandbox).submit(url, upn, consent="accept"))["code"]
    answer = token_answer(
        sandbox,
        "organizations",
        grant_type="authorization_code",
        client_id=client_id,
        client_secret=secret,
        code=code,
        redirect_uri=CALLBACK,
    )
    return dict(answer.json())


def request_token(sandbox: Sandbox, tenant: str = FINEBAK, **changes: str) -> requests.Response:
    """Request an app-only token with the portal's credential. `changes` replace fields of the form."""
    provider = sandbox.seed.provider
    form = {
        "grant_type": "client_credentials",
        "client_id": provider.client_id,
        "client_secret": provider.client_secret,
        "scope": GRAPH_SCOPE,
        **changes,
    }
    return token_answer(sandbox, tenant, **form)
