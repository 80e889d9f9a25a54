"""Operations: their steps, live, and the actions on them."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.html import format_html
from django.utils.safestring import SafeString

from registrations import admin_html, engine, places, states, tasks
from registrations.admin import identifiers, operation_progress, todo
from registrations.admin.base import ReadOnlyAdmin, actor_of, page
from registrations.admin.bulk_acts import BulkAct, BulkActs
from registrations.admin.handover_sheet import HandOverPages
from registrations.admin.state_columns import state_filter
from registrations.applications import conflicts
from registrations.models import Operation
from registrations.services import provisioning


@admin.register(Operation)
class OperationAdmin(BulkActs, HandOverPages, ReadOnlyAdmin):
    """Read only; resuming, cancelling and taking over go through the services."""

    list_display = ("what", "state", "subject", "progress", "requester", "began", "took")
    list_display_links = ("what",)
    list_filter = (todo.todo_filter(todo.OPERATIONS), state_filter(states.OperationState.choices), "kind", "created_at")
    search_fields = ("subject_label", "requested_by_label", "=id")
    search_help_text = "Host, subject, or who requested it; client ID, object ID, key ID or tenant ID"
    actions = ("resume_selected", "cancel_selected")
    change_form_template = "admin/registrations/operation/change_form.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Operation]:
        """With the state, and without the envelope: no page needs it."""
        return states.operations(super().get_queryset(request).defer("credential_envelope"))

    def identified_by(self, guid: str) -> Q | None:
        """By what its subject's application, secret or tenant is called at Microsoft."""
        return identifiers.about(guid)

    def searched(self, request: HttpRequest, queryset: QuerySet[Any], search_term: str) -> tuple[QuerySet[Any], bool]:
        """Each word may also stand in the host of what the operation is about."""
        found, may_repeat = super().searched(request, queryset, search_term)
        words = search_term.split()
        if not words:
            return found, may_repeat
        placed = Q()
        for word in words:
            placed &= (
                Q(subject_label__icontains=word) | Q(requested_by_label__icontains=word) | identifiers.at_host(word)
            )
        return queryset.filter(Q(pk__in=found.order_by().values("pk")) | placed), False

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        """With the hosts of all rows in as many queries as there are kinds of subject."""
        shown = super().get_changelist_instance(request)
        rows = list(shown.result_list)
        found = places.of((row.subject_type, str(row.subject_id)) for row in rows)
        for row in rows:
            row.place = found.get((row.subject_type, str(row.subject_id)))
        return shown

    def has_act_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may resume and cancel."""
        return self.may(request, "change_operation")

    def has_take_over_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Taking an application over is part of provisioning."""
        return self.may(request, "provision_umpinstance")

    def get_urls(self) -> list[URLPattern]:
        """With the actions, and the fragment that live pages request."""
        view = self.admin_site.admin_view(self.steps_fragment)
        own = self.object_paths(
            {
                name: name.replace("-", "_")
                for name in ("resume", "cancel", "take-over", "restore", "purge", "create-new", "put-first")
            }
        )
        return [path("<uuid:object_id>/steps/", view, name="registrations_operation_steps"), *own, *super().get_urls()]

    def name_of(self, obj: Operation) -> str:
        """What it does, and for what."""
        return f"{operation_progress.title_of(obj)}: {operation_progress.subject_of(obj)}"

    def history_of(self, obj: Operation) -> Q:
        """What it did, and what people did with it: the entries are about its subject."""
        return Q(operation_id=obj.pk)

    def steps_fragment(self, request: HttpRequest, object_id: Any) -> HttpResponse:
        """The steps alone, for pages that show them live."""
        operation = self.get_object(request, str(object_id))
        if operation is None or not self.has_view_permission(request, operation):
            raise Http404("No operation has this id.")
        return TemplateResponse(
            request, "admin/registrations/operation/steps.html", operation_progress.describe(operation, request.user)
        )

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """With the steps and a link to what the operation is about."""
        extra = dict(extra_context or {})
        operation = self.get_object(request, object_id)
        if operation is not None:
            extra.update(operation_progress.describe(operation, request.user))
            extra["subject"] = operation_progress.subject_of(operation)
            extra["subject_address"] = admin_html.address_of(operation.subject_type, operation.subject_id, request)
        return super().change_view(request, object_id, form_url, extra)

    @page("Resume", permission="act", icon="play_arrow")
    def resume(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Queue it again at the step where it stopped."""
        if refusal := not_resumable([operation]).get(operation.pk):
            self.message_user(request, f"It cannot be resumed. {refusal}", messages.WARNING)
            return self.back_to(operation)
        if request.method == "POST":
            self._queue_after(request, operation, engine.resume, "Queued again.")
            return self.back_to(operation)
        return self._ask(request, operation, "Resume", RESUME)

    @page("Cancel", permission="act", icon="cancel")
    def cancel(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """End it; what was done stays."""
        if request.method == "POST":
            done = "The operation is cancelled."
            if self.attempt(request, lambda: engine.cancel(operation, actor=actor_of(request)), done):
                tasks.start_bulk_operations_on_commit()  # it may have made room in a bulk job
            return self.back_to(operation)
        return self._ask(request, operation, "Cancel operation", CANCEL, danger=True)

    @page("Take over", permission="take_over", icon="move_to_inbox")
    def take_over(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Confirm that SyncPortal takes an existing application over."""
        if request.method == "POST":
            self._queue_after(
                request, operation, provisioning.adopt, "The application is taken over. Provisioning continues."
            )
            return self.back_to(operation)
        return self._ask(request, operation, "Take over", [operation.message, *TAKE_OVER])

    @page("Restore", permission="take_over", icon="restore_from_trash")
    def restore(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Restore the deleted application."""
        return self._decide(request, operation, conflicts.RESTORE, "Restore", RESTORE)

    @page("Delete for good", permission="take_over", icon="delete_forever")
    def purge(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Delete the application for good, so that a new one is created."""
        return self._decide(request, operation, conflicts.PURGE, "Delete for good", PURGE, danger=True)

    @page("Create a new one", permission="take_over", icon="add_circle")
    def create_new(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Leave the deleted application where it is, and create another."""
        return self._decide(request, operation, conflicts.CREATE_NEW, "Create a new one", CREATE_NEW)

    @page("Prioritise", permission="act")
    def put_first(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Its page's script asks for this while somebody looks at it; without a script it is a button. Only POST acts."""
        if request.method == "POST" and engine.prioritise(operation):
            tasks.enqueue_on_commit(operation.pk)
        return HttpResponse(status=204) if "X-Asked-By-Script" in request.headers else self.back_to(operation)

    @admin.action(description="Resume", permissions=["act"])
    def resume_selected(self, request: HttpRequest, queryset: QuerySet[Operation]) -> HttpResponse:
        """Queue the chosen operations again, after a preview."""
        notifier = tasks.Notifier()

        def run(operation: Operation) -> str:
            engine.resume(operation, actor=actor_of(request))
            notifier.enqueue_on_commit(operation.pk)
            return ""

        act = BulkAct(
            action="resume_selected",
            verb="Resume",
            nouns=OPERATIONS,
            will="queued again",
            done="queued again",
            skipped=not_resumable,
            run=run,
            intro=tuple(RESUME),
        )
        return self.in_bulk(request, queryset, act)

    @admin.action(description="Cancel", permissions=["act"])
    def cancel_selected(self, request: HttpRequest, queryset: QuerySet[Operation]) -> HttpResponse:
        """End the chosen operations, after a preview."""
        notifier = tasks.Notifier()

        def run(operation: Operation) -> str:
            engine.cancel(operation, actor=actor_of(request))
            notifier.start_bulk_operations_on_commit()  # it may have made room in a bulk job
            return ""

        act = BulkAct(
            action="cancel_selected",
            verb="Cancel",
            nouns=OPERATIONS,
            will="cancelled",
            done="cancelled",
            skipped=not_cancellable,
            run=run,
            intro=tuple(CANCEL),
            danger=True,
        )
        return self.in_bulk(request, queryset, act)

    def _decide(
        self, request: HttpRequest, operation: Operation, choice: str, verb: str, intro: list[str], **more: Any
    ) -> HttpResponse:
        if request.method != "POST":
            return self._ask(request, operation, verb, [operation.message, *intro], **more)
        self._queue_after(
            request, operation, partial(conflicts.decide, choice=choice), "Decided. The operation continues."
        )
        return self.back_to(operation)

    def _ask(
        self, request: HttpRequest, operation: Operation, verb: str, intro: list[str], **more: Any
    ) -> HttpResponse:
        title = f"{verb}: {operation_progress.title_of(operation)}, {operation_progress.subject_of(operation)}"
        return self.confirmation(request, subject=operation, title=title, button=verb, intro=intro, **more)

    def _queue_after(self, request: HttpRequest, operation: Operation, act: Any, done: str) -> None:
        if self.attempt(request, lambda: act(operation, actor=actor_of(request)), done):
            tasks.enqueue_on_commit(operation.pk)

    @admin.display(description="Operation", ordering="kind")
    def what(self, operation: Operation) -> str:
        """What it does."""
        return operation_progress.title_of(operation)

    @admin.display(description="State", ordering="state")
    def state(self, operation: Any) -> SafeString:
        """The coloured state, and below it whom or what it waits for."""
        badge = admin_html.badge(operation.state)
        if operation.status != Operation.Status.WAITING:
            return badge
        waits_for = {"staff": "for staff", "customer": "for the customer"}.get(
            operation.waits_for, "retries automatically"
        )
        return format_html(
            '<span class="stacked"><span>{}</span><span class="quiet">{}</span></span>', badge, waits_for
        )

    @admin.display(description="About", ordering="subject_label")
    def subject(self, operation: Operation) -> str:
        """What it is about."""
        return operation_progress.subject_of(operation)

    @admin.display(description="Steps")
    def progress(self, operation: Operation) -> str:
        """How many steps are done."""
        done = sum(step.status == "done" for step in operation.steps)
        return f"{done} of {len(operation.steps)}"

    @admin.display(description="Requested by", ordering="requested_by_label")
    def requester(self, operation: Operation) -> str:
        """Who requested it."""
        return operation.requested_by_label

    @admin.display(description="Requested", ordering="created_at")
    def began(self, operation: Operation) -> SafeString:
        """When it was requested."""
        return admin_html.moment(operation.created_at)

    @admin.display(description="Took")
    def took(self, operation: Operation) -> str:
        """From the first step to the end."""
        if not operation.started_at or not operation.ended_at:
            return "–"
        return admin_html.length(operation.ended_at - operation.started_at)


OPERATIONS = ("operation", "operations")
RESUME = [
    "The operation continues at the step where it stopped. Each step checks before it acts: nothing is created twice.",
]
CANCEL = [
    "The operation ends here. What its steps have done stays as it is.",
    "A new one finds what exists already. A customer's setup is restarted by the customer: with a sign-in, or by entering "
    "the values of the existing registration again.",
]
RESTORE = [
    "The application is restored with its IDs. SyncPortal corrects its settings and creates a new secret if it needs one.",
]
PURGE = [
    "The application cannot be restored afterwards. A new one is created, with another application (client) ID.",
]
CREATE_NEW = [
    "A new application is created, with another application (client) ID. The deleted one stays restorable in Entra until its 30 days "
    "are over.",
]
TAKE_OVER = [
    "From then on SyncPortal changes this application to what the instance needs, and manages its secrets.",
    "Take it over only if it was created for this host.",
    "If SyncPortal did not create it, SyncPortal's application must be one of its owners. The runbook says how (adoption_needed).",
]


def not_resumable(operations: Collection[Operation]) -> dict[Any, str]:
    """Why operations cannot be resumed, by their keys: two queries, however many there are."""
    chosen = Operation.objects.filter(pk__in=[each.pk for each in operations])
    replaced = chosen.filter(todo.newer_operation()).values_list("pk", flat=True)
    hopeless = engine.with_obstacles(chosen).exclude(obstacle="").values_list("pk", "obstacle")
    return (
        dict(hopeless)
        | dict.fromkeys(replaced, "A newer operation of the same thing exists.")
        | {
            each.pk: f"It is {each.get_status_display().lower()}: only a failed or waiting operation can be resumed."
            for each in operations
            if each.status not in engine.RESUMABLE
        }
    )


def not_cancellable(operations: Collection[Operation]) -> dict[Any, str]:
    """Why operations cannot be cancelled, by their keys."""
    return {
        each.pk: f"It is {each.get_status_display().lower()}: only a queued or waiting operation can be cancelled."
        for each in operations
        if each.status not in engine.CANCELLABLE
    }
