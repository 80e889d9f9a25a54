"""Bulk jobs: progress, rate, and what is left of Microsoft's quota; paused and cancelled tenant by tenant."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import Count, OuterRef, Prefetch, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from registrations import admin_html, connections, states, tasks
from registrations.admin.base import ReadOnlyAdmin, actor_of
from registrations.admin.state_columns import state_filter
from registrations.models import BulkItem, BulkJob, BulkPart, Operation
from registrations.services import bulk_jobs

SHOWN = 50  # items that need attention, and as many that still run, on the job's page
Status = BulkPart.Status


@dataclass(frozen=True)
class Act:
    """An action on a part: its service, the states that allow it, and the sentences of its pages."""

    title: str
    heading: str
    run: Callable[..., None]
    states: tuple[str, ...]
    intro: str
    done: str
    needs_failures: bool = False

    def fits(self, part: BulkPart, progress: bulk_jobs.Progress) -> bool:
        """Whether it may be done now."""
        return part.status in self.states and bool(not self.needs_failures or progress.failed or progress.refused)


ACTS = {
    "pause": Act(
        "Pause",
        "Pause the job in",
        bulk_jobs.pause,
        (Status.RUNNING,),
        "No more instances are started in this tenant. Running ones finish.",
        "Paused.",
    ),
    "resume": Act(
        "Resume",
        "Resume the job in",
        bulk_jobs.resume,
        (Status.PAUSED,),
        "The job continues with the next instance.",
        "Resumed.",
    ),
    "try-again": Act(
        "Retry failed",
        "Retry failed in",
        bulk_jobs.retry_failed,
        (Status.RUNNING, Status.PAUSED, Status.COMPLETED),
        "Fix the cause first, then retry. Each instance that failed or was refused is provisioned again, at the job's pace. "
        "What exists already is found: nothing is created twice.",
        "Queued again.",
        needs_failures=True,
    ),
    "cancel": Act(
        "Cancel",
        "Cancel the job in",
        bulk_jobs.cancel,
        (Status.RUNNING, Status.PAUSED),
        "Instances that have not started or that wait are cancelled; running ones finish their current run first, two "
        "minutes at most. "
        "What was created already stays as it is.",
        "Cancelled.",
    ),
}


@dataclass(frozen=True)
class PartRow:
    """A part as its job's page shows it."""

    part: BulkPart
    progress: bulk_jobs.Progress
    quota: str
    buttons: list[tuple[str, str]]

    @property
    def counts(self) -> tuple[int, int, int, int]:
        """How many succeeded, of how many; how many failed or were refused, and were cancelled."""
        found = self.progress
        return found.succeeded, found.total, found.failed + found.refused, found.cancelled

    @property
    def outcome(self) -> str:
        """The same in words."""
        return outcome(*self.counts)

    @property
    def is_live(self) -> bool:
        """Whether something in it runs, or may run again by itself."""
        return self.part.status in (Status.RUNNING, Status.PAUSED) or self.progress.live > 0

    @property
    def running(self) -> int:
        """How many a worker runs or will run: not those that wait for a person."""
        return self.progress.live - self.progress.waiting

    @property
    def ended(self) -> int:
        """How many came to an end: what was cancelled did not."""
        return self.progress.ended - self.progress.cancelled


