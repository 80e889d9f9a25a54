"""Delivery: getting the sync app's values into a UMP. One port, two adapters: the contract API and the hand-over sheet."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from django.utils import timezone

from registrations import audit, connections, engine
from registrations.clients.ump import SystemSettings, Validation
from registrations.errors import NotFoundError, PersonNeededError, RemoteRejectedError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.models.notes import HandoverTick
from registrations.services import client_secrets

SYNC_APP = "sync_app"
AUTHENTICATION_PORTAL = "authentication_portal"
HANDOVER_CODE = "handover"
UMP_CHANGED = "ump_changed"
UMP_VALIDATION = "ump_validation"


class Delivery(Protocol):
    """How values reach one UMP. Each act is repeatable and returns a note for people."""

    def deliver_sync_app(self, registration: AppRegistration, operation: Operation) -> str:
        """Client ID, client secret and redirect URI: the first save group."""

    def deliver_portal_url(self, operation: Operation) -> str:
        """The Customer Authentication Portal URL: the second save group."""

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """The UMP holds these values and they work there."""


def of(instance: UmpInstance) -> Delivery:
    """The adapter that fits the instance."""
    return ApiDelivery(instance) if instance.delivery == UmpInstance.Delivery.API else SheetDelivery(instance)


class ApiDelivery:
    """By SyncPortal's own contract, where the UMP offers it."""

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
        # The UMP's own word of a moment ago: the next group is saved on top of it, unless somebody saves in between.
        engine.set_value(self._answer_of_save, saved if saved.etag else None)
        return f"Applied to UMP {held.version}."

    def deliver_portal_url(self, operation: Operation) -> str:
        """Apply the second group unless the UMP holds it already."""
        held = engine.get_value(self._answer_of_save) or self._read()
        if held.portal_url == self._instance.portal_url:
            return "The UMP holds this URL already."
        self._ump.apply_portal_url(self._instance.portal_url, etag=held.etag)
        return f"Applied {self._instance.portal_url}."

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """Read back, then let the UMP try both groups itself."""
        held = self._read()
        secret = client_secrets.live_secret(registration)
        if not self._holds_sync_app(held, registration, secret) or held.portal_url != self._instance.portal_url:
            raise RemoteRejectedError(
                "The UMP does not hold the values that were delivered: somebody changed them. Resume to put them back.",
                code=UMP_CHANGED,
            )
        outcome = self._ump.validate_sync_app()
        try:
            _accept(outcome, "the client secret", secret)
        except RemoteRejectedError:
            client_secrets.doubt(registration, operation)
            raise
        _accept(self._ump.validate_portal_url(), "the portal URL", secret)
        return "The UMP obtained a token with the secret and reached the portal URL."

    def _read(self) -> SystemSettings:
        try:
            return self._ump.read_settings()
        except NotFoundError as missing:
            raise RemoteRejectedError(
                "This UMP does not offer the API for its System Settings. Set the instance's delivery to the hand-over sheet, "
                "then resume.",
                code="no_contract",
            ) from missing

    @property
    def _answer_of_save(self) -> str:
        return f"settings of {self._instance.ump_url}"

    def _holds_sync_app(self, held: SystemSettings, registration: AppRegistration, secret: ClientSecret) -> bool:
        return (held.client_id.lower(), held.redirect_uri, held.secret_hint) == (
            registration.app_id,
            self._instance.redirect_uri,
            secret.hint,
        )


class SheetDelivery:
    """By hand: the operation waits until staff have typed each group into System Settings and ticked it."""

    def __init__(self, instance: UmpInstance) -> None:
        self._instance = instance

    def deliver_sync_app(self, registration: AppRegistration, operation: Operation) -> str:
        """Done once staff ticked the first group."""
        return _ticked_or_wait(operation, SYNC_APP, "Client Id, Client Secret Value and Redirect URI")

    def deliver_portal_url(self, operation: Operation) -> str:
        """Done once staff ticked the second group."""
        return _ticked_or_wait(operation, AUTHENTICATION_PORTAL, "Customer Authentication Portal URL")

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """Staff's word is the proof: the UMP cannot be asked."""
        return "Staff confirmed both groups. This UMP has no API that could confirm it."


@dataclass(frozen=True)
class SheetField:
    """One field of the UMP System Settings page; the secret's value is None: it is revealed apart."""

    label: str
    value: str | None


@dataclass(frozen=True)
class SheetGroup:
    """One save group of the page, with its button's name and the tick of whoever saved it."""

    key: str
    title: str
    save_button: str
    fields: list[SheetField]
    ticked_at: datetime | None
    ticked_by: str


@dataclass(frozen=True)
class HandOverSheet:
    """Everything that staff type into one UMP."""

    instance: UmpInstance
    groups: list[SheetGroup]
    secret_hint: str
    secret_live: bool
    secret_revealed_at: datetime | None


def sheet(operation: Operation) -> HandOverSheet:
    """The hand-over sheet of a provisioning that waits for staff. Raises WrongStateError before there is a secret."""
    instance, registration = _sheet_rows(operation)
    secret = client_secrets.live_secret(registration)
    sync_app = [
        SheetField("Client Id", registration.app_id),
        SheetField("Client Secret Value", None),
        SheetField("Redirect URI", instance.redirect_uri),
    ]
    portal = [SheetField("Customer Authentication Portal URL", instance.portal_url)]
    return HandOverSheet(
        instance=instance,
        groups=[
            _group(operation, SYNC_APP, "Sync app", "Apply Changes", sync_app),
            _group(operation, AUTHENTICATION_PORTAL, "Authentication portal", "Update", portal),
        ],
        secret_hint=secret.hint,
        secret_live=bool(secret.envelope),
        secret_revealed_at=secret.revealed_at,
    )


