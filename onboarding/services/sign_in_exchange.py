"""What a sign-in exchanges with Microsoft: the request, the authorization code, the verified identity.

A callback reads and decrypts the sync app's secret once: `redeem` returns everything that `verify` needs.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

from django.utils import timezone

from onboarding import identity, requirements
from onboarding.errors import RefusedError
from onboarding.identity import Identity
from onboarding.models import ConnectionMethod, Invitation, SignIn
from onboarding.services import redemption, sign_in_errors
from registrations import connections
from registrations.clients.entra import EntraRefusedError, SignInAnswer
from registrations.errors import NotYetError
from registrations.models import ClientSecret, UmpInstance

IDENTIFY_AUTHORITY = "organizations"  # never "common": it would let personal accounts in
# A role that was just activated: https://learn.microsoft.com/graph/aad-advanced-queries (the index is eventually consistent)
ROLE_INDEX_PAUSE = timedelta(seconds=3)


@dataclass(frozen=True)
class SyncApp:
    """The instance's own application, through which customers sign in."""

    app_id: str
    client_secret: str = field(repr=False)
    is_new: bool = False  # Microsoft may not have copied it, or its secret, to every server yet


@dataclass(frozen=True)
class RedeemedCode:
    """The tokens that an authorization code brought, and the app and authority they were issued by."""

    tokens: SignInAnswer = field(repr=False)
    app_id: str
    authority: str
    answer: dict[str, str] = field(repr=False)  # what Microsoft's page posted; errors name its correlation ID
    method: str
    patience: redemption.Patience = field(repr=False)  # what redeeming has left of this request's


def begin(
    invitation: Invitation, purpose: SignIn.Purpose, method: str, *, other_account: bool = False
) -> dict[str, object]:
    """MSAL's flow for a new sign-in: Microsoft's address, state, nonce and PKCE verifier.

    With `other_account` Microsoft suggests no account: the person chooses one.

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
            login_hint=None if other_account else account_for(invitation, purpose),
            same_account=purpose == SignIn.Purpose.AUTHORISE and not other_account,
            keeps=keeps_token(purpose, method),
        )
    except NotYetError as error:
        raise sign_in_errors.busy(error) from error
    except EntraRefusedError as error:
        raise sign_in_errors.refusal_of(error, method) from error


def redeem(sign_in: SignIn, answer: dict[str, str]) -> RedeemedCode:
    """Redeem the authorization code in Microsoft's answer. Raises RefusedError if there is none, or it is refused.

    Raises RedeemLaterError where Microsoft will accept the same answer in a moment.
    """
    app = sync_app(sign_in.invitation.service.instance)
    authority = authority_of(sign_in.invitation, sign_in.purpose)
    keeps = keeps_token(sign_in.purpose, sign_in.way)
    patience = redemption.Patience()
    with sign_in_errors.as_refusals(answer, sign_in.way):
        tokens = redemption.patiently(
            lambda: connections.entra().finish_sign_in(
                authority=authority,
                app_id=app.app_id,
                client_secret=app.client_secret,
                flow=flow_of(sign_in),
                answer=answer,
                scopes=graph_scopes_of(sign_in.purpose, sign_in.way) if keeps else None,
                keeps=keeps,
            ),
            patience=patience,
            answer=answer,
            app_is_new=app.is_new,
        )
    return RedeemedCode(tokens, app.app_id, authority, answer, sign_in.way, patience)


def verify(redeemed: RedeemedCode) -> Identity:
    """The person whom the verified id_token names. Raises RefusedError if it cannot be verified."""
    with sign_in_errors.as_refusals(redeemed.answer, redeemed.method):
        # The code is used up: a busy answer to the question for Microsoft's keys must not end the sign-in.
        claims = redemption.wait_out(
            lambda: connections.entra().verify_id_token(
                redeemed.tokens.id_token, app_id=redeemed.app_id, authority=redeemed.authority
            ),
            redeemed.patience,
        )
        return identity.parse(claims)


def directory_roles(redeemed: RedeemedCode, *, enough: Callable[[frozenset[str]], bool]) -> frozenset[str]:
    """The template IDs of the person's active directory roles. Raises RefusedError if Graph refuses or is down.

    Graph's index may lag: where the roles are not `enough`, it is asked once more, after `ROLE_INDEX_PAUSE` if this request
    may still wait, and at once otherwise.
    """
    graph = connections.graph_as_person(redeemed.tokens.access_token)
    with sign_in_errors.as_refusals(redeemed.answer, redeemed.method):
        roles = redemption.wait_out(graph.my_directory_roles, redeemed.patience)
        if enough(roles):
            return roles
        redeemed.patience.wait(ROLE_INDEX_PAUSE)
        return roles | redemption.wait_out(graph.my_directory_roles, redeemed.patience)


def flow_of(sign_in: SignIn) -> dict[str, object]:
    """What MSAL needs to redeem the answer (PKCE verifier, nonce, state)."""
    flow: dict[str, object] = json.loads(sign_in.unseal("flow_envelope"))
    return flow


def account_suggested_by(sign_in: SignIn) -> str:
    """The account that this open sign-in suggests to Microsoft, "" for none."""
    query = parse_qs(urlsplit(str(flow_of(sign_in)["auth_uri"])).query)
    return query.get("login_hint", [""])[0]


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
    is_new = secret.stored_at is not None and timezone.now() - secret.stored_at < redemption.NEW_FOR
    return SyncApp(secret.registration.app_id, value, is_new)


def account_for(invitation: Invitation, purpose: str) -> str:
    """The account that a sign-in suggests to Microsoft: of the second one, that of the person who did the first."""
    if purpose == SignIn.Purpose.AUTHORISE:
        return invitation.connection.admin_username
    return invitation.m365_admin_email
