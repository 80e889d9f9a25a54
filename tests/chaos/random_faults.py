"""Random mixes of scripted faults, one disruption and operations killed at random points, for a given time."""

import random
import time
from collections.abc import Callable

from tests.chaos import crashes, disruptions
from tests.chaos.environment import Environment
from tests.chaos.faults import SCRIPTED
from tests.chaos.results import Result

KILLED = 0.5  # share of the operations whose worker is killed once


def rows(environment: Environment, seconds: int, seed: int | None, say: Callable[[str], None]) -> list[Result]:
    """Random mixes of faults until the time is over; the printed seed chooses the same mixes again."""
    seed = seed if seed is not None else random.randrange(10**9)  # noqa: S311  not secret
    say(f"Seed {seed}: make chaos-long SEED={seed} SECONDS={seconds}")
    # In a fixed order, so that the seed chooses the same points.
    points = {kind: crashes.points_of(environment, kind) for kind in ("provision", "connect")}
    rng = environment.rng = random.Random(seed)  # noqa: S311  repeatable, not secret
    deadline, results = time.monotonic() + seconds, []
    while time.monotonic() < deadline:
        scripts = rng.sample(SCRIPTED, rng.randint(1, 3))
        disruption = rng.choice(disruptions.DISRUPTIONS)
        for fault in scripts:
            for script in fault.scripts:
                environment.fault(**script)
        fatal = {
            kind: [rng.choice(known) if rng.random() < KILLED else None for _ in range(disruption.each)]
            for kind, known in points.items()
        }
        name = " + ".join([disruption.name, *(fault.name for fault in scripts)])
        result = disruptions.disrupted(environment, disruption, name, fatal)
        say(result.row())
        results.append(result)
    return results
