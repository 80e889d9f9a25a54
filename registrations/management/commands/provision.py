"""`manage.py provision`: start the provisioning of UMP instances and, if asked, follow each to its end."""

import time
from typing import Any, ClassVar

from django.core.management.base import CommandError, CommandParser

from registrations import audit, canonical, engine, tasks
from registrations.clean_text import Kind
from registrations.errors import WrongStateError
from registrations.management.reporting import ReportingCommand
from registrations.models import Operation, UmpInstance
from registrations.models.steps import StepOutcome
from registrations.services import provisioning

POLL_SECONDS = 0.25
WORKER_SECONDS = 5.0  # how long a due operation is left to the workers before this command works on it itself


class Command(ReportingCommand):
    """Exits 0 only where everything asked for was done: queued without --wait, succeeded with it."""

    workers_hear = True
    kinds: ClassVar = {"hosts": Kind.IDENTIFIER}
    help = "Provision the sync app of one or more UMP instances."

    def add_arguments(self, parser: CommandParser) -> None:
        """Hosts and how to follow."""
        super().add_arguments(parser)
        parser.add_argument("hosts", nargs="+", metavar="HOST", help="for example umptoken.finebak.com")
        parser.add_argument("--wait", action="store_true", help="follow each operation to its end and print each step")
        parser.add_argument(
            "--adopt",
            action="store_true",
            help="take over, without asking, the application that is in Entra already under this unique name, or was "
            "created manually for this host; if there are several of these, the operation asks",
        )

    def act(self, options: dict[str, Any]) -> None:
        """Queue all, then follow one after the other. Raises CommandError naming the hosts that did not succeed."""
        instances = list({found.pk: found for found in map(_instance, options["hosts"])}.values())
        started = [self._start(instance, adopt=options["adopt"]) for instance in instances]
        if not options["wait"]:
            return
        unfinished = [operation.subject_label for operation in started if not self._follow(operation)]
        if unfinished:
            raise CommandError(f"Not provisioned: {', '.join(unfinished)}.")

    def _start(self, instance: UmpInstance, *, adopt: bool) -> Operation:
        try:
            operation = provisioning.request(instance, actor=audit.command_line(), adopt_existing=adopt)
            self.workers_hear = tasks.enqueue(operation.pk)
            said = "queued" if self.workers_hear else "queued; the broker cannot be reached, a worker will find it"
        except WrongStateError:
            live = Operation.objects.live().newest_of(instance, provisioning.KIND)
            if live is None:
                raise
            if adopt and live.error_code == provisioning.ADOPTION_NEEDED:
                provisioning.adopt(live, actor=audit.command_line())
            operation, said = live, "under way already"
        self.report(f"{instance.host}: {said}.", host=instance.host, operation=operation.pk, status=said)
        return operation

    def _follow(self, operation: Operation) -> bool:
        """Print each step as it is done; work on the row ourselves where no worker takes it. True for success."""
        reported: set[str] = set()
        due_since: float | None = None
        while True:
            operation.refresh_from_db()
            self._report_steps(operation, reported)
            if not operation.is_live:
                return self._report_end(operation)
            if operation.status == Operation.Status.WAITING and operation.next_attempt_at is None:
                self.report(
                    f"{operation.subject_label}: waits for {operation.waits_for}. {operation.message}",
                    host=operation.subject_label,
                    status=operation.status,
                    waits_for=operation.waits_for,
                    message=operation.message,
                )
                return False
            due_since = self._work_if_nobody_does(operation, due_since)
            time.sleep(POLL_SECONDS)

    def _work_if_nobody_does(self, operation: Operation, due_since: float | None) -> float | None:
        if operation.pk not in engine.due():
            return None
        now = time.monotonic()
        due_since = due_since or now
        if self.workers_hear and now - due_since < WORKER_SECONDS:
            return due_since
        engine.run(operation.pk)
        return None

    def _report_steps(self, operation: Operation, reported: set[str]) -> None:
        for step in operation.steps:
            if step.status == "done" and step.name not in reported:
                reported.add(step.name)
                self.report(
                    f"  done  {step.title}. {step.note}",
                    host=operation.subject_label,
                    step=step.name,
                    status="done",
                    note=step.note,
                )

    def _report_end(self, operation: Operation) -> bool:
        done = operation.status == Operation.Status.SUCCEEDED
        unverified = any(step.outcome == StepOutcome.UNVERIFIED for step in operation.steps)
        active = "is active; its values were entered by hand and are not verified" if unverified else "is active"
        sentence = active if done else f"{operation.status}. {operation.message}"
        self.report(
            f"{operation.subject_label}: {sentence}",
            host=operation.subject_label,
            status=operation.status,
            message=operation.message,
        )
        return done


def _instance(host: str) -> UmpInstance:
    app_name, _, domain = canonical.host(host).partition(".")
    found = (
        UmpInstance.objects.select_related("provider__tenant")
        .filter(app_name=app_name, provider__domain=domain)
        .first()
    )
    if found is None:
        raise CommandError(
            f"{host} is not a UMP instance that SyncPortal knows. Import it or add it in the admin first."
        )
    return found
