"""`python -m tests.chaos`: hurt the product in every way of the table, print the table, fail where a row does not hold."""

import argparse
import datetime
import os
import sys
import time
from pathlib import Path

from tests.chaos import faults, kills
from tests.chaos.laboratory import Laboratory, laboratory
from tests.chaos.verdict import HEAD, Verdict


def main() -> int:
    """Run the chosen parts in one laboratory."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=["kills", "faults", []], help="default: both")
    parser.add_argument("--seconds", type=int, help="random mixes of faults for so long, in place of the table")
    parser.add_argument("--seed", type=int, help="replay the mixes that were printed with this seed")
    parser.add_argument("--write", type=Path, help="keep the table in this file too")
    arguments = parser.parse_args()
    began = time.monotonic()
    verdicts: list[Verdict] = []
    with laboratory() as made:
        say(f"The laboratory stands after {time.monotonic() - began:.0f} s. Load average {os.getloadavg()[0]:.1f}.")
        if arguments.seconds:
            verdicts = faults.mixes(made, arguments.seconds, arguments.seed, say)
        else:
            verdicts = table(made, arguments.parts or ["kills", "faults"])
    took = time.monotonic() - began
    text = f"{HEAD}\n" + "\n".join(verdict.row() for verdict in verdicts)
    say(f"\n{text}\n\n{len(verdicts)} rows in {took:.0f} s.")
    if arguments.write:
        arguments.write.write_text(report(text, took))
    broken = [verdict for verdict in verdicts if not verdict.holds]
    for verdict in broken:
        say(f"\nDoes not hold: {verdict.fault}\n  " + "\n  ".join(verdict.details[:20]))
    return 1 if broken else 0


def table(made: Laboratory, parts: list[str]) -> list[Verdict]:
    """Every row, each told as soon as it is known."""
    rows = {"kills": kills.rows, "faults": faults.rows}
    verdicts: list[Verdict] = []
    for part in parts:
        for verdict in rows[part](made):
            say(verdict.row())
            verdicts.append(verdict)
    return verdicts


def report(text: str, took: float) -> str:
    """The table with the command, the date and the machine."""
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    return (
        "# What faults leave behind\n\n"
        f"`make chaos`, {when}, {took:.0f} s, {machine}. Real PostgreSQL, Redis, Celery worker processes and the sandbox.\n"
        "Each row ends with nothing lost, orphaned or made twice; `tests/chaos/` says how each fault is made.\n\n"
        f"{text}\n"
    )


def say(text: str) -> None:
    """To the person, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
