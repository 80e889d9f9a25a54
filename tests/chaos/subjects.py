"""`python -m tests.chaos.subjects KIND COUNT`: rows to work on, made within the product, as JSON lines of what was asked for.

The kind `bulk` is one job of so many instances in each of two tenants: the product begins its operations, and the job's id is printed.
With `--points FILE` each operation is to be killed at the point of its line; with `--record` the points are noted.
"""

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

import django

KINDS = (
    "provision",
    "connect",
    "connect_existing",
    "connect_token",
    "renew",
    "prepaid",
    "purge",
    "restore",
    "put back",
)
FOLDERS = ("record", "plan", "met", "begun")
BULK, TENANTS = "bulk", 2
# What follows the turn of a bulk job's operation, in place of an operation's id: whoever comes to its point first dies for all.
AFTER_TURN = "after a turn"


def main() -> int:
    """Make the rows and request the operations; each plan is there before a worker can see its operation."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*KINDS, BULK])
    parser.add_argument("count", type=int)
    parser.add_argument("--points", type=Path)
    parser.add_argument("--record", action="store_true")
    arguments = parser.parse_args()
    django.setup()
    if arguments.kind == BULK:
        from tests.chaos.bulk_rows import request_bulk  # noqa: PLC0415  Django is set up only now

        sys.stdout.write(f"{request_bulk(arguments.count, TENANTS)}\n")
        return 0
    fatal = json.loads(arguments.points.read_text()) if arguments.points else [None] * arguments.count
    from tests.chaos import rows, staged, ways  # noqa: PLC0415  Django is set up only now

    maker, operations = {**rows.MAKERS, **ways.MAKERS, **staged.MAKERS}[arguments.kind](arguments.count), []
    for number in range(arguments.count):
        with rows.fixture():
            maker.make(number)
    for number in range(arguments.count):

        def request() -> Any:
            operation = maker.request(number)  # noqa: B023  called at once
            _prepare(str(operation.pk), fatal[number], record=arguments.record)  # noqa: B023
            return operation

        operation = rows.pressing_again(request)
        operations.append(operation)
        sys.stdout.write(json.dumps({"operation": str(operation.pk), "subject": str(operation.subject_id)}) + "\n")
    maker.attend(operations)
    return 0


def _prepare(name: str, point: str | None, *, record: bool) -> None:
    directory = Path(os.environ["CHAOS_DIRECTORY"])
    for folder in FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
    if record:
        (directory / "record" / name).touch()
    if point:
        (directory / "plan" / name).write_text(json.dumps(point))


if __name__ == "__main__":
    sys.exit(main())
