"""The Celery application and its schedule. Operation rows are the queue; Celery only rings the bell."""

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

# A worker that loses its broker while it holds a bell with a countdown would try to give the bell back, and end itself over it
# (kombu 5.7: AttributeError in restore_unacked). Bells are not worth it: the row knows when it is due.
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
def warn_of_too_few_shares(instance: Any, **_: Any) -> None:
    """A process that has not met Redis yet knows of no other than those that the setting names."""
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


_usual: dict[str, Any] = {}  # what the pool's own child does on SIGTERM


@signals.worker_shutting_down.connect
def hand_work_back(**_: Any) -> None:
    """SIGTERM: the steps in hand end within seconds or are given back, and nothing new begins."""
    _leases().stop_worker()


@signals.worker_process_init.connect
def say_it_is_a_child(**_: Any) -> None:
    """A process of the pool may end itself once its work is given back."""
    _leases().in_pool_child()
    _leases().end_in_time()


@signals.task_prerun.connect
def mend_connections(**_: Any) -> None:
    """A database connection is kept from task to task; one that broke or is too old is replaced before the next."""
    from django.db import close_old_connections  # noqa: PLC0415  as `_leases`

    close_old_connections()


@signals.task_prerun.connect
def hear_stop_in_child(**_: Any) -> None:
    """A service manager may send SIGTERM to a worker's children as well: a child with a step in hand ends it first.

    Set before each task, because the pool sets its own handler after the child's initialisation.
    """
    if _leases().is_pool_child():
        _usual["handler"] = signal.signal(signal.SIGTERM, lambda *_: _leases().stop_process())


@signals.task_postrun.connect
def end_stopped_child(**_: Any) -> None:
    """What was in hand is done: now the signal does what it usually does."""
    if _leases().is_pool_child():
        signal.signal(signal.SIGTERM, _usual.get("handler", signal.SIG_DFL))
        if _leases().is_process_stopping():
            os.kill(os.getpid(), signal.SIGTERM)


def _leases() -> Any:
    from registrations.services import leases  # noqa: PLC0415  Django is not set up when this module is read

    return leases