@admin.register(BulkJob)
class BulkJobAdmin(ReadOnlyAdmin):
    """Read only; the acts go through the service."""

    list_display = ("what", "state", "done", "requester", "created")
    list_display_links = ("what",)
    list_filter = (state_filter(states.JobState.choices),)
    change_form_template = "admin/registrations/bulkjob/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BulkJob]:
        """With the state, how many items there are and how they ended; the parts with theirs, in two queries more."""
        parts = states.parts(BulkPart.objects.select_related("tenant", "job"))
        failed = Q(operation__status=Operation.Status.FAILED) | Q(status=BulkItem.Status.REFUSED)
        never_begun = Q(status=BulkItem.Status.CANCELLED, operation=None)
        counted = (
            super()
            .get_queryset(request)
            .annotate(
                item_count=_number_of_items(Q()),
                succeeded_count=_number_of_items(Q(operation__status=Operation.Status.SUCCEEDED)),
                failed_count=_number_of_items(failed),
                cancelled_count=_number_of_items(never_begun | Q(operation__status=Operation.Status.CANCELLED)),
            )
        )
        found: QuerySet[BulkJob] = states.jobs(counted).prefetch_related(Prefetch("parts", queryset=parts))
        return found

    def has_act_permission(self, request: HttpRequest) -> bool:
        """Who may provision may pause and cancel it."""
        return self.may(request, "provision_umpinstance")

    def get_urls(self) -> list[URLPattern]:
        """With the live fragment and the acts on parts."""
        view, act = self.admin_site.admin_view(self.fragment), self.admin_site.admin_view(self.act)
        return [
            path("<uuid:object_id>/parts/", view, name="registrations_bulkjob_parts"),
            path("part/<uuid:part_id>/<slug:name>/", act, name="registrations_bulkjob_act"),
            *super().get_urls(),
        ]

    def fragment(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The parts alone, for the page that shows them live."""
        job = self.get_object(request, str(object_id))
        if job is None or not self.has_view_permission(request, job):
            raise Http404("No bulk job has this id.")
        return TemplateResponse(request, "admin/registrations/bulkjob/parts.html", self.describe(request, job))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the parts."""
        job = self.get_object(request, object_id)
        extra = {**(extra_context or {}), **(self.describe(request, job) if job else {})}
        return super().change_view(request, object_id, form_url, extra)

    def act(self, request: HttpRequest, part_id: Any, name: str) -> HttpResponse:
        """Pause, resume or cancel one part: GET says what will happen, POST does it."""
        part = BulkPart.objects.select_related("job", "tenant").filter(pk=part_id).first()
        if part is None or name not in ACTS:
            raise Http404("No part of a bulk job has this id, or there is no such act.")
        if not self.has_act_permission(request):
            raise PermissionDenied
        act = ACTS[name]
        if request.method == "POST":
            if self.attempt(request, lambda: act.run(part, actor=actor_of(request)), act.done):
                tasks.start_bulk_operations_on_commit()
            return self.back_to(part.job)
        return self.confirmation(
            request,
            subject=part.job,
            title=f"{act.heading} {part.tenant}",
            button=act.title,
            intro=[act.intro],
            danger=name == "cancel",
        )

    def describe(self, request: HttpRequest, job: BulkJob) -> dict[str, Any]:
        """What the page shows of a job."""
        rows = [self._row(request, part) for part in job.parts.all()]
        trouble = bulk_jobs.RETRYABLE | Q(operation__waits_for=Operation.WaitsFor.STAFF)
        operations = Prefetch("operation", queryset=states.operations(Operation.objects.defer("credential_envelope")))
        items = BulkItem.objects.filter(part__job=job).select_related("instance__provider").prefetch_related(operations)
        # Of parts that have ended: what was running when it was cancelled, or was resumed since.
        left = items.live().filter(part__status__in=(Status.CANCELLED, Status.COMPLETED)).exclude(trouble)
        return {
            "job": job,
            "rows": rows,
            "total": sum(row.progress.total for row in rows),
            "outcome": outcome(
                *(sum(counts) for counts in zip((0, 0, 0, 0), *(row.counts for row in rows), strict=True))
            ),
            "is_live": any(row.is_live for row in rows),
            "parts_address": reverse("admin:registrations_bulkjob_parts", args=[job.pk]),
            "needy": items.filter(trouble).order_by("place")[:SHOWN],
            "needy_count": items.filter(trouble).count(),
            "still_at_work": left.order_by("place")[:SHOWN],
        }

    def _row(self, request: HttpRequest, part: BulkPart) -> PartRow:
        progress, may = bulk_jobs.progress(part), self.has_act_permission(request)
        allowed = [name for name, act in ACTS.items() if may and act.fits(part, progress)]
        buttons = [
            (ACTS[name].title, reverse("admin:registrations_bulkjob_act", args=[part.pk, name])) for name in allowed
        ]
        left = admin_html.remaining(connections.rate_limit_of(part.tenant).remaining())
        return PartRow(part, progress, left, buttons)

    @admin.display(description="Job")
    def what(self, job: BulkJob) -> str:
        """Where it works."""
        return "Provision in " + ", ".join(str(part.tenant) for part in job.parts.all())

    @admin.display(description="State", ordering="state")
    def state(self, job: Any) -> SafeString:
        """The most important state of its parts."""
        return admin_html.badge(job.state)

    @admin.display(description="Provisioned")
    def done(self, job: Any) -> str:
        """How many of how many succeeded, and how the others ended."""
        return outcome(job.succeeded_count, job.item_count, job.failed_count, job.cancelled_count)

    @admin.display(description="Requested by", ordering="requested_by_label")
    def requester(self, job: BulkJob) -> str:
        """Who requested it."""
        return job.requested_by_label

    @admin.display(description="Requested", ordering="created_at")
    def created(self, job: BulkJob) -> SafeString:
        """When it was requested."""
        return admin_html.moment(job.created_at)


def outcome(succeeded: int, total: int, failed: int, cancelled: int) -> str:
    """How far a job is, in words: what was cancelled is not done."""
    others = [f"{failed} failed"] if failed else []
    others += [f"{cancelled} cancelled"] if cancelled else []
    return ", ".join([f"{succeeded} of {total}", *others])


def _number_of_items(condition: Q) -> Coalesce:
    """How many items of a job there are under this condition; a subquery, so that counting the rows of a list leaves it out."""
    items = BulkItem.objects.filter(condition, part__job=OuterRef("pk")).order_by().values("part__job")
    return Coalesce(Subquery(items.annotate(number=Count("pk")).values("number")), 0)
