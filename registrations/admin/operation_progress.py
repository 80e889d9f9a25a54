"""An operation's steps for people, and the buttons that its state allows."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.exceptions import ValidationError
from django.http import Http404
from django.urls import reverse
from django.utils import timezone

from registrations import admin_html, connections, engine, places, states
from registrations.applications import conflicts
from registrations.errors import QuotaSpentError, WrongStateError
from registrations.models import EntraTenant, Operation, UmpInstance
from registrations.models.steps import StepState

HAND_OVER = "Open the hand-over sheet"
DECISIONS = (  # what an operation waits for, and the buttons that decide it
    (conflicts.ADOPTION_NEEDED, "Take over", "take_over", "primary"),
    (conflicts.DELETED_APPLICATION, "Restore", "restore", "primary"),
    (conflicts.DELETED_APPLICATION, "Delete for good", "purge", "default"),
    (conflicts.DELETED_APPLICATION, "Create a new one", "create_new", "default"),
)

Person = AbstractBaseUser | AnonymousUser


@dataclass(frozen=True)
class StepRow:
    """One step: title, state, duration, and what was answered. `support_text` is for the remote service's support."""

    title: str
    state: str
    taken: str
    note: str
    request_id: str
    correlation_id: str
    answered_at: str
    attempts: int
    support_text: str


@dataclass(frozen=True)
class Button:
    """A link to the page of an act."""

    title: str
    address: str
    variant: str = "default"


def describe(operation: Any, user: Any) -> dict[str, Any]:
    """What the steps' fragment shows of an operation, for this person. Its row has the annotation `state`."""
    # While it is queued or running, these are left over from an earlier wait.
    says = operation.status not in (Operation.Status.QUEUED, Operation.Status.RUNNING)
    message, code = (operation.message, operation.error_code) if says else ("", "")
    rows = [_row(step, operation, message) for step in operation.steps]
    if operation.subject_type == EntraTenant._meta.model_name:
        message = message.replace(connections.UNDER_TENANTS, "").strip()  # its pages show the tenant, or link to it
    done = sum(step.is_done for step in operation.steps)
    found = buttons(operation, user)
    sheet = next((each for each in found if message and each.title == HAND_OVER), None)  # stands in the message's box
    return {
        "operation": operation,
        "operation_state": states.OperationState(operation.state),
        "operation_title": title_of(operation),
        "operation_address": address(operation, "change"),
        "steps_address": address(operation, "steps"),
        "operation_message": message,
        "operation_code": code,
        "rows": rows,
        "is_decided": is_decided(operation),
        "is_due": operation.next_attempt_at is not None and operation.next_attempt_at <= timezone.now(),
        "progress": f"{done} of {len(rows)} step{'' if len(rows) == 1 else 's'} done",
        "taken": admin_html.length(_span(operation.started_at, operation.ended_at)) if operation.started_at else "",
        "buttons": [each for each in found if each is not sheet],
        "hand_over_button": sheet,
        "put_first_address": address(operation, "put_first") if _may_be_prioritised(operation, user) else "",
    }


def newest_of(subject_id: Any) -> Operation | None:
    """The newest operation of a subject. Raises Http404 for what is no id."""
    try:
        return states.operations(Operation.objects.of_subject(subject_id)).first()
    except ValidationError:
        raise Http404(f"{subject_id!r} is no id.") from None


def title_of(operation: Operation) -> str:
    """What the operation does; its kind's name where this version does not know the kind."""
    try:
        return engine.kind_of(operation).title
    except WrongStateError:
        return operation.kind


def subject_of(operation: Operation) -> str:
    """What it is about, with its host: operations of before had none in their label. A list looks all places up at once."""
    key = (operation.subject_type, str(operation.subject_id))
    if operation.subject_type == UmpInstance._meta.model_name:
        return operation.subject_label  # it is the host
    known = vars(operation)
    place = known["place"] if "place" in known else places.of([key]).get(key)
    return places.with_host(operation.subject_label, place.host if place else "", LONGEST)


