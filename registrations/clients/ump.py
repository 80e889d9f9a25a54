"""A UMP-365 below its base URL: AudioCodes' published API, and SyncPortal's own contract (docs/ump-contract.openapi.yaml)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import requests

from registrations.clients.answer_values import UNREADABLE, AnswerValues
from registrations.clients.http import RemoteSession, answer_of, exchange, json_of
from registrations.clients.refusal_words import words_in
from registrations.errors import (
    NotFoundError,
    NotYetError,
    RemoteRejectedError,
    UnexplainedNotFoundError,
    UnexplainedRefusalError,
)
from registrations.service_words import quoted

SERVICE = "The UMP"
PORTAL = "/api/portal/v1"
VALUES = AnswerValues(SERVICE, UnexplainedRefusalError, UNREADABLE)
SECRETS = {"clientSecret", "applicationClientSecret", "refreshToken"}


@dataclass(frozen=True)
class SystemSettings:
    """The UMP's System Settings: it never returns the secret, only its first three characters."""

    client_id: str
    secret_hint: str
    redirect_uri: str
    portal_url: str
    version: str
    etag: str


@dataclass(frozen=True)
class Validation:
    """The outcome of the UMP's own attempt; `error` is its plain text."""

    valid: bool
    error: str


@dataclass(frozen=True)
class UmpCustomer:
    """A service as the UMP knows it."""

    guid: str
    short_name: str
    tenant_id: str


@dataclass(frozen=True)
class UmpConnection:
    """How a service is connected to its customer's Microsoft 365, as the UMP tells it."""

    method: str
    tenant_id: str
    username: str


@dataclass(frozen=True)
class Task:
    """A job of the UMP."""

    status: str
    messages: list[str] = field(default_factory=list)


class UmpClient:
    """One UMP instance, with a token for its API."""

    def __init__(self, session: RemoteSession, base_url: str, token: Callable[[], str]) -> None:
        self._session = session
        self._base = base_url.rstrip("/")
        self._token = token

    def read_settings(self) -> SystemSettings:
        """The values of System Settings now. Raises NotFoundError if this UMP does not offer the contract."""
        response = self._answer("GET", "/api/portal/v1/system-settings")
        return _settings(json_of(response, SERVICE), response.headers.get("ETag", ""))

    def apply_sync_app(self, *, client_id: str, client_secret: str, redirect_uri: str, etag: str) -> SystemSettings:
        """The first save group. Raises NotYetError if somebody changed the values since they were read."""
        body = {"clientId": client_id, "clientSecret": client_secret, "redirectUri": redirect_uri}
        return self._save("/api/portal/v1/system-settings/sync-app", body, etag)

    def apply_portal_url(self, portal_url: str, *, etag: str) -> SystemSettings:
        """The second save group. Raises NotYetError if somebody changed the values since they were read."""
        body = {"customerAuthenticationPortalUrl": portal_url}
        return self._save("/api/portal/v1/system-settings/authentication-portal", body, etag)

    def validate_sync_app(self) -> Validation:
        """Let the UMP obtain a token with the values it holds."""
        return self._validate("/api/portal/v1/system-settings/sync-app/validate")

    def validate_portal_url(self) -> Validation:
        """Let the UMP open the portal URL it holds."""
        return self._validate("/api/portal/v1/system-settings/authentication-portal/validate")

    def validate_connection(self, guid: str) -> Validation:
        """The "Validate Authentication" button of the service's Microsoft 365 Settings."""
        return self._validate(f"/api/portal/v1/customers/{guid}/connection/validate")

    def apply_token(self, guid: str, *, tenant_id: str, username: str, refresh_token: str) -> UmpConnection:
        """Hand a delegated token over to a service. Raises NotFoundError if this UMP does not offer the contract."""
        body = {"method": "delegated_token", "tenantId": tenant_id, "username": username, "refreshToken": refresh_token}
        return _connection(json_of(self._answer("PUT", f"{PORTAL}/customers/{guid}/connection", json=body), SERVICE))

    # https://techdocs.audiocodes.com: "Get Services Brief Details (V3)"
    def find_customer(self, short_name: str) -> UmpCustomer | None:
        """The service with that short name, or None where it was not created in the UMP yet."""
        found = VALUES.entries(json_of(self._answer("GET", "/api/v3/customer"), SERVICE), "value")
        same = [each for each in found if VALUES.present(each, "CustomerShortName").lower() == short_name.lower()]
        return _customer(same[0]) if same else None

    # https://techdocs.audiocodes.com: "Upgrade or Downgrade Service License"
    def connect_customer(self, guid: str, *, client_id: str, client_secret: str) -> str:
        """Hand the registration over to a service; the id of the job that the UMP starts."""
        body = {"applicationClientId": client_id, "applicationClientSecret": client_secret}
        answer = json_of(self._answer("PATCH", f"/api/v3/customer/{guid}", json=body), SERVICE)
        return VALUES.text(answer, "jobId")

    # https://techdocs.audiocodes.com: "Get Task"
    def read_task(self, task_id: str) -> Task:
        """How far a job is: "In Progress", "CompletedSuccess" or "Failed". Raises NotFoundError for a forgotten job."""
        body = json_of(self._answer("GET", f"/api/v2/task/{task_id}"), SERVICE)
        messages = [VALUES.optional(entry, "message") for entry in VALUES.optional_entries(body, "executionMessages")]
        return Task(VALUES.text(body, "status"), messages)

    def _save(self, path: str, body: dict[str, Any], etag: str) -> SystemSettings:
        response = self._answer("PUT", path, json=body, headers={"If-Match": etag} if etag else {})
        return _settings(json_of(response, SERVICE), response.headers.get("ETag", ""))

    def _validate(self, path: str) -> Validation:
        body = json_of(self._answer("POST", path), SERVICE)
        return Validation(VALUES.flag(body, "valid"), VALUES.optional(body, "error"))

    def _answer(self, method: str, path: str, **kwargs: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self._token()}", **kwargs.pop("headers", {})}
        response = exchange(self._session, SERVICE, method, self._base + path, headers=headers, **kwargs)
        if response.ok and not response.is_redirect:
            return response
        raise refusal_of(response, sent=kwargs.get("json") or {})


