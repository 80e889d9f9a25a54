"""The Celery application and its schedule. Operation rows are the queue; Celery only notifies workers."""

import os
from typing import Any

from celery import Celery, signals
from celery.worker import state
from kombu.transport.redis import QoS

from syncportal import start

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "syncportal.settings")

# A worker that loses its broker while it holds a message with a countdown would try to return the message, and crash
# (kombu 5.7: AttributeError in restore_unacked). The message may be lost instead: the row says when it is due.
QoS.restore_at_shutdown = False

app = Celery("syncportal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.conf.beat_schedule = {
    "run-due-operations": {"task": "registrations.tasks.sweep", "schedule": 20.0},
    "forget-expired-credentials": {"task": "registrations.tasks.forget_expired_credentials", "schedule": 300.0},
    "forget-old-password-tries": {"task": "registrations.tasks.forget_old_password_tries", "schedule": 900.0},
    "forget-abandoned-sign-ins": {"task": "onboarding.tasks.forget_sign_ins", "schedule": 300.0},
    "forget-ended-sessions": {"task": "onboarding.tasks.forget_sessions", "schedule": 24 * 3600.0},
}


@app.on_after_configure.connect
def refuse_without_keys(**_: Any) -> None:
    """Worker and scheduler configure themselves before anything else: without keys they end here, with one line."""
    start.require_keys()


@signals.celeryd_after_setup.connect
@signals.beat_init.connect
def check_database(**_: Any) -> None:
    """Worker and scheduler end here, with one line, if the database or the keys are not the right ones."""
    start.require_database_if_it_answers(start.WORKER_STATEMENT_SECONDS)


@signals.celeryd_after_setup.connect
def watch_over_threads(instance: Any, **_: Any) -> None:
    """Refuse other pools, and start the watchdog, which Celery's pool of threads needs in place of a hard time limit."""
    if not instance.pool_cls.__module__.endswith((".thread", ".solo")):
        raise SystemExit("SyncPortal's workers run threads: start this one without --pool.")
    _engine().start_watchdog(stop_consuming)


def stop_consuming(status: int) -> None:
    """Let this worker take no more messages, and end with this status, as soon as its event loop turns."""
    state.should_stop = status  # type: ignore[assignment]


@signals.worker_shutting_down.connect
def stop_running_operations(**_: Any) -> None:
    """SIGTERM: running steps end within seconds or their operations return to the queue, and nothing new begins."""
    _engine().stop_worker()


@signals.task_prerun.connect
def begin_task(task: Any, **_: Any) -> None:
    """Each thread keeps its connection from task to task; one that broke or is too old is replaced before the next task."""
    from django.db import close_old_connections  # noqa: PLC0415  as `_engine`

    _engine().task_begins(task.name)
    close_old_connections()


@signals.task_postrun.connect
def end_task(**_: Any) -> None:
    """The thread is free."""
    _engine().task_ends()


def _engine() -> Any:
    from registrations import engine  # noqa: PLC0415  Django is not set up when this module is read

    return engine
