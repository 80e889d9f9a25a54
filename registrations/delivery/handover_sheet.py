"""Delivery by hand: staff type the values into the UMP's System Settings, and mark each group as done on a sheet."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from registrations import audit, engine
from registrations.applications import client_secrets
from registrations.errors import PersonNeededError, WrongStateError
from registrations.models import AppRegistration, ClientSecret, Operation, UmpInstance
from registrations.models.notes import HandoverTick
from registrations.models.steps import StepOutcome

SYNC_APP = "sync_app"
AUTHENTICATION_PORTAL = "authentication_portal"
HANDOVER_CODE = "handover"
STEPS = {SYNC_APP: "sync_app", AUTHENTICATION_PORTAL: "portal_url"}  # of provisioning
VALIDATION = "validation"


class SheetDelivery:
    """The operation waits until staff have typed each group into System Settings and marked it as done."""

    def __init__(self, instance: UmpInstance) -> None:
        self._instance = instance

    def deliver_sync_app(self, registration: AppRegistration, operation: Operation) -> str:
        """Done once staff marked the first group as done."""
        return _confirmed_or_wait(operation, SYNC_APP, "Client Id, Client Secret Value and Redirect URI")

    def deliver_portal_url(self, operation: Operation) -> str:
        """Done once staff marked the second group as done."""
        return _confirmed_or_wait(operation, AUTHENTICATION_PORTAL, "Customer Authentication Portal URL")

    def validate(self, registration: AppRegistration, operation: Operation) -> str:
        """Nothing is verified: this UMP cannot be asked. Staff's word is all that is known."""
        operation.step(VALIDATION).outcome = StepOutcome.UNVERIFIED
        return "Staff confirmed both groups. This UMP has no API that could confirm it."


@dataclass(frozen=True)
class SheetField:
    """One field of the UMP's System Settings page; the secret's value is None, because it is revealed separately."""

    label: str
    value: str | None


@dataclass(frozen=True)
class SheetGroup:
    """One save group of that page, with its button's name, and who marked it as done when."""

    key: str
    title: str
    save_button: str
    fields: list[SheetField]
    confirmed_at: datetime | None
    confirmed_by: str

    @property
    def has_secret(self) -> bool:
        """Whether the secret is among its fields."""
        return any(field.value is None for field in self.fields)


@dataclass(frozen=True)
class HandOverSheet:
    """Everything that staff type into one UMP."""

    instance: UmpInstance
    groups: list[SheetGroup]
    secret_hint: str
    secret_live: bool
    secret_revealed_at: datetime | None
    revealed_before: bool  # before this operation: nobody can look at the value again


def sheet(operation: Operation) -> HandOverSheet:
    """The hand-over sheet of a provisioning that waits for staff. Raises WrongStateError if there is no secret yet."""
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
        revealed_before=bool(secret.revealed_at and secret.revealed_at < operation.created_at),
    )


def reveal_secret(operation: Operation, *, actor: audit.Actor) -> str:
    """The secret's value, once; the history has who saw it. The caller has asked for the person's password.

    Raises WrongStateError if it was revealed before, or the operation does not wait for the sheet.
    """
    _, registration = _sheet_rows(operation)
    _require_waiting(operation)
    secret = client_secrets.live_secret(registration)
    value = secret.unseal("envelope")  # before it is marked: a missing key must not use up the one reveal
    with audit.atomic():
        if not ClientSecret.objects.filter(pk=secret.pk, revealed_at=None).update(revealed_at=timezone.now()):
            raise WrongStateError("The secret was revealed before. Create a new secret if its value was lost.")
        audit.record(
            "secret.revealed",
            actor=actor,
            subject=registration,  # so that its own history, its secret's and the instance's hold it
            operation_id=operation.pk,
            after={"key_id": secret.key_id, "hint": secret.hint},
        )
    return value


def confirm(operation: Operation, group: str, *, actor: audit.Actor, value_was_kept: bool = False) -> None:
    """Staff saved one group in the UMP; the operation becomes due. Raises WrongStateError if it does not wait for it.

    The group with the secret needs a secret that was revealed in this operation. One that was revealed before cannot be looked
    at again: `value_was_kept` says that the person entered it all the same.
    """
    if group not in (SYNC_APP, AUTHENTICATION_PORTAL):
        raise WrongStateError("The hand-over sheet has no such group.")
    with engine.locked(operation) as current:
        _require_waiting(current)
        ticks = current.notes.get("ticks", {})
        if is_confirmed(current, group):
            return
        if group == SYNC_APP:
            _require_revealed(sheet(current), value_was_kept)
        confirmed: HandoverTick = {
            "at": timezone.now().isoformat(),
            "by": actor.label,
            "values": _values(current, group),
        }
        current.notes["ticks"] = {**ticks, group: confirmed}
        _record_confirmation(current, group, actor)
        engine.wake([current])


