"""`python -m tests.chaos.worker worker PROCESSES ...`: the product's Celery application in instrumented processes, kept running.

`python -m tests.chaos.worker beat ...` sweeps every second instead of every 20. Some other limits are lower too.
"""

import os
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

from celery import signals

from syncportal.celery import app
from tests.chaos import service_manager

SWEEP_SECONDS = 1.0
AT_WORK, AT_ONCE = 9, 2  # instead of 48 and 8, so that small jobs too start operations while they run
REPLICATES_WITHIN = (
    "25"  # seconds instead of ten minutes; the sandbox lags a dozen at most, unless a row says otherwise
)
BELIEVE_GONE_AFTER = timedelta(seconds=8)  # instead of a minute, with the same number of lookups
ENTERED_VALUES_NEW_FOR = timedelta(seconds=8)  # instead of a minute


@signals.worker_init.connect
def instrument(**_: Any) -> None:
    """Instrument this process, in which Django is ready."""
    from onboarding.services import existing_registration  # noqa: PLC0415  Django is ready only now
    from registrations.applications import replication  # noqa: PLC0415
    from registrations.engine import lease, watchdog  # noqa: PLC0415
    from registrations.services import bulk_jobs  # noqa: PLC0415  Django is ready only now
    from tests.chaos import clock, deletion_fixtures, kill_points  # noqa: PLC0415  as above

    directory = Path(os.environ[kill_points.DIRECTORY])
    kill_points.install(directory)
    clock.install(directory)
    deletion_fixtures.install(directory)
    replication.CONFIRM_DELETED_AFTER = BELIEVE_GONE_AFTER
    replicates_within = os.environ.get(service_manager.REPLICATES_WITHIN, REPLICATES_WITHIN)
    replication.REPLICATES_WITHIN = timedelta(seconds=float(replicates_within))
    existing_registration.REPLICATION_TIME = ENTERED_VALUES_NEW_FOR
    bulk_jobs.MAX_LIVE, bulk_jobs.BATCH_SIZE = AT_WORK, AT_ONCE
    if service_manager.LONGEST_STEP in os.environ:
        lease.LONGEST_STEP = timedelta(seconds=float(os.environ[service_manager.LONGEST_STEP]))
        watchdog.HUNG_AFTER = timedelta(seconds=float(os.environ[service_manager.HUNG_AFTER]))


if __name__ == "__main__":
    app.conf.beat_schedule["run-due-operations"]["schedule"] = SWEEP_SECONDS
    sys.exit(service_manager.run(app, sys.argv[1:], Path(os.environ["CHAOS_DIRECTORY"])))
