"""`python -m tests.chaos`: hurt the product in every way of the table, print the table, fail where a row does not hold."""

import argparse
import datetime
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from demo.processes import end_with_parent
from tests.chaos import bulk_load, disruptions, faults, kills, mixes, writes
from tests.chaos.environment import Environment, running_environment
from tests.chaos.results import HEADER, Result


def bulk_load_and_other_methods(environment: Environment) -> Iterator[Result]:
    """Bulk jobs, then kills with the other connection methods: together because this part is the shortest."""
    yield from bulk_load.rows(environment)
    yield from kills.other_ways(environment)


# Each part has a environment of its own, and all are at work at once: most of the time is spent waiting for the product.
PARTS: dict[str, Callable[[Environment], Iterator[Result]]] = {
    "kills": kills.rows,
    "disturbed": kills.disturbed,
    "answers": faults.answers,
    "disruptions": disruptions.rows,
    "writes": writes.rows,
    "bulk_load": bulk_load_and_other_methods,
}


def main() -> int:
    """Run the parts, or one of them, or random mixes."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("part", nargs="?", choices=list(PARTS), help="default: all, side by side")
    parser.add_argument("--seconds", type=int, help="random mixes of faults for so long, in place of the table")
    parser.add_argument("--seed", type=int, help="replay the mixes that were printed with this seed")
    parser.add_argument("--write", type=Path, help="keep the table in this file too")
    parser.add_argument("--rows", type=Path, help="keep the rows as JSON in this file, for the process that asked")
    arguments = parser.parse_args()
    began = time.monotonic()
    if arguments.seconds:
        with running_environment() as environment:
            results = mixes.rows(environment, arguments.seconds, arguments.seed, say)
    elif arguments.part:
        with running_environment() as environment:
            results = [printed(result) for result in PARTS[arguments.part](environment)]
    else:
        results = side_by_side()
    if arguments.rows:
        arguments.rows.write_text(json.dumps([result.as_json() for result in results]))
        return 0
    took = time.monotonic() - began
    text = f"{HEADER}\n" + "\n".join(result.row() for result in results)
    say(f"\n{text}\n\n{len(results)} rows in {took:.0f} s.")
    if arguments.write:
        keep(arguments.write, text, len(results), took)
    failed = [result for result in results if not result.passed]
    for result in failed:
        say(f"\nFailed: {result.fault}\n  " + "\n  ".join(result.details[:20]))
    return 1 if failed else 0


def side_by_side() -> list[Result]:
    """Run all parts in parallel, each in its own process. Returns their rows in the table's order; SystemExit if a part breaks."""
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="syncportal-chaos-") as directory:
        files = {part: Path(directory) / f"{part}.json" for part in PARTS}
        command = [sys.executable, "-m", "tests.chaos"]
        children = {
            part: subprocess.Popen([*command, part, "--rows", str(file)], preexec_fn=end_with_parent)  # noqa: PLW1509
            for part, file in files.items()
        }
        statuses = {part: child.wait() for part, child in children.items()}
        for part, status in statuses.items():
            if status:
                raise SystemExit(f"The part {part!r} of the chaos suite broke: see above, and var/chaos-logs.")
            results += [Result.from_json(row) for row in json.loads(files[part].read_text())]
    return results


def printed(result: Result) -> Result:
    """Print the row of a result and return the result."""
    say(result.row())
    return result


MADE_BELOW = "<!-- Made by `make chaos WRITE=docs/chaos.md`; what stands above this line is kept. -->"


def keep(file: Path, text: str, rows: int, took: float) -> None:
    """Write the table with the command, the date and the machine below the marked line of the file."""
    when = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    machine = f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f}"
    above, mark, _ = (file.read_text() if file.exists() else "").partition(MADE_BELOW)
    made = f"`make chaos`, {when}: {rows} rows in {took:.0f} s, {machine} at the end.\n\n{text}\n"
    file.write_text(f"{above}{mark}\n\n{made}" if mark else made)


def say(text: str) -> None:
    """To the person, at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