def refusal_of(response: requests.Response, *, sent: Mapping[str, str]) -> RemoteRejectedError | NotYetError:
    """The error that a refusal of the UMP means; a secret that the UMP repeats from what was sent is left out."""
    if 300 <= response.status_code < 400:
        return UnexplainedRefusalError(
            "The UMP answered with a redirect. Check the UMP base URL.", code=str(response.status_code)
        )
    kind = response.headers.get("Content-Type", "")
    body = json_of(response, SERVICE) if "json" in kind else {"message": response.text if "text/plain" in kind else ""}
    found = body.get("error")
    error = found if isinstance(found, dict) else {}
    code = str(error.get("code") or response.status_code)
    text = words_in(body)
    # Without a code nobody can tell what was wrong: it may be a restart, or a proxy in between.
    refused = RemoteRejectedError if error.get("code") else UnexplainedRefusalError
    for name in SECRETS & sent.keys():
        text = text.replace(sent[name], "[redacted]")
    answer = answer_of(response, text)
    if response.status_code == requests.codes.precondition_failed:  # the ETag that we sent is not the newest
        return NotYetError("Somebody changed the UMP's settings at the same moment.", code=code, answer=answer)
    if response.status_code == requests.codes.conflict:
        return NotYetError("The UMP is busy with another change.", code=code, answer=answer)
    if response.status_code == requests.codes.not_found:
        unknown = NotFoundError if error.get("code") else UnexplainedNotFoundError
        return unknown(f"The UMP does not know this address or object ({code}).", code=code, answer=answer)
    says = f" {quoted('It', answer.sentence)}".rstrip()
    if response.status_code in {requests.codes.unauthorized, requests.codes.forbidden}:
        return refused(
            f"The UMP does not accept SyncPortal's API credential ({code}).{says} Check the UMP API values of the instance.",
            code=code,
            answer=answer,
        )
    reason = answer.sentence or "no reason given"
    return refused(f"The UMP refused: {reason} ({code}).", code=code, answer=answer)


def _customer(entry: dict[str, Any]) -> UmpCustomer:
    return UmpCustomer(
        VALUES.text(entry, "UmpCustomerGuid"),
        VALUES.text(entry, "CustomerShortName"),
        VALUES.optional(entry, "MsTenantId").lower(),
    )


def _connection(body: dict[str, Any]) -> UmpConnection:
    return UmpConnection(
        VALUES.present(body, "method"), VALUES.present(body, "tenantId").lower(), VALUES.optional(body, "username")
    )


def _settings(body: dict[str, Any], etag: str) -> SystemSettings:
    """Every value of the contract must be there: an answer without them must not pass for an empty UMP."""
    return SystemSettings(
        client_id=VALUES.present(body, "clientId"),
        secret_hint=VALUES.present(body, "clientSecretHint"),
        redirect_uri=VALUES.present(body, "redirectUri"),
        portal_url=VALUES.present(body, "customerAuthenticationPortalUrl"),
        version=VALUES.present(body, "umpVersion"),
        etag=etag,
    )