LONGEST = 600  # a label and a host, uncut


def buttons(operation: Operation, user: Any) -> list[Button]:
    """The acts that fit the operation's state and this person's permissions, the most likely one first."""
    found: list[Button] = []
    waits = operation.status == Operation.Status.WAITING
    if waits and operation.error_code.startswith("handover") and user.has_perm("registrations.view_umpinstance"):
        found.append(Button(HAND_OVER, address(operation, "hand_over"), "primary"))
    if waits and user.has_perm("registrations.provision_umpinstance") and not is_decided(operation):
        found += [
            Button(title, address(operation, name), variant)
            for code, title, name, variant in DECISIONS
            if operation.error_code == code
        ]
    if not user.has_perm("registrations.change_operation"):
        return found
    if operation.status in engine.RESUMABLE and not engine.obstacle_to(operation):
        continues_by_itself = waits and not operation.waits_for
        variant = "default" if found or continues_by_itself else "primary"
        found.append(Button("Resume", address(operation, "resume"), variant))
    if operation.status in engine.CANCELLABLE:
        found.append(Button("Cancel", address(operation, "cancel")))
    return found


def is_decided(operation: Operation) -> bool:
    """Whether a person has decided about the application, and a worker has not carried it out yet."""
    if operation.status != Operation.Status.WAITING or operation.next_attempt_at is None:
        return False  # it still waits for the decision
    note = {conflicts.ADOPTION_NEEDED: "adoption_confirmed_by", conflicts.DELETED_APPLICATION: "twin_choice"}.get(
        operation.error_code
    )
    return bool(note and operation.notes.get(note))


def address(operation: Operation, name: str) -> str:
    """The address of one of the operation's pages."""
    return reverse(f"admin:registrations_operation_{name}", args=[operation.pk])


def _may_be_prioritised(operation: Operation, user: Any) -> bool:
    waits = operation.status == Operation.Status.QUEUED or operation.error_code == QuotaSpentError.CODE
    waits_in_bulk = waits and operation.is_live and operation.priority == Operation.Priority.BULK
    return waits_in_bulk and bool(user.has_perm("registrations.change_operation"))


def _row(step: StepState, operation: Operation, message: str) -> StepRow:
    state, note = str(step.status), step.note
    if state in ("running", "waiting") and not operation.is_live:
        state, note = "cancelled", ""  # nobody has to act on it any more
    elif step.is_done:
        state = step.outcome or state
    elif message.startswith(note):
        note = ""  # it is shown above the steps already
    return StepRow(
        title=step.title,
        state=state,
        taken=_taken(step) if step.is_done or state in ("failed", "running") else "",
        note=note,
        request_id=step.request_id,
        correlation_id=step.correlation_id,
        answered_at=step.answered_at,
        attempts=step.attempts,
        support_text=_support_text(step, operation) if state in ("failed", "waiting") else "",
    )


def _support_text(step: StepState, operation: Operation) -> str:
    """What somebody at Microsoft or the UMP's vendor asks for, as text to copy; "" if no remote service was refused."""
    if not (step.request_id or step.correlation_id or step.says):
        return ""
    lines = {
        "Operation": f"{title_of(operation)}: {operation.subject_label} ({operation.pk})",
        "Step": f"{step.title}, {step.attempts} attempts",
        "Code": operation.error_code,
        "Answer": step.says,
        "Request or trace ID": step.request_id,
        "Correlation ID": step.correlation_id,
        "Answered at": step.answered_at,
    }
    return "\n".join(f"{name}: {value}" for name, value in lines.items() if value)


def _span(started: datetime | None, ended: datetime | None) -> Any:
    now = timezone.now()
    return (ended or now) - (started or now)


def _taken(step: StepState) -> str:
    return admin_html.length(_span(step.started_at, step.ended_at)) if step.started_at else ""
