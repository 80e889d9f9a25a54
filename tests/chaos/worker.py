"""`python -m tests.chaos.worker ...`: the product's own Celery application, with its workers watched for points to die at.

`python -m tests.chaos.worker beat ...` sweeps each second instead of each 20. What is missing is believed to be gone sooner.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import signals

from syncportal.celery import app

SWEEP_SECONDS = 1.0
AT_WORK, AT_ONCE = 9, 2  # in place of 48 and 8: so small jobs are fed while they run as well
BELIEVE_GONE_AFTER = timedelta(seconds=8)  # in place of a minute, and with as many looks


@signals.worker_process_init.connect
def watch(**_: Any) -> None:
    """Django is ready and the child is forked."""
    from registrations.applications import replication  # noqa: PLC0415
    from registrations.services import bulk_jobs  # noqa: PLC0415  they need Django
    from tests.chaos import clock, points  # noqa: PLC0415

    directory = Path(os.environ[points.DIRECTORY])
    points.install(directory)
    clock.install(directory)
    replication.CONFIRM_DELETED_AFTER = BELIEVE_GONE_AFTER
    bulk_jobs.MAX_LIVE, bulk_jobs.BATCH_SIZE = AT_WORK, AT_ONCE


if __name__ == "__main__":
    app.conf.beat_schedule["run-due-operations"]["schedule"] = SWEEP_SECONDS
    app.start(sys.argv[1:])
