"""Which rows run: all of them, or each kind of row once and some more, chosen by a commit.

A part that does not ask runs all its rows, so a new one joins by itself. One with many rows of a kind asks, with the kind's name.
"""

import random
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
ONE_IN = 10  # of a kind's rows run beside the first, with another commit others


class Sample:
    """`commit` chooses the rows; without it all run."""

    def __init__(self, commit: str = "") -> None:
        self.commit = commit

    def of(self, kind: str, rows: Sequence[T]) -> list[T]:
        """One of a kind's rows and a tenth of them, in their order. The same commit and rows give the same choice."""
        if not self.commit:
            return list(rows)
        rng = random.Random(f"{self.commit} {kind}")  # noqa: S311  repeatable, not secret
        count = min(len(rows), 1 + len(rows) // ONE_IN)
        return [rows[place] for place in sorted(rng.sample(range(len(rows)), count))]

    def of_each(self, rows: Sequence[T], kind_of: Callable[[T], str]) -> list[T]:
        """The same of each kind that these rows have, in their order."""
        places: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            places.setdefault(kind_of(row), []).append(place)
        chosen = [place for kind, known in places.items() for place in self.of(kind, known)]
        return [rows[place] for place in sorted(chosen)]
