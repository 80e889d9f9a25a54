"""`python -m tests.bench.worker ...`: the product's Celery application, with an operation that does nothing and a bare task.

The empty operation has three steps, the bare task writes one row: the difference is the engine's overhead.
"""

import sys
from typing import Any

from celery import signals

from syncportal.celery import app


@app.task(name="tests.bench.bare")
def bare(number: int) -> None:
    """What any Celery task needs to write one row."""
    from django.contrib.sessions.models import Session  # noqa: PLC0415  Django is set up by then
    from django.utils import timezone  # noqa: PLC0415  as above

    Session.objects.create(session_key=f"bench-{number}", session_data="x", expire_date=timezone.now())


@signals.worker_process_init.connect
def register(**_: Any) -> None:
    """Django is ready and the child is forked."""
    from tests.bench.workloads import register_nothing  # noqa: PLC0415  it needs Django

    register_nothing()


if __name__ == "__main__":
    app.start(sys.argv[1:])
