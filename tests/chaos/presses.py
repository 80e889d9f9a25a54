"""People who press at the same moment: Provision, Resume and Cancel of one instance and its operation.

`python -m tests.chaos.presses HOST OPERATION BUTTON...` presses within the product, each button in a thread of its own, and prints
what each was told as JSON. The operation is `-` where none is pressed on.
"""

import json
import sys
import threading
from collections import Counter
from typing import Any

from tests.chaos.environment import ENDED, Environment
from tests.chaos.faults import PATIENCE_SECONDS, refusing
from tests.chaos.verdict import Verdict, judge

FAULT = "people pressing Provision, Resume and Cancel at the same moment"
DONE = "done"
SETTINGS = r"/system-settings$"  # of the UMP, which a step reads first
SOON_SECONDS = 30.0
PROVISION, RESUME, CANCEL = "provision", "resume", "cancel"
ALL = (PROVISION, RESUME, CANCEL) * 2
OF_HOST = "SELECT id::text, status FROM registrations_operation WHERE subject_label = %s ORDER BY created_at"


def pressed_together(environment: Environment) -> Verdict:
    """Several people press for one instance: while nothing is at work, on a failed operation, and on one that waits."""
    before = len(_operations(environment))
    complaints = _press(environment, "-", (PROVISION,) * 3)
    for status, headers, ends in ((400, {}, "failed"), (503, {"Retry-After": "30"}, "waiting")):
        fault = refusing("GET", SETTINGS, status, {"error": "chaos"}, headers=headers, times=1)
        environment.fault(**{**fault, "service": "ump"})
        complaints += _press(environment, "-", (PROVISION,), to_its_end=False)
        operation = list(_operations(environment))[-1]
        if environment.wait_until(lambda: _operations(environment)[operation] == ends, SOON_SECONDS):  # noqa: B023
            complaints += _press(environment, operation, ALL)
        else:
            complaints.append(f"did not happen: {operation} is not {ends}")
    complaints += _press(environment, "-", (PROVISION,))  # however they ended: one more brings all to its good end
    made = list(_operations(environment))[before:]
    verdict = judge(environment, FAULT, made, ENDED)
    verdict.tried, last = len(made), _operations(environment)[made[-1]]
    complaints += [f"the last one is {last}"] if last != "succeeded" else []
    verdict.lost += len(complaints)
    verdict.details += complaints
    return verdict


def _operations(environment: Environment) -> dict[str, str]:
    """Status of each operation of the seeded instance, the oldest first."""
    return dict(environment.query(OF_HOST, [environment.seeding.host]))


def _press(environment: Environment, operation: str, buttons: tuple[str, ...], *, to_its_end: bool = True) -> list[str]:
    """Press at once and wait until all has ended. Returns what is wrong with what people were told and what became of it."""
    host, before = environment.seeding.host, len(_operations(environment))
    told = json.loads(environment.run_module("tests.chaos.presses", host, operation, *buttons))
    complaints = [f"{button} of {operation} met {words}" for button, words in told if words.startswith("broke")]

    def ended() -> bool:
        live = [pk for pk, status in _operations(environment).items() if status not in ENDED]
        if len(live) > 1:
            complaints.append(f"two live operations of one instance: {live}")
        return not live

    if to_its_end and not environment.wait_until(ended, PATIENCE_SECONDS):
        complaints.append(f"not ended after {buttons}")
    done = Counter(button for button, words in told if words == DONE)
    begun = len(_operations(environment)) - before
    if begun != done[PROVISION]:
        complaints.append(f"{done[PROVISION]} were told that they began one, and {begun} began")
    if done[CANCEL] > 1:
        complaints.append("two were told that they cancelled the same operation")
    wanted = "cancelled" if done[CANCEL] else "succeeded" if done[RESUME] else "failed"
    if operation != "-" and _operations(environment)[operation] != wanted:
        complaints.append(f"{operation} is {_operations(environment)[operation]} after {told}")
    return complaints


def main() -> int:
    """Press, within the product."""
    import django  # noqa: PLC0415  Environment's process imports this module without Django

    django.setup()
    host, operation, *buttons = sys.argv[1:]
    together = threading.Barrier(len(buttons))
    told: list[tuple[str, str]] = []

    def press(button: str) -> None:
        told.append((button, _pressed(together, host, operation, button)))

    threads = [threading.Thread(target=press, args=(button,)) for button in buttons]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _pressed(together: threading.Barrier, host: str, operation_id: str, button: str) -> str:
    from django.db import connection  # noqa: PLC0415  as above

    from registrations import (  # noqa: PLC0415
        audit,
        tasks,
    )
    from registrations.errors import WrongStateError  # noqa: PLC0415
    from registrations.models import Operation, UmpInstance  # noqa: PLC0415
    from registrations.services import operations, provisioning  # noqa: PLC0415

    app_name, _, domain = host.partition(".")
    instance = UmpInstance.objects.get(app_name=app_name, provider__domain=domain)
    operation: Any = Operation.objects.filter(pk=operation_id).first() if operation_id != "-" else None
    together.wait()
    try:
        if button == PROVISION:
            tasks.ring(provisioning.request(instance, actor=audit.SYSTEM).pk)
        elif button == RESUME:
            operations.resume(operation, actor=audit.SYSTEM)
            tasks.ring(operation.pk)
        else:
            operations.cancel(operation, actor=audit.SYSTEM)
    except WrongStateError as refusal:
        return f"refused: {refusal}"
    except Exception as error:  # noqa: BLE001  whatever it is: somebody was told it
        return f"broke: {type(error).__name__}: {error}"
    finally:
        connection.close()
    return DONE


if __name__ == "__main__":
    sys.exit(main())
