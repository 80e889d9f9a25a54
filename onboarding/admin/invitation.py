"""Invitations: the documented Pending Invitations list, and its actions."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from onboarding import states
from onboarding.admin import invitation_acts, sign_in_attempts
from onboarding.admin.invitation_columns import InvitationColumns, SignInFilter
from onboarding.admin.invitation_forms import InvitationForm
from onboarding.admin.invitation_texts import NEW_LINK, REMAINS, copy_intro, not_active_intro, revoke_intro, send_intro
from onboarding.admin.todo import INVITATIONS
from onboarding.error_catalogue import ERRORS
from onboarding.models import Connection, Invitation, Service
from onboarding.services import invitations, leftovers
from registrations import admin_html, places, tasks
from registrations.admin import operation_progress, todo
from registrations.admin.base import PortalAdmin, actor_of, page
from registrations.admin.bulk_acts import BulkActs
from registrations.admin.state_columns import state_filter
from registrations.errors import PortalError
from registrations.models import UmpInstance

SHOWN = ("tenant_id", "it_admin_email", "m365_admin_email", "expires_at")


@admin.register(Invitation)
class InvitationAdmin(InvitationColumns, BulkActs, PortalAdmin):
    """The service creates, sends, replaces and revokes; the history records each view of the link."""

    form = InvitationForm
    says_added = True
    list_display = (
        "short_name",
        "state",
        "full_name",
        "invitation_email",
        "was_sent",
        "expires",
        "started",
        "auth_url",
    )
    list_display_links = ("short_name",)
    list_filter = (
        todo.todo_filter(INVITATIONS),
        state_filter(states.InvitationState.choices),
        SignInFilter,
        "email_sent",
        "service__instance__provider",
    )
    list_select_related = ("service__customer", "service__instance__provider")
    search_fields = ("service__short_name", "service__full_name", "place_host", "it_admin_email", "m365_admin_email")
    search_help_text = "Short name, full name, host or e-mail"
    actions = ("send_selected", "revoke_selected")
    actions_detail = ("send", "copy_link", "new_link", "revoke")
    change_form_outer_before_template = "admin/onboarding/invitation/facts.html"
    change_form_outer_after_template = "admin/onboarding/invitation/after.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Invitation]:
        """With the state, what became of the sign-ins, and the host as one searchable text."""
        return states.invitations(super().get_queryset(request).annotate(**places.annotations(Invitation)))

    def get_fields(self, request: HttpRequest, obj: Invitation | None = None) -> Any:
        """Add the checkbox that a new invitation of a connected service needs."""
        chosen = None if obj else self._chosen_service(request.POST.get("service") or request.GET.get("service"))
        again = ["again"] if chosen and invitations.is_connected(chosen) else []
        return ["service", *again, *SHOWN]

    def get_readonly_fields(self, request: HttpRequest, obj: Invitation | None = None) -> list[str]:
        """Service and tenant are fixed; the other fields can be edited while the invitation is open."""
        if obj is None:
            return []
        return ["service", "tenant_id"] if obj.status in Invitation.OPEN else ["service", *SHOWN]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """The default expiry, and the tenant of a preselected service."""
        ends = (timezone.now() + timedelta(days=settings.INVITATION_VALID_DAYS)).replace(second=0, microsecond=0)
        initial: dict[str, Any] = {"expires_at": ends, **super().get_changeform_initial_data(request)}
        service = self._chosen_service(initial.get("service"))
        return {"tenant_id": service.customer.tenant_id, **initial} if service else initial

    def _chosen_service(self, pk: Any) -> Service | None:
        field = Invitation._meta.get_field("service")
        try:
            return (
                Service.objects.select_related("customer", "instance__provider").filter(pk=field.to_python(pk)).first()
                if pk
                else None
            )
        except ValidationError:
            return None

    def has_send_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may email the link."""
        return self.may(request, "send_invitation")

    def has_copy_link_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may see the link."""
        return self.may(request, "copy_link_invitation")

    def has_revoke_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Who may revoke an invitation."""
        return self.may(request, "revoke_invitation")

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """No actions for an invitation that is no longer open."""
        invitation = self.get_object(request, str(object_id))
        is_open = invitation is not None and invitation.status in Invitation.OPEN
        return super().get_actions_detail(request, object_id) if is_open else []

    def save_model(self, request: HttpRequest, obj: Invitation, form: Any, change: bool) -> None:
        """The service creates a new invitation together with its link."""
        if change:
            return super().save_model(request, obj, form, change)
        values = form.cleaned_data
        created = invitations.create(
            values["service"],
            it_admin_email=values["it_admin_email"],
            m365_admin_email=values["m365_admin_email"],
            tenant_id=values["tenant_id"],
            expires_at=values["expires_at"],
            again=values.get("again", False),
            actor=actor_of(request),
        )
        obj.pk = created.pk
        obj.refresh_from_db()
        instance = obj.service.instance
        is_active = instance.status == UmpInstance.Status.ACTIVE
        self.message_user(request, f"Added as a draft.{' Send it next.' if is_active else ''}", messages.SUCCESS)
        if warning := invitations.not_active(instance):
            self.message_user(request, warning, messages.WARNING)
        if not instance.has_ump_credential:
            self.message_user(request, invitations.no_credential(instance), messages.WARNING)

    @page("Send", permission="send", icon="send", variant="primary")
    def send(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        """Email the link, for the first time or again."""
        if request.method == "POST":
            self._send(request, invitation)
            return self.back_to(invitation)
        verb = "Resend" if invitation.send_count else "Send"
        refusal = invitations.unsendable([invitation]).get(invitation.pk, "")
        if not refusal:
            return self._ask(request, invitation, verb, "invitation", send_intro([invitation]))
        instance = invitation.service.instance
        if invitations.leads_nowhere(invitation):
            intro, link = not_active_intro(instance), admin_html.address_of("umpinstance", instance.pk, request)
        else:
            intro, link = [f"It cannot be sent now. {refusal}"], ""
        links = [("Open the instance", link)] if link else []
        return self._ask(request, invitation, verb, "invitation", intro, can_act=False, links=links)

    @page("Copy link", permission="copy_link", icon="link")
    def copy_link(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        """Show the link in the response to the POST."""
        if request.method != "POST":
            return self._ask(request, invitation, "Show", "link", copy_intro(invitation))
        try:
            link = invitations.copy_link(invitation, actor=actor_of(request))
        except PortalError as refusal:
            self.message_user(request, str(refusal), messages.ERROR)
            return self.back_to(invitation)
        return self.plain_page(
            request,
            "admin/onboarding/invitation/link.html",
            title="Invitation link",
            original=invitation,
            link=link,
            back=self.list_address(),
        )

    @page("New link", permission="send", icon="autorenew")
    def new_link(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        """Replace the link."""
        if request.method == "POST":
            done = "The old link no longer works. Send the invitation to email the new one."
            self.attempt(request, lambda: invitations.new_link(invitation, actor=actor_of(request)), done)
            return self.back_to(invitation)
        return self._ask(request, invitation, "Create", "new link", NEW_LINK, danger=True)

    @page("Revoke", permission="revoke", icon="block", variant="danger")
    def revoke(self, request: HttpRequest, invitation: Invitation) -> HttpResponse:
        """Revoke the invitation."""
        if request.method == "POST":
            done = "The invitation is revoked."
            self.attempt(request, lambda: invitations.revoke(invitation, actor=actor_of(request)), done)
            return self.back_to(invitation)
        remains = leftovers.of(invitation).label
        facts = [(REMAINS, remains)] if remains else []
        return self._ask(request, invitation, "Revoke", "invitation", revoke_intro(remains), facts, danger=True)

    def _ask(
        self,
        request: HttpRequest,
        invitation: Invitation,
        verb: str,
        what: str,
        intro: list[str],
        more: Sequence[tuple[str, str]] = (),
        danger: bool = False,
        can_act: bool = True,
        links: Sequence[tuple[str, str]] = (),
    ) -> HttpResponse:
        article, preposition = ("a", "for") if what == "new link" else ("the", "of")
        facts = [
            ("Service", str(invitation.service)),
            ("Invitation e-mail", invitation.it_admin_email),
            ("M365 admin e-mail", invitation.m365_admin_email),
            ("Host", invitation.service.instance.host),
            *more,
        ]
        return self.confirmation(
            request,
            subject=invitation,
            title=f"{verb} {article} {what} {preposition} {invitation.service}",
            button=f"{verb} {what}" if can_act else "",
            intro=intro,
            facts=facts,
            danger=danger,
            links=links,
        )

    def _send(self, request: HttpRequest, invitation: Invitation) -> None:
        def send() -> None:
            tasks.enqueue_on_commit(invitations.send(invitation, actor=actor_of(request), user=request.user).pk)

        self.attempt(request, send, f"The email to {invitation.it_admin_email} is queued.")

    @admin.action(description="Send or resend", permissions=["send"])
    def send_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse:
        """Email the selected invitations after a preview."""
        return self.in_bulk(request, queryset, invitation_acts.sending(request, queryset))

    @admin.action(description="Revoke", permissions=["revoke"])
    def revoke_selected(self, request: HttpRequest, queryset: QuerySet[Invitation]) -> HttpResponse:
        """Revoke the selected invitations after a preview."""
        return self.in_bulk(request, queryset, invitation_acts.revoking(request, queryset))

    def changeform_view(
        self, request: HttpRequest, object_id: str | None = None, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """Add the connection, the newest operation and the sign-in attempts; to a new one, why its link would lead nowhere."""
        extra = dict(extra_context or {})
        invitation: Any = self.get_object(request, object_id) if object_id else None
        if not object_id:
            service = self._chosen_service(request.POST.get("service") or request.GET.get("service"))
            extra["service_warning"] = invitations.not_active(service.instance) if service else ""
        if invitation:
            shown = states.connections(Connection.objects.select_related("registration"))
            connection = shown.filter(invitation=invitation).first()
            newest = (
                operation_progress.newest_of(connection.pk) if connection else None
            ) or operation_progress.newest_of(invitation.pk)
            live = operation_progress.describe(newest, request.user) if newest else {}
            attempts = sign_in_attempts.of(invitation, connection)
            extra.update(live, connection=connection, invitation=invitation, state=self.state(invitation))
            refusal = ERRORS.get(invitation.last_refusal or "")
            extra.update(last_refusal=refusal.title if refusal else invitation.last_refusal)
            extra.update(attempts=attempts, for_support=sign_in_attempts.for_support(invitation, attempts))
        return super().changeform_view(request, object_id, form_url, extra)

    def get_list_display(self, request: HttpRequest) -> Any:
        """Without the link's column for people who may not see the link."""
        columns = super().get_list_display(request)
        return columns if self.has_copy_link_permission(request) else [name for name in columns if name != "auth_url"]
