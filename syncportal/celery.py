"""The Celery application and its schedule. Operation rows are the queue; Celery only notifies workers."""

import logging
import os
import signal
from typing import Any

from celery import Celery, signals
from django.conf import settings
from kombu.transport.redis import QoS

from syncportal import start

logger = logging.getLogger(__name__)

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
def warn_of_too_few_shares(instance: Any, **_: Any) -> None:
    """Warn where the setting is too small: it is all that a process knows of the others until Redis has answered."""
    if not instance.pool_cls.__module__.endswith("prefork"):
        return  # threads of one process count together
    processes = instance.max_concurrency or instance.concurrency  # the former with --autoscale
    if processes > settings.GRAPH_RATE_LIMIT_SHARES:
        logger.warning(
            "This worker runs %d processes, and GRAPH_RATE_LIMIT_SHARES is %d. Set GRAPH_RATE_LIMIT_SHARES to the number of "
            "processes of all workers together (%d or more): otherwise they may exceed Microsoft's quota while Redis does "
            "not answer.",
            processes,
            settings.GRAPH_RATE_LIMIT_SHARES,
            processes,
        )


_pool_handler: dict[str, Any] = {}  # the pool's own SIGTERM handler in a child


@signals.worker_shutting_down.connect
def stop_running_operations(**_: Any) -> None:
    """SIGTERM: running steps end within seconds or their operations return to the queue, and nothing new begins."""
    _engine().stop_worker()


@signals.worker_process_init.connect
def mark_pool_child(**_: Any) -> None:
    """A process of the pool may end itself once its operation is back in the queue."""
    _engine().mark_pool_child()
    _engine().exit_in_time()


@signals.task_prerun.connect
def replace_broken_connections(**_: Any) -> None:
    """Database connections are kept from task to task; one that broke or is too old is replaced before the next task."""
    from django.db import close_old_connections  # noqa: PLC0415  as `_engine`

    close_old_connections()


@signals.task_prerun.connect
def handle_sigterm_in_child(**_: Any) -> None:
    """A service manager may send SIGTERM to a worker's children as well: a child ends its running step first.

    Set before each task, because the pool sets its own handler after the child's initialisation.
    """
    if _engine().is_pool_child():
        _pool_handler["handler"] = signal.signal(signal.SIGTERM, lambda *_: _engine().stop_process())


@signals.task_postrun.connect
def end_stopped_child(**_: Any) -> None:
    """The task is done: restore the pool's handler, and send a SIGTERM that came meanwhile again."""
    if _engine().is_pool_child():
        signal.signal(signal.SIGTERM, _pool_handler.get("handler", signal.SIG_DFL))
        if _engine().is_process_stopping():
            os.kill(os.getpid(), signal.SIGTERM)


def _engine() -> Any:
    from registrations import engine  # noqa: PLC0415  Django is not set up when this module is read

    return engine