def _require_revealed(shown: HandOverSheet, value_was_kept: bool) -> None:
    if shown.secret_revealed_at is None:
        raise WrongStateError("Reveal the secret and type it into the UMP first: it has not been revealed yet.")
    if shown.revealed_before and not value_was_kept:
        raise WrongStateError(
            "The secret was revealed before this operation. Confirm that you entered it in the UMP, or create a new secret."
        )


def _record_confirmation(operation: Operation, group: str, actor: audit.Actor) -> None:
    subject, what = engine.history_subject(operation), {}
    if group == SYNC_APP:  # of these values: the histories of registration and secret hold it too
        _, registration = _sheet_rows(operation)
        secret = client_secrets.live_secret(registration)
        subject, what = audit.Subject.of(registration), {"app_id": registration.app_id, "key_id": secret.key_id}
    audit.record(f"handover.{group}_confirmed", actor=actor, subject=subject, operation_id=operation.pk, after=what)


def _sheet_rows(operation: Operation) -> tuple[UmpInstance, AppRegistration]:
    instance = UmpInstance.objects.select_related("provider__tenant").get(pk=operation.subject_id)
    registration = AppRegistration.objects.sync_app_of(instance)
    if registration is None:
        raise WrongStateError("The hand-over sheet is ready once the client secret is created.")
    return instance, registration


def _require_waiting(operation: Operation) -> None:
    if operation.status != Operation.Status.WAITING or not operation.error_code.startswith(HANDOVER_CODE):
        raise WrongStateError("This operation does not wait for the hand-over sheet.")


def _confirmed_or_wait(operation: Operation, group: str, fields: str) -> str:
    operation.notes = engine.current_notes(operation)
    confirmed = is_confirmed(operation, group)
    earlier = None if confirmed else _earlier_confirmation(operation, group)
    if confirmed or earlier:
        operation.step(STEPS[group]).outcome = StepOutcome.ENTERED
    if earlier:
        return f"The UMP holds these values already: confirmed by {earlier['by']} before."
    if not confirmed:
        raise PersonNeededError(
            f"Type {fields} into the UMP's System Settings, then confirm it on the hand-over sheet.",
            who="staff",
            code=f"{HANDOVER_CODE}_{group}",
        )
    return f"Confirmed by {operation.notes['ticks'][group]['by']}."


def is_confirmed(operation: Operation, group: str) -> bool:
    """Whether somebody confirmed the values as they are now: a new application has others."""
    tick = operation.notes.get("ticks", {}).get(group)
    if tick is None:
        return False
    values = _values(operation, group)
    return tick.get("values", values) == values


def _earlier_confirmation(operation: Operation, group: str) -> HandoverTick | None:
    """The newest confirmation of an earlier provisioning, if it was for exactly these values and this UMP."""
    before = Operation.objects.filter(kind=operation.kind, subject_id=operation.subject_id).exclude(pk=operation.pk)
    for notes in before.order_by("-created_at").values_list("notes", flat=True):
        tick = notes.get("ticks", {}).get(group)
        if tick:
            return tick if tick.get("values") == _values(operation, group) else None
    return None


def _values(operation: Operation, group: str) -> list[str]:
    """What was typed in. The secret's key ID represents its value."""
    instance, registration = _sheet_rows(operation)
    if group == AUTHENTICATION_PORTAL:
        return [instance.ump_url, instance.portal_url]
    key_id = client_secrets.live_secret(registration).key_id
    return [instance.ump_url, registration.app_id, key_id, instance.redirect_uri]


def _group(operation: Operation, key: str, title: str, button: str, fields: list[SheetField]) -> SheetGroup:
    tick = operation.notes.get("ticks", {}).get(key) if is_confirmed(operation, key) else None
    return SheetGroup(
        key, title, button, fields, datetime.fromisoformat(tick["at"]) if tick else None, tick["by"] if tick else ""
    )
