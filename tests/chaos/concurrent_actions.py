"""Staff who act at the same moment: Provision, Resume and Cancel of one instance and its operation.

`python -m tests.chaos.concurrent_actions HOST OPERATION ACTION...` runs the actions with the product's settings, each in a thread
of its own, and prints the answer to each as JSON. OPERATION is `-` where there is none.
"""

import json
import sys
import threading
from collections import Counter
from typing import Any

from tests.chaos.checks import check
from tests.chaos.environment import ENDED, Environment
from tests.chaos.faults import TIMEOUT_SECONDS, refusing
from tests.chaos.results import Result

FAULT = "concurrent Provision, Resume and Cancel of one instance"
DONE = "done"
SETTINGS = r"/system-settings$"  # of the UMP: the first thing that a step reads
REFUSAL = {"error": {"code": "invalid", "message": "chaos"}}  # without a code, the step would be tried again
SOON_SECONDS = 30.0
PROVISION, RESUME, CANCEL = "provision", "resume", "cancel"
ALL = (PROVISION, RESUME, CANCEL) * 2
OF_HOST = "SELECT id::text, status FROM registrations_operation WHERE subject_label = %s ORDER BY created_at"


def run_together(environment: Environment) -> Result:
    """Concurrent actions on one instance: without a live operation, on a failed operation, and on a waiting one."""
    before = len(_operations(environment))
    failures = _act(environment, "-", (PROVISION,) * 3)
    for status, headers, ends in ((400, {}, "failed"), (503, {"Retry-After": "30"}, "waiting")):
        fault = refusing("GET", SETTINGS, status, REFUSAL, headers=headers, times=1)
        environment.fault(**{**fault, "service": "ump"})
        failures += _act(environment, "-", (PROVISION,), until_ended=False)
        operation = list(_operations(environment))[-1]
        if environment.wait_until(lambda: _operations(environment)[operation] == ends, SOON_SECONDS):  # noqa: B023  called at once
            failures += _act(environment, operation, ALL)
        else:
            failures.append(f"did not happen: {operation} is not {ends}")
    failures += _act(environment, "-", (PROVISION,))  # however these ended, one more must succeed
    made = list(_operations(environment))[before:]
    result = check(environment, FAULT, made, ENDED)
    result.tried, last = len(made), _operations(environment)[made[-1]]
    failures += [f"the last one is {last}"] if last != "succeeded" else []
    result.lost += len(failures)
    result.details += failures
    return result


def _operations(environment: Environment) -> dict[str, str]:
    """Status of each operation of the seeded instance, oldest first."""
    return dict(environment.query(OF_HOST, [environment.seeding.host]))


def _act(environment: Environment, operation: str, actions: tuple[str, ...], *, until_ended: bool = True) -> list[str]:
    """Run the actions at once and wait until every operation has ended. Returns what is wrong with answers and outcomes."""
    host, before = environment.seeding.host, len(_operations(environment))
    answers = json.loads(environment.run_module("tests.chaos.concurrent_actions", host, operation, *actions))
    failures = [f"{action} of {operation} raised {text}" for action, text in answers if text.startswith("error")]

    def ended() -> bool:
        live = [pk for pk, status in _operations(environment).items() if status not in ENDED]
        if len(live) > 1:
            failures.append(f"two live operations of one instance: {live}")
        return not live

    if until_ended and not environment.wait_until(ended, TIMEOUT_SECONDS):
        failures.append(f"not ended after {actions}")
    done = Counter(action for action, text in answers if text == DONE)
    begun = len(_operations(environment)) - before
    if begun != done[PROVISION]:
        failures.append(f"{done[PROVISION]} answers said that an operation was requested, but there are {begun}")
    if done[CANCEL] > 1:
        failures.append("two answers said that they cancelled the same operation")
    wanted = "cancelled" if done[CANCEL] else "succeeded" if done[RESUME] else "failed"
    if operation != "-" and _operations(environment)[operation] != wanted:
        failures.append(f"{operation} is {_operations(environment)[operation]} after {answers}")
    return failures


def main() -> int:
    """Run the actions with the product's settings."""
    import django  # noqa: PLC0415  Environment's process imports this module without Django

    django.setup()
    host, operation, *actions = sys.argv[1:]
    together = threading.Barrier(len(actions))
    answers: list[tuple[str, str]] = []

    def act(action: str) -> None:
        answers.append((action, _answer(together, host, operation, action)))

    threads = [threading.Thread(target=act, args=(action,)) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(answers) + "\n")
    return 0


def _answer(together: threading.Barrier, host: str, operation_id: str, action: str) -> str:
    from django.db import connection  # noqa: PLC0415  as above

    from registrations import (  # noqa: PLC0415
        audit,
        tasks,
    )
    from registrations.engine import queue  # noqa: PLC0415
    from registrations.errors import WrongStateError  # noqa: PLC0415  as above
    from registrations.models import Operation, UmpInstance  # noqa: PLC0415  as above
    from registrations.services import provisioning  # noqa: PLC0415  as above

    app_name, _, domain = host.partition(".")
    instance = UmpInstance.objects.get(app_name=app_name, provider__domain=domain)
    operation: Any = Operation.objects.filter(pk=operation_id).first() if operation_id != "-" else None
    together.wait()
    try:
        if action == PROVISION:
            tasks.enqueue(provisioning.request(instance, actor=audit.SYSTEM).pk)
        elif action == RESUME:
            queue.resume(operation, actor=audit.SYSTEM)
            tasks.enqueue(operation.pk)
        else:
            queue.cancel(operation, actor=audit.SYSTEM)
    except WrongStateError as refusal:
        return f"refused: {refusal}"
    except Exception as error:  # noqa: BLE001  any other error is reported in the row
        return f"error: {type(error).__name__}: {error}"
    finally:
        connection.close()
    return DONE


if __name__ == "__main__":
    sys.exit(main())
