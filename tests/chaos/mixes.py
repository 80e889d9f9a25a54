"""Random mixes of everything, for as long as somebody wants: faults of Microsoft's, one hurt, and operations killed at points."""

import random
import time
from collections.abc import Callable

from tests.chaos import hurts, kills
from tests.chaos.faults import SCRIPTED
from tests.chaos.laboratory import Laboratory
from tests.chaos.verdict import Verdict

KILLED = 0.5  # the share of operations that are to die once, where they come to their point


def rows(laboratory: Laboratory, seconds: int, seed: int | None, say: Callable[[str], None]) -> list[Verdict]:
    """Random mixes of faults until the time is over; the seed that is printed chooses the same ones again."""
    seed = seed if seed is not None else random.randrange(10**9)  # noqa: S311
    say(f"Seed {seed}: make chaos-long SEED={seed} SECONDS={seconds}")
    # In the order of the code, so that the seed chooses the same ones.
    points = {kind: kills.points_of(laboratory, kind) for kind in ("provision", "connect")}
    chance = laboratory.chance = random.Random(seed)  # noqa: S311
    deadline, verdicts = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        scripts = chance.sample(SCRIPTED, chance.randint(1, 3))
        hurt = chance.choice(hurts.HURTS)
        for fault in scripts:
            for script in fault.scripts:
                laboratory.fault(**script)
        fatal = {
            kind: [chance.choice(known) if chance.random() < KILLED else None for _ in range(hurt.each)]
            for kind, known in points.items()
        }
        name = " + ".join([hurt.name, *(fault.name for fault in scripts)])
        verdict = hurts.hurting(laboratory, hurt, name, fatal)
        say(verdict.row())
        verdicts.append(verdict)
    return verdicts
