"""Delivery by API: SyncPortal's own contract, if the UMP offers it."""

from registrations import canonical, connections, engine
from registrations.applications import client_secrets
from registrations.clients.ump import SystemSettings, Validation
from registrations.delivery import earlier_values
from registrations.delivery.secret_refusals import refusal_by_ump
from registrations.errors import (
    NotFoundError,
    RemoteRejectedError,
    StartOverError,
    UnexplainedNotFoundError,
    UnexplainedRefusalError,
)
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance

NO_CONTRACT = (
    "This UMP does not offer the API for its System Settings. Set the instance's delivery to the hand-over sheet, then "
    "resume."
)
UMP_CHANGED = "ump_changed"
UMP_FORGOT = "ump_forgot"
UMP_VALIDATION = "ump_validation"


class ApiDelivery:
    """Uses SyncPortal's own contract, which the UMP must offer."""

    def __init__(self, instance: UmpInstance) -> None:
        self._instance = instance
        self._ump = connections.ump(instance)

    def deliver_sync_app(self, registration: AppRegistration, operation: Operation) -> str:
        """Apply the first group unless the UMP holds exactly these values already."""
        secret = client_secrets.live_secret(registration)
        held = self._read()
        if self._holds_sync_app(held, registration, secret) and secret.status == ClientSecret.Status.DELIVERED:
            return "The UMP holds these values already."
        _refuse_ump_of_another(held.client_id, self._instance)
        saved = self._ump.apply_sync_app(
            client_id=registration.app_id,
            client_secret=secret.unseal("envelope"),
            redirect_uri=self._instance.redirect_uri,
            etag=held.etag,
        )
        # The UMP's answer, with its ETag, spares the next group a read. If somebody saves in between, the UMP refuses it.
        engine.set_value(self._saved_settings_key, saved if saved.etag else None)
        return f"Applied to UMP {held.version}."

    def deliver_portal_url(self, operation: Operation) -> str:
        """Apply the second group unless the UMP holds it already."""
        held = engine.get_value(self._saved_settings_key) or self._read()
        if self._holds_portal_url(held):
            return "The UMP holds this URL already."
        self._ump.apply_portal_url(self._instance.portal_url, etag=held.etag)
        return f"Applied {self._instance.portal_url}."

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """Read the values back, then let the UMP validate both groups itself."""
        held = self._read()
        secret = client_secrets.live_secret(registration)
        if not self._holds_sync_app(held, registration, secret) or not self._holds_portal_url(held):
            raise self._not_held(held, registration)
        outcome = self._ump.validate_sync_app()
        try:
            _accept(outcome, "the client secret", secret, operation)
        except RemoteRejectedError:
            client_secrets.mark_undelivered(registration, operation)
            raise
        _accept(self._ump.validate_portal_url(), "the portal URL", secret, operation)
        return "The UMP obtained a token with the secret and reached the portal URL."

    def _read(self) -> SystemSettings:
        try:
            return self._ump.read_settings()
        except UnexplainedNotFoundError as missing:  # perhaps it is being restarted: that advice would be wrong then
            raise UnexplainedRefusalError(NO_CONTRACT, code="no_contract", meanwhile=missing) from missing
        except NotFoundError as missing:
            raise RemoteRejectedError(NO_CONTRACT, code="no_contract") from missing

    def _not_held(self, held: SystemSettings, registration: AppRegistration) -> StartOverError | RemoteRejectedError:
        """The error for a UMP without the delivered values. Values of nobody else are its own old ones, or none: it forgot.

        They are delivered again then. Only a value that SyncPortal never delivered proves that somebody changed it.
        """
        before = earlier_values.of(self._instance)
        hints = {"", *ClientSecret.objects.filter(registration__instance=self._instance).values_list("hint", flat=True)}
        ours = (
            canonical.guid(held.client_id) in {"", registration.app_id, *before.app_ids}
            and canonical.url(held.redirect_uri) in {"", *before.redirect_uris}
            and canonical.url(held.portal_url) in {"", *before.portal_urls}
            and held.secret_hint in hints
        )
        if ours:
            return StartOverError(
                "The UMP lost the values that were delivered. They are delivered again.", code=UMP_FORGOT
            )
        return RemoteRejectedError(
            "The UMP holds other values than those that were delivered: somebody changed them. Resume to restore them.",
            code=UMP_CHANGED,
        )

    @property
    def _saved_settings_key(self) -> str:
        return f"settings of {self._instance.ump_url}"

    def _holds_sync_app(self, held: SystemSettings, registration: AppRegistration, secret: ClientSecret) -> bool:
        return (canonical.guid(held.client_id), held.redirect_uri, held.secret_hint) == (
            registration.app_id,
            self._instance.redirect_uri,  # exactly, because Microsoft compares it so when a customer signs in
            secret.hint,
        )

    def _holds_portal_url(self, held: SystemSettings) -> bool:
        return canonical.url(held.portal_url) == canonical.url(self._instance.portal_url)


def _refuse_ump_of_another(client_id: str, instance: UmpInstance) -> None:
    """Raises RemoteRejectedError if the UMP holds another instance's sync app: writing would disconnect that one."""
    if not client_id:
        return
    others = AppRegistration.objects.exclude(instance=instance).exclude(instance__status=UmpInstance.Status.RETIRED)
    held = others.filter(app_id=client_id, instance__isnull=False).select_related("instance__provider").first()
    if held and held.instance:
        raise RemoteRejectedError(
            f"This UMP holds the client ID of {held.instance.host}: nothing was written. Correct the UMP base URL of "
            f"{instance.host} or of {held.instance.host}, or empty the UMP's Client Id, then resume.",
            code="ump_of_another",
        )


def _accept(validation: Validation, what: str, secret: ClientSecret, operation: Operation) -> None:
    if not validation.valid:
        sentence = f"The UMP could not use {what}"
        raise refusal_by_ump(sentence, validation.error, secret, operation, code=UMP_VALIDATION)
