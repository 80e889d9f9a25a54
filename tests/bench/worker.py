"""`python -m tests.bench.worker worker PROCESSES ...`: the product's Celery application with an empty operation and a bare task.

The empty operation has three steps, the bare task writes one row: the difference is the engine's overhead.
"""

import os
import sys
from pathlib import Path
from typing import Any

from celery import signals

from syncportal.celery import app
from tests.chaos import service_manager


@app.task(name="tests.bench.bare")
def bare(number: int) -> None:
    """What any Celery task needs to write one row."""
    from django.contrib.sessions.models import Session  # noqa: PLC0415  Django is set up by then
    from django.utils import timezone  # noqa: PLC0415  as above

    Session.objects.create(session_key=f"bench-{number}", session_data="x", expire_date=timezone.now())


@signals.worker_init.connect
def register(**_: Any) -> None:
    """Django is ready."""
    from tests.bench.workloads import register_nothing  # noqa: PLC0415  it needs Django

    register_nothing()


if __name__ == "__main__":
    sys.exit(service_manager.run(app, sys.argv[1:], Path(os.environ["CHAOS_DIRECTORY"])))
