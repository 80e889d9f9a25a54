"""Random mixes of everything, for as long as somebody wants: faults of Microsoft's, one hurt, and operations killed at points."""

import random
import time
from collections.abc import Callable

from tests.chaos import hurts, kills
from tests.chaos.environment import Environment
from tests.chaos.faults import SCRIPTED
from tests.chaos.verdict import Verdict

KILLED = 0.5  # the share of operations that are to die once, where they come to their point


def rows(environment: Environment, seconds: int, seed: int | None, say: Callable[[str], None]) -> list[Verdict]:
    """Random mixes of faults until the time is over; the seed that is printed chooses the same ones again."""
    seed = seed if seed is not None else random.randrange(10**9)  # noqa: S311
    say(f"Seed {seed}: make chaos-long SEED={seed} SECONDS={seconds}")
    # In the order of the code, so that the seed chooses the same ones.
    points = {kind: kills.points_of(environment, kind) for kind in ("provision", "connect")}
    rng = environment.rng = random.Random(seed)  # noqa: S311
    deadline, verdicts = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        scripts = rng.sample(SCRIPTED, rng.randint(1, 3))
        hurt = rng.choice(hurts.HURTS)
        for fault in scripts:
            for script in fault.scripts:
                environment.fault(**script)
        fatal = {
            kind: [rng.choice(known) if rng.random() < KILLED else None for _ in range(hurt.each)]
            for kind, known in points.items()
        }
        name = " + ".join([hurt.name, *(fault.name for fault in scripts)])
        verdict = hurts.hurting(environment, hurt, name, fatal)
        say(verdict.row())
        verdicts.append(verdict)
    return verdicts
