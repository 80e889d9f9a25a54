"""The engine: it runs operations step by step, and knows nothing of what the steps mean.

This module is its door: kinds of operation, services, tasks and pages import from here, and no other module of the
package is imported by the rest of the product. `registry` knows the kinds, `queue` requests and resumes, `runner` runs the steps,
`transitions` and `failures` commit the outcomes, `lease` and `shutdown` keep workers apart, `retry_schedule` says when a
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
    RESUMABLE,
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
from registrations.engine.registry import Kind, Step, history_subject, kind_of, kinds, register, subject_of
from registrations.engine.run_context import cached, get_value, on_step_commit, set_value
from registrations.engine.runner import run
from registrations.engine.shutdown import (
    exit_in_time,
    is_pool_child,
    is_process_stopping,
    mark_pool_child,
    stop_process,
    stop_worker,
)

__all__ = [
    "CANCELLABLE",
    "RESUMABLE",
    "Kind",
    "Step",
    "cached",
    "cancel",
    "check_clock",
    "current_notes",
    "delete_credential",
    "delete_expired_credentials",
    "due",
    "exit_in_time",
    "fix_clock_skew",
    "get_value",
    "history_subject",
    "is_pool_child",
    "is_process_stopping",
    "kind_of",
    "kinds",
    "locked",
    "mark_pool_child",
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
    "stop_process",
    "stop_worker",
    "subject_of",
    "wait_of",
    "waits_of",
    "wake",
]