def reveal_secret(operation: Operation, *, actor: audit.Actor) -> str:
    """The secret's value, this one time; the history says who saw it. The caller has asked for the password.

    Raises WrongStateError where it was revealed before or the operation does not wait for the sheet.
    """
    _, registration = _sheet_rows(operation)
    _require_waiting(operation)
    secret = client_secrets.live_secret(registration)
    value = secret.unseal("envelope")  # before it is marked: a key that is missing must not use up the one reveal
    with audit.atomic():
        if not ClientSecret.objects.filter(pk=secret.pk, revealed_at=None).update(revealed_at=timezone.now()):
            raise WrongStateError("The secret was revealed before. Make another secret if its value was lost.")
        audit.record(
            "secret.revealed",
            actor=actor,
            subject=registration.instance,
            operation_id=operation.pk,
            after={"key_id": secret.key_id, "hint": secret.hint},
        )
    return value


def tick(operation: Operation, group: str, *, actor: audit.Actor) -> None:
    """Staff saved one group in the UMP; the operation becomes due. Raises WrongStateError where it does not wait for it."""
    if group not in (SYNC_APP, AUTHENTICATION_PORTAL):
        raise WrongStateError("The hand-over sheet has no such group.")
    with engine.locked(operation) as current:
        _require_waiting(current)
        ticks = current.notes.get("ticks", {})
        if group in ticks:
            return
        if group == SYNC_APP and sheet(current).secret_revealed_at is None:
            raise WrongStateError("Reveal the secret and type it into the UMP first: nobody has seen its value yet.")
        confirmed: HandoverTick = {
            "at": timezone.now().isoformat(),
            "by": actor.label,
            "values": _values(current, group),
        }
        current.notes["ticks"] = {**ticks, group: confirmed}
        audit.record(
            f"handover.{group}_confirmed", actor=actor, subject=engine.history_subject(current), operation_id=current.pk
        )
        engine.wake([current])


def _refuse_ump_of_another(client_id: str, instance: UmpInstance) -> None:
    """Raises RemoteRejectedError where the UMP holds another instance's sync app: writing would cut that one off."""
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


def _sheet_rows(operation: Operation) -> tuple[UmpInstance, AppRegistration]:
    instance = UmpInstance.objects.select_related("provider__tenant").get(pk=operation.subject_id)
    registration = instance.registrations.filter(tenant_id=instance.provider.tenant.tenant_id).first()
    if registration is None:
        raise WrongStateError("The hand-over sheet is ready once the client secret is made.")
    return instance, registration


def _require_waiting(operation: Operation) -> None:
    if operation.status != Operation.Status.WAITING or not operation.error_code.startswith(HANDOVER_CODE):
        raise WrongStateError("This operation does not wait for the hand-over sheet.")


def _ticked_or_wait(operation: Operation, group: str, fields: str) -> str:
    # Read afresh: staff may have ticked while this worker was at an earlier step.
    ticks = engine.current_notes(operation).get("ticks", {})
    earlier = _earlier_tick(operation, group)
    if group not in ticks and earlier:
        return f"The UMP holds these values already: confirmed by {earlier['by']} before."
    if group not in ticks:
        raise PersonNeededError(
            f"Type {fields} into the UMP's System Settings, then confirm it on the hand-over sheet.",
            who="staff",
            code=f"{HANDOVER_CODE}_{group}",
        )
    return f"Confirmed by {ticks[group]['by']}."


def _earlier_tick(operation: Operation, group: str) -> HandoverTick | None:
    """The newest tick of an earlier provisioning, if it was for exactly today's values and UMP."""
    before = Operation.objects.filter(kind=operation.kind, subject_id=operation.subject_id).exclude(pk=operation.pk)
    for notes in before.order_by("-created_at").values_list("notes", flat=True):
        tick = notes.get("ticks", {}).get(group)
        if tick:
            return tick if tick.get("values") == _values(operation, group) else None
    return None


def _values(operation: Operation, group: str) -> list[str]:
    """What was typed in, without the secret: its key id tells one secret from the next."""
    instance, registration = _sheet_rows(operation)
    if group == AUTHENTICATION_PORTAL:
        return [instance.ump_url, instance.portal_url]
    key_id = client_secrets.live_secret(registration).key_id
    return [instance.ump_url, registration.app_id, key_id, instance.redirect_uri]


def _group(operation: Operation, key: str, title: str, button: str, fields: list[SheetField]) -> SheetGroup:
    tick = operation.notes.get("ticks", {}).get(key)
    return SheetGroup(
        key, title, button, fields, datetime.fromisoformat(tick["at"]) if tick else None, tick["by"] if tick else ""
    )


def _accept(validation: Validation, what: str, secret: ClientSecret) -> None:
    if not validation.valid:
        sentence = f"The UMP could not use {what}"
        raise client_secrets.refusal_by_ump(sentence, validation.error, secret, code=UMP_VALIDATION)
