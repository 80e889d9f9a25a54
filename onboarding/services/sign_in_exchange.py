"""What a sign-in exchanges with Microsoft: the request, the authorization code, the verified identity.

A callback reads and decrypts the sync app's secret once: `redeem` returns everything that `verify` needs.
"""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from onboarding import identity, requirements
from onboarding.errors import RefusedError
from onboarding.explanations import explain
from onboarding.identity import Identity
from onboarding.models import ConnectionMethod, Invitation, SignIn
from registrations import connections
from registrations.clients.entra import EntraRefusedError, SignInAnswer
from registrations.errors import NotYetError, RemoteRejectedError
from registrations.models import ClientSecret, UmpInstance

IDENTIFY_AUTHORITY = "organizations"  # never "common": it would let personal accounts in
DECLINED = "AADSTS65004"
APPROVAL_NEEDED = frozenset({"AADSTS90094", "AADSTS90095"})  # the second: a request for approval was sent
CORRELATION_ID = re.compile(r"Correlation ID: ([0-9a-f-]{36})", re.IGNORECASE)


@dataclass(frozen=True)
class SyncApp:
    """The instance's own application, through which customers sign in."""

    app_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True)
class RedeemedCode:
    """The tokens that an authorization code brought, and the app and authority they were issued by."""

    tokens: SignInAnswer = field(repr=False)
    app_id: str
    authority: str
    answer: dict[str, str] = field(repr=False)  # what Microsoft's page posted; errors name its correlation ID


def begin(invitation: Invitation, purpose: SignIn.Purpose, method: str) -> dict[str, object]:
    """MSAL's flow for a new sign-in: Microsoft's address, state, nonce and PKCE verifier.

    Raises RefusedError if the instance has no working sync app, or Microsoft refuses or does not answer.
    """
    instance = invitation.service.instance
    app = sync_app(instance)
    try:
        return connections.entra().begin_sign_in(
            authority=authority_of(invitation, purpose),
            app_id=app.app_id,
            client_secret=app.client_secret,
            scopes=scopes_of(purpose, method),
            redirect_uri=instance.redirect_uri,
            login_hint=_login_hint(invitation, purpose),
            keeps=keeps_token(purpose, method),
        )
    except NotYetError as error:
        raise RefusedError("remote_unavailable", code=error.code) from error
    except EntraRefusedError as error:
        raise RefusedError("microsoft_error", explanation=explain(error.code), code=error.code) from error


def redeem(sign_in: SignIn, answer: dict[str, str]) -> RedeemedCode:
    """Redeem the authorization code in Microsoft's answer. Raises RefusedError if there is none, or it is refused."""
    app = sync_app(sign_in.invitation.service.instance)
    authority = authority_of(sign_in.invitation, sign_in.purpose)
    keeps = keeps_token(sign_in.purpose, sign_in.way)
    with _errors_as_refusals(answer):
        tokens = connections.entra().finish_sign_in(
            authority=authority,
            app_id=app.app_id,
            client_secret=app.client_secret,
            flow=flow_of(sign_in),
            answer=answer,
            scopes=graph_scopes_of(sign_in.purpose, sign_in.way) if keeps else None,
            keeps=keeps,
        )
    return RedeemedCode(tokens, app.app_id, authority, answer)


def verify(redeemed: RedeemedCode) -> Identity:
    """The person whom the verified id_token names. Raises RefusedError if it cannot be verified."""
    with _errors_as_refusals(redeemed.answer):
        claims = connections.entra().verify_id_token(
            redeemed.tokens.id_token, app_id=redeemed.app_id, authority=redeemed.authority
        )
        return identity.parse(claims)


def directory_roles(redeemed: RedeemedCode) -> frozenset[str]:
    """The template IDs of the person's active directory roles. Raises RefusedError if Graph refuses or is down."""
    with _errors_as_refusals(redeemed.answer):
        return connections.graph_as_person(redeemed.tokens.access_token).my_directory_roles()


def flow_of(sign_in: SignIn) -> dict[str, object]:
    """What MSAL needs to redeem the answer (PKCE verifier, nonce, state)."""
    flow: dict[str, object] = json.loads(sign_in.unseal("flow_envelope"))
    return flow


def authority_of(invitation: Invitation, purpose: str) -> str:
    """The authority to sign in at: any organisation to identify the person, then the invited tenant only."""
    return IDENTIFY_AUTHORITY if purpose == SignIn.Purpose.IDENTIFY else invitation.tenant_id


def scopes_of(purpose: str, method: str) -> list[str]:
    """The delegated permissions that Microsoft asks for; a delegated token's belong to two APIs."""
    if purpose == SignIn.Purpose.IDENTIFY:
        return list(requirements.SCOPES_IDENTIFY)
    if method == ConnectionMethod.TOKEN:
        return [*requirements.SCOPES_TOKEN, requirements.TEAMS_USER_SCOPE]
    return list(requirements.SCOPES_AUTHORISE)


def graph_scopes_of(purpose: str, method: str) -> list[str]:
    """The scopes for which the code is redeemed: a code brings a token for one API."""
    return [scope for scope in scopes_of(purpose, method) if scope != requirements.TEAMS_USER_SCOPE]


def keeps_token(purpose: str, method: str) -> bool:
    """Whether the refresh token of this sign-in is stored."""
    return purpose == SignIn.Purpose.AUTHORISE and method == ConnectionMethod.TOKEN


def sync_app(instance: UmpInstance) -> SyncApp:
    """The sync app of an active instance with its secret. Raises RefusedError if none works."""
    secret = ClientSecret.objects.of_sync_app(instance)
    value = secret.unseal("envelope") if secret else ""
    if secret is None or not value:
        raise RefusedError("instance_not_active")
    return SyncApp(secret.registration.app_id, value)


def _login_hint(invitation: Invitation, purpose: str) -> str:
    if purpose == SignIn.Purpose.AUTHORISE:
        return invitation.connection.admin_username
    return invitation.m365_admin_email


@contextmanager
def _errors_as_refusals(answer: dict[str, str]) -> Iterator[None]:
    """Turn Microsoft's errors into RefusedError; Microsoft's own texts are never shown."""
    found = CORRELATION_ID.search(answer.get("error_description", ""))
    correlation_id = found[1] if found else ""
    try:
        yield
    except EntraRefusedError as error:
        correlation_id = error.correlation_id or correlation_id
        if error.code in APPROVAL_NEEDED:
            raise RefusedError("approval_needed", code=error.code, correlation_id=correlation_id) from error
        declined = error.code == DECLINED or (error.code == error.error == "access_denied")
        if declined:
            raise RefusedError("consent_declined", code=error.code, correlation_id=correlation_id) from error
        raise RefusedError(
            "microsoft_error", explanation=explain(error.code), code=error.code, correlation_id=correlation_id
        ) from error
    except NotYetError as error:
        raise RefusedError("remote_unavailable", code=error.code, correlation_id=correlation_id) from error
    except RemoteRejectedError as error:
        raise RefusedError(
            "microsoft_error", explanation=explain(error.code), code=error.code, correlation_id=error.request_id
        ) from error
