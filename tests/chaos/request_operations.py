"""`python -m tests.chaos.request_operations KIND COUNT`: create fixtures, request operations, and print them as JSON lines.

The kind `bulk` requests one job with COUNT instances in each of two tenants and prints the job's id. `--points FILE` is a JSON
list with the kill point of each operation; `--record` records the points that the operations pass; `--hang` says when a step of
each hangs, and for how many seconds.
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
    "requeued",
    "deleted_provision",
    "deleted_connect",
    "deleted_existing",
    "deleted_token",
)
FOLDERS = ("record", "plan", "killed", "begun", "hang", "hung", "deletions")
BULK, TENANTS = "bulk", 2
# Stands for an operation's id in code that follows the run of a bulk job's operation: the first process at the point is killed.
AFTER_RUN = "after a run"


def main() -> int:
    """Create the rows and request the operations, or the bulk job."""
    parser = argparse.ArgumentParser()
    parser.add_argument("kind", choices=[*KINDS, BULK])
    parser.add_argument("count", type=int)
    parser.add_argument("--points", type=Path)
    parser.add_argument("--record", action="store_true")
    parser.add_argument("--hang", default="")
    parser.add_argument("--deletions", type=Path)
    parser.add_argument("--empty-seconds", type=int, default=0)
    arguments = parser.parse_args()
    django.setup()
    if arguments.kind == BULK:
        from tests.chaos.bulk_fixtures import request_bulk  # noqa: PLC0415  Django is set up only now

        sys.stdout.write(f"{request_bulk(arguments.count, TENANTS, arguments.empty_seconds)}\n")
        return 0
    nothing: list[Any] = [None] * arguments.count
    points = json.loads(arguments.points.read_text()) if arguments.points else nothing
    deletions = json.loads(arguments.deletions.read_text()) if arguments.deletions else nothing
    _request_all(arguments.kind, points, deletions, record=arguments.record, hang=arguments.hang)
    return 0


def _request_all(kind: str, points: list[str | None], deletions: list[Any], *, record: bool, hang: str) -> None:
    """One operation for each point; its plan is written before a worker can see the operation."""
    from tests.chaos import (  # noqa: PLC0415  Django is set up only now
        connection_methods,
        deletion_fixtures,
        fixtures,
        preconditions,
    )

    factories = {
        **fixtures.FACTORIES,
        **connection_methods.FACTORIES,
        **preconditions.FACTORIES,
        **deletion_fixtures.FACTORIES,
    }
    factory, operations = factories[kind](len(points)), []
    for number in range(len(points)):
        with fixtures.fixture_transaction():
            factory.make(number)
    for number, point in enumerate(points):

        def request() -> Any:
            operation = factory.request(number)  # noqa: B023  called at once
            _prepare(str(operation.pk), point, deletions[number], record=record, hang=hang)  # noqa: B023  as above
            return operation

        operation = fixtures.retried_once(request)
        operations.append(operation)
        sys.stdout.write(json.dumps({"operation": str(operation.pk), "subject": str(operation.subject_id)}) + "\n")
    factory.answer_questions(operations)


def _prepare(name: str, point: str | None, deletion: Any, *, record: bool, hang: str) -> None:
    directory = Path(os.environ["CHAOS_DIRECTORY"])
    for folder in FOLDERS:
        (directory / folder).mkdir(parents=True, exist_ok=True)
    if record:
        (directory / "record" / name).touch()
    if hang:
        (directory / "hang" / name).write_text(hang)
    if point:
        (directory / "plan" / name).write_text(json.dumps(point))
    if deletion:
        (directory / "deletions" / name).write_text(json.dumps(deletion))


if __name__ == "__main__":
    sys.exit(main())
