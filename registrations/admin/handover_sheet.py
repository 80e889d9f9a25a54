"""The hand-over sheet: four values for the UMP's System Settings, the secret shown once, each group confirmed by a person."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, HttpResponseRedirect
from django.urls import URLPattern
from django.utils.decorators import method_decorator
from django.views.decorators.debug import sensitive_post_parameters
from unfold.widgets import UnfoldAdminPasswordWidget

from registrations import admin_html, tasks
from registrations.admin import operation_progress
from registrations.admin.base import PortalAdmin, actor_of, page
from registrations.auth import throttle
from registrations.delivery import handover_sheet
from registrations.errors import PortalError, WrongStateError
from registrations.models import Operation
from registrations.services import provisioning

if TYPE_CHECKING:
    Pages = PortalAdmin
else:
    Pages = object


class PasswordForm(forms.Form):
    """The signed-in person's own password."""

    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=500,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "current-password"}, render_value=False),
    )


class HandOverPages(Pages):
    """Adds the sheet's pages to the operation's."""

    def has_hand_over_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the sheet; the secret needs more."""
        return self.may(request, "view_umpinstance") and self.may(request, "view_operation")

    def has_tick_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Confirming a group is part of provisioning."""
        return self.may(request, "provision_umpinstance")

    def has_reveal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see a client secret, once."""
        return self.may(request, "reveal_secret_umpinstance")

    def get_urls(self) -> list[URLPattern]:
        """The sheet and its actions."""
        own = {
            "hand-over/reveal": "reveal",
            "hand-over/tick": "tick",
            "hand-over/new-secret": "new_secret",
            "hand-over": "hand_over",
        }
        return [*self.object_paths(own), *super().get_urls()]

    @page("Hand-over sheet", permission="hand_over", icon="assignment")
    def hand_over(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """The sheet, without the secret."""
        return self.sheet_page(request, operation)

    @method_decorator(sensitive_post_parameters("password"))
    @page("Reveal", permission="reveal", icon="visibility")
    def reveal(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Ask for the person's password, then show the secret once, in this answer alone."""
        form = PasswordForm(request.POST or None)
        if request.method == "POST" and form.is_valid():
            secret = self._revealed(request, operation, form)
            if secret:
                return self.sheet_page(request, operation, secret=secret)
        return self.confirmation(
            request,
            subject=operation,
            title=f"Reveal the client secret of {operation.subject_label}",
            intro=REVEAL,
            button="Reveal",
            form=form,
            back=operation_progress.address(operation, "hand_over"),
        )

    def _revealed(self, request: HttpRequest, operation: Operation, form: PasswordForm) -> str:
        if not isinstance(request.user, User):
            raise PermissionDenied
        address = throttle.address_of(request)
        try:
            if not throttle.confirm_password(request.user, form.cleaned_data["password"], address):
                form.add_error("password", "The password is wrong. Enter the one you sign in with.")
                return ""
            return handover_sheet.reveal_secret(operation, actor=actor_of(request))
        except PortalError as refusal:
            form.add_error(None, str(refusal))
            return ""

    @page("Mark as done", permission="tick", icon="done")
    def tick(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """A person confirms that one save group was saved in the UMP."""
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        group, kept = request.POST.get("group", ""), request.POST.get("value_was_kept") == "yes"
        try:
            handover_sheet.confirm(operation, group, actor=actor_of(request), value_was_kept=kept)
        except PortalError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return self.back_to(operation)
        tasks.enqueue_on_commit(operation.pk)
        operation.refresh_from_db()
        all_confirmed = all(each.confirmed_at for each in handover_sheet.sheet(operation).groups)
        done = (
            "Marked as done. SyncPortal continues."
            if all_confirmed
            else "Marked as done. SyncPortal continues when both groups are done."
        )
        self.message_user(request, done, messages.SUCCESS)
        return HttpResponseRedirect(operation_progress.address(operation, "change" if all_confirmed else "hand_over"))

    @page("Create a new secret", permission="tick", icon="refresh")
    def new_secret(self, request: HttpRequest, operation: Operation) -> HttpResponse:
        """Replace a secret that was revealed and lost."""
        if request.method == "POST":
            done = "A new secret is being created."
            act = provisioning.new_secret
            if self.attempt(request, lambda: act(operation, actor=actor_of(request)), done):
                tasks.enqueue_on_commit(operation.pk)
            return self.back_to(operation)
        return self.confirmation(
            request,
            subject=operation,
            title=f"Create a new secret for {operation.subject_label}",
            intro=NEW_SECRET,
            button="Create a new secret",
            danger=True,
            back=operation_progress.address(operation, "hand_over"),
        )

    def sheet_page(self, request: HttpRequest, operation: Operation, secret: str = "") -> HttpResponse:
        """The sheet; `secret` is in this one answer and nowhere else."""
        try:
            sheet = handover_sheet.sheet(operation)
        except WrongStateError as refusal:
            self.message_user(request, str(refusal), messages.WARNING)
            return self.back_to(operation)
        return self.plain_page(
            request,
            "admin/registrations/operation/hand_over.html",
            title="Hand-over sheet",
            original=operation,
            operation=operation,
            sheet=sheet,
            secret=secret,
            back=admin_html.change_url(operation),
            may_reveal=self.has_reveal_permission(request),
            may_tick=self.has_tick_permission(request),
        )


REVEAL = [
    "The secret is shown once, on the next page. Open the UMP's System Settings before you continue.",
    "The history records that you saw it, when and from where.",
]
NEW_SECRET = [
    "The current secret is removed from the application: a UMP that already has it stops working.",
    "A new one is created, and you can reveal it once.",
]
