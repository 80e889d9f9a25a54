"""The result of one fault: a row of the table."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Result:
    """One row of the table."""

    fault: str
    tried: int
    lost: int = 0
    applications_orphaned: int = 0
    secrets_orphaned: int = 0
    duplicated: int = 0
    states: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Whether nothing was lost, orphaned or duplicated."""
        return not (self.lost or self.applications_orphaned or self.secrets_orphaned or self.duplicated)

    def did_not_happen(self, what: Iterable[Any]) -> None:
        """Fail the row for faults that were planned and did not happen: otherwise it would claim that they were tested."""
        missed = [f"did not happen: {each}" for each in what]
        self.lost += len(missed)
        self.details += missed

    def as_json(self) -> dict[str, Any]:
        """Values for JSON."""
        return {**vars(self), "states": dict(self.states)}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """A result from its JSON values."""
        return cls(**{**values, "states": Counter(values["states"])})

    def row(self) -> str:
        """A row of the Markdown table."""
        ended = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        counts = (self.tried, self.lost, self.applications_orphaned, self.secrets_orphaned, self.duplicated)
        return f"| {self.fault} | {' | '.join(str(count) for count in counts)} | {ended} |"


HEADER = (
    "| fault | times tried | operations lost | applications orphaned | secrets orphaned | duplicates | final state |\n"
    "|---|---|---|---|---|---|---|"
)
