"""The engine: it runs operations step by step, and knows nothing of what the steps mean.

This module is its door: kinds of operation, services, tasks and pages import from here, and no other module of the
package is imported by the rest of the product. `registry` knows the kinds, `queue` requests and resumes, `runner` runs the steps,
`transitions` and `failures` commit the outcomes, `lease`, `shutdown` and `watchdog` keep workers apart, `retry_schedule` says when a
step is tried again, `run_context` and `checkpoints` are what steps use, and `clock` corrects times that were set wrong.
"""

from registrations.engine.checkpoints import (
    current_notes,
    delete_credential,
    delete_expired_credentials,
    locked,
    require_lease,
    save_notes,
)
from registrations.engine.clock import check_clock, fix_clock_skew
from registrations.engine.queue import (
    CANCELLABLE,
    cancel,
    due,
    postpone,
    priorities_of,
    prioritise,
    request,
    resume,
    wait_of,
    waits_of,
    wake,
)
from registrations.engine.registry import (
    RESUMABLE,
    Kind,
    Obstacle,
    Step,
    history_subject,
    kind_of,
    kinds,
    obstacle_to,
    register,
    subject_of,
    with_obstacles,
)
from registrations.engine.run_context import cached, get_value, on_step_commit, set_value
from registrations.engine.runner import run
from registrations.engine.shutdown import stop_worker
from registrations.engine.watchdog import start as start_watchdog
from registrations.engine.watchdog import task_begins, task_ends

__all__ = [
    "CANCELLABLE",
    "RESUMABLE",
    "Kind",
    "Obstacle",
    "Step",
    "cached",
    "cancel",
    "check_clock",
    "current_notes",
    "delete_credential",
    "delete_expired_credentials",
    "due",
    "fix_clock_skew",
    "get_value",
    "history_subject",
    "kind_of",
    "kinds",
    "locked",
    "obstacle_to",
    "on_step_commit",
    "postpone",
    "priorities_of",
    "prioritise",
    "register",
    "request",
    "require_lease",
    "resume",
    "run",
    "save_notes",
    "set_value",
    "start_watchdog",
    "stop_worker",
    "subject_of",
    "task_begins",
    "task_ends",
    "wait_of",
    "waits_of",
    "wake",
    "with_obstacles",
]
