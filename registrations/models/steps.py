"""The steps of an operation as its row keeps them: a JSON list in the column, typed objects everywhere else."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.db import models
from django.db.models.fields.json import KeyTransform

from registrations.errors import PortalError


class StepStatus(models.TextChoices):
    """The status of one step of an operation."""

    PENDING = "pending", "Pending"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    DONE = "done", "Done"
    FAILED = "failed", "Failed"


class StepOutcome(models.TextChoices):
    """What is known of a step that is done, where that is less than "Done" says."""

    ENTERED = "entered", "Entered by hand"
    UNVERIFIED = "unverified", "Not verified"


@dataclass(slots=True)
class StepState:
    """One step on an operation's row. The field names are the keys in the stored JSON."""

    name: str
    title: str = ""
    status: str = StepStatus.PENDING
    attempts: int = 0
    started_at: datetime | None = None  # of the first attempt that counts
    ended_at: datetime | None = None
    note: str = ""  # for people
    # Of the remote service's last refusal: what its support asks for. The words are redacted.
    request_id: str = ""
    correlation_id: str = ""
    answered_at: str = ""  # by the service's clock, as it writes it
    says: str = ""
    uncounted: int = 0  # seconds since `started_at` in which nothing could be tried
    refused_at: datetime | None = None  # when a permission was refused first
    waits_since: datetime | None = None
    outcome: str = ""  # a `StepOutcome`, or "" where done means that the remote service confirmed it

    @property
    def is_done(self) -> bool:
        """Whether nothing of it is left to do."""
        return self.status == StepStatus.DONE

    def reset(self) -> None:
        """Back to pending, as if nobody had tried it."""
        fresh = StepState(self.name, self.title)
        for each in fields(self):
            if each.name not in OF_LAST_REFUSAL:
                setattr(self, each.name, getattr(fresh, each.name))

    def note_refusal(self, error: PortalError) -> None:
        """Keep what a refusal says for people, and for the remote service's support."""
        self.note, self.request_id = str(error), error.request_id
        self.correlation_id, self.answered_at = error.answer.correlation_id, error.answer.answered_at
        self.says = error.answer.sentence

    def as_json(self) -> dict[str, Any]:
        """The form in which the row keeps it."""
        found = {each: getattr(self, each) for each in KEYS}
        return {key: value.isoformat() if isinstance(value, datetime) else value for key, value in found.items()}

    @classmethod
    def from_json(cls, kept: Mapping[str, Any]) -> "StepState":
        """The state that a row keeps; keys that another version wrote are left out."""
        known = {key: kept[key] for key in KEYS if key in kept}
        for key in INSTANTS:
            if known.get(key):
                known[key] = datetime.fromisoformat(known[key])
        return cls(**known)


KEYS = tuple(each.name for each in fields(StepState))
OF_LAST_REFUSAL = ("request_id", "correlation_id", "answered_at", "says")  # support may ask for them later
INSTANTS = ("started_at", "ended_at", "refused_at", "waits_since")

if TYPE_CHECKING:  # Django's fields are generic to the type checker only
    Steps = models.JSONField[list[StepState], list[StepState]]
else:
    Steps = models.JSONField


class StepsField(Steps):
    """A JSON column whose value is a list of `StepState`."""

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        """Typed steps; a part of the JSON that a look-up asked for stays as it is."""
        kept = super().from_db_value(value, expression, connection)
        if isinstance(expression, KeyTransform) or not isinstance(kept, list):
            return kept
        return [StepState.from_json(step) for step in kept]

    def get_prep_value(self, value: Any) -> Any:
        """The JSON form."""
        return super().get_prep_value(_as_json(value))

    def to_python(self, value: Any) -> Any:
        """Typed steps from their JSON form, for deserialisation."""
        found = super().to_python(value)
        return [StepState.from_json(step) if isinstance(step, dict) else step for step in found]

    def validate(self, value: Any, model_instance: models.Model | None) -> None:
        """Validate the JSON form. Raises ValidationError."""
        super().validate(_as_json(value), model_instance)

    def value_to_string(self, obj: models.Model) -> Any:
        """The JSON form, for serialisation."""
        return _as_json(self.value_from_object(obj))


def _as_json(value: Any) -> Any:
    if not isinstance(value, list):
        return value
    return [step.as_json() if isinstance(step, StepState) else step for step in value]


def reset_steps(steps: Iterable[StepState], *names: str) -> list[StepState]:
    """The same steps; those with these names are to be done again."""
    kept = list(steps)
    for step in kept:
        if step.name in names:
            step.reset()
    return kept
