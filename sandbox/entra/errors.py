"""Entra's error responses: one table of AADSTS codes.

https://learn.microsoft.com/entra/identity-platform/reference-error-codes
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

from sandbox.clock import Clock, as_text
from sandbox.model import JsonObject


@dataclass(frozen=True)
class ErrorDefinition:
    """The OAuth error, HTTP status and text of a code."""

    error: str
    text: str
    status: int = 400
    suberror: str | None = None


CODES: dict[int, ErrorDefinition] = {
    28000: ErrorDefinition(
        "invalid_request",
        "Provided value for the input parameter scope is not valid because it contains"
        " more than one resource. Scope {scope} is not valid.",
    ),
    50011: ErrorDefinition(
        "invalid_request",
        "The redirect URI '{redirect_uri}' specified in the request does not match the"
        " redirect URIs configured for the application '{app_id}'. Make sure the redirect URI sent in the"
        " request matches one added to your application in the Azure portal.",
    ),
    50057: ErrorDefinition("invalid_grant", "The user account is disabled."),
    50058: ErrorDefinition("login_required", "A silent sign-in request was sent but no user is signed in."),
    50076: ErrorDefinition(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you"
        " moved to a new location, you must use multi-factor authentication to access '{app_id}'.",
        suberror="basic_action",
    ),
    50079: ErrorDefinition(
        "interaction_required",
        "Due to a configuration change made by your administrator, or because you"
        " moved to a new location, you must enroll in multi-factor authentication to access '{app_id}'.",
        suberror="basic_action",
    ),
    50173: ErrorDefinition(
        "invalid_grant",
        "The provided grant has expired due to it being revoked, a fresh auth token is needed.",
        suberror="bad_token",
    ),
    50194: ErrorDefinition(
        "invalid_request",
        "Application '{app_id}'({name}) is not configured as a multi-tenant application."
        " Usage of the /common endpoint is not supported for such apps created after '10/15/2018'. Use a"
        " tenant-specific endpoint or configure the application to be multi-tenant.",
    ),
    53003: ErrorDefinition(
        "access_denied",
        "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.",
    ),
    53000: ErrorDefinition(
        "interaction_required",
        "Device is not in required device state: unknown. Conditional Access policy"
        " requires a compliant device, and the device is not compliant.",
        suberror="message_only",
    ),
    54005: ErrorDefinition(
        "invalid_grant",
        "OAuth2 Authorization code was already redeemed, please retry with a new valid code"
        " or use an existing refresh token.",
    ),
    65001: ErrorDefinition(
        "invalid_grant",
        "The user or administrator has not consented to use the application with ID"
        " '{app_id}' named '{name}'. Send an interactive authorization request for this user and resource.",
        suberror="consent_required",
    ),
    65004: ErrorDefinition("access_denied", "User declined to consent to access the app."),
    70000: ErrorDefinition("invalid_grant", "The provided value for the input parameter '{parameter}' is not valid."),
    70003: ErrorDefinition("unsupported_grant_type", "The app requested an unsupported grant type '{grant_type}'."),
    70008: ErrorDefinition(
        "invalid_grant",
        "The provided authorization code or refresh token has expired due to inactivity."
        " Send a new interactive authorization request for this user and resource.",
    ),
    70011: ErrorDefinition(
        "invalid_scope",
        "The provided request must include a 'scope' input parameter. The provided value for"
        " the input parameter 'scope' is not valid. The scope {scope} is not valid.",
    ),
    90002: ErrorDefinition(
        "invalid_request",
        "Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID"
        " and are signing into the correct cloud. Check with your subscription administrator, this may happen"
        " if there are no active subscriptions for the tenant.",
    ),
    90014: ErrorDefinition(
        "invalid_request",
        "The required field '{field}' is missing from the credential. Ensure that you have"
        " all the necessary parameters for the login request.",
    ),
    90023: ErrorDefinition("invalid_request", "The value of the parameter '{parameter}' is not supported."),
    90094: ErrorDefinition(
        "access_denied",
        "{name} needs permission to access resources in your organization that only an admin"
        " can grant. Please ask an admin to grant permission to this app before you can use it.",
    ),
    90095: ErrorDefinition(
        "access_denied",
        "{name} needs an administrator's approval. A request for it was sent.",
        suberror="consent_required",
    ),
    700051: ErrorDefinition(
        "unsupported_response_type", "response_type 'token' is not enabled for the application '{app_id}'."
    ),
    700054: ErrorDefinition(
        "unsupported_response_type", "response_type 'id_token' is not enabled for the application '{app_id}'."
    ),
    500011: ErrorDefinition(
        "invalid_resource",
        "The resource principal named {resource} was not found in the tenant named"
        " {tenant}. This can happen if the application has not been installed by the administrator of the"
        " tenant or consented to by any user in the tenant.",
    ),
    501481: ErrorDefinition(
        "invalid_grant", "The Code_Verifier does not match the code_challenge supplied in the authorization request."
    ),
    650053: ErrorDefinition(
        "invalid_scope",
        "The application '{name}' asked for scope '{scope}' that doesn't exist on the"
        " resource '{resource}'. Contact the app vendor.",
    ),
    700005: ErrorDefinition(
        "invalid_grant", "Provided Authorization Code is intended to use against other tenant, thus rejected."
    ),
    700016: ErrorDefinition(
        "unauthorized_client",
        "Application with identifier '{app_id}' was not found in the directory"
        " '{tenant}'. This can happen if the application has not been installed by the administrator of the"
        " tenant or consented to by any user in the tenant. You may have sent your authentication request to"
        " the wrong tenant.",
    ),
    7000112: ErrorDefinition("unauthorized_client", "Application '{app_id}'({name}) is disabled."),
    7000215: ErrorDefinition(
        "invalid_client",
        "Invalid client secret provided. Ensure the secret being sent in the request is"
        " the client secret value, not the client secret ID, for a secret added to app '{app_id}'.",
        401,
    ),
    7000218: ErrorDefinition(
        "invalid_client",
        "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        401,
    ),
    7000222: ErrorDefinition(
        "invalid_client",
        "The provided client secret keys for app '{app_id}' are expired. Visit the Azure"
        " portal to create new keys for your app, or consider using certificate credentials for added"
        " security.",
        401,
    ),
    7000229: ErrorDefinition(
        "invalid_client",
        "The client application '{app_id}' is missing service principal in the tenant"
        " '{tenant}'. See instructions here: https://go.microsoft.com/fwlink/?linkid=2225119",
        401,
    ),
}


class EntraError(Exception):
    """An error with an AADSTS code."""

    def __init__(self, code: int, **values: str) -> None:
        self.code = code
        self.definition = CODES[code]
        self.text = f"AADSTS{code}: {self.definition.text.format(**values)}"
        self.trace_id, self.correlation_id = str(uuid4()), str(uuid4())
        super().__init__(self.text)

    def description(self, clock: Clock) -> str:
        """The text with trace ID, correlation ID and timestamp, in Entra's format."""
        at = as_text(clock.now()).replace("T", " ")
        return f"{self.text} Trace ID: {self.trace_id} Correlation ID: {self.correlation_id} Timestamp: {at}"

    def body(self, clock: Clock) -> JsonObject:
        body = {
            "error": self.definition.error,
            "error_description": self.description(clock),
            "error_codes": [self.code],
            "timestamp": as_text(clock.now()).replace("T", " "),
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            "error_uri": f"https://login.microsoftonline.com/error?code={self.code}",
        }
        if self.definition.suberror:
            body["suberror"] = self.definition.suberror
        return body
