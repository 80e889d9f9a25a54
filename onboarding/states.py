"""The state of invitations, connections and services as people see it: see `registrations.states`."""

from datetime import datetime, timedelta
from typing import Any

from django.db import models
from django.db.models import Case, Count, Exists, F, IntegerField, OuterRef, Q, QuerySet, Subquery, Value, When
from django.db.models.functions import Coalesce
from django.utils import timezone

from onboarding.models import Connection, Invitation, Service, SignIn
from registrations import states
from registrations.models import AppRegistration, Operation

EXPIRING_WITHIN = timedelta(days=7)


class ConnectionState(models.TextChoices):
    """Of a connection."""

    IDENTIFIED = "identified", "Signed in"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    LATE = "late", "Late"
    FAILED = "failed", "Failed"
    CONNECTED = "connected", "Connected"
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    REPLACED = "replaced", "Replaced"  # by a newer connection of its service
    REVOKED = "revoked", "Revoked"  # with its invitation


class InvitationState(models.TextChoices):
    """Of an invitation."""

    DRAFT = "draft", "Draft"
    UNSENT = "unsent", "New link not sent"
    SENT = "sent", "Sent"
    EXPIRING = "expiring", "Expiring"
    EXPIRED = "expired", "Expired"
    STARTED = "started", "Started"  # somebody pressed Start
    REFUSED = "refused", "Refused"
    IDENTIFIED = "identified", "Signed in"
    QUEUED = "queued", "Queued"
    RUNNING = "running", "Running"
    WAITING = "waiting", "Waiting"
    LATE = "late", "Late"
    FAILED = "failed", "Failed"
    COMPLETED = "completed", "Completed"
    REVOKED = "revoked", "Revoked"


NOT_INVITED = "not_invited"
SECRET_EXPIRING, SECRET_EXPIRED = "secret_expiring", "secret_expired"
# Of a service: connected, with what its connection's secret does, or as its newest invitation is.
SERVICE_STATES = [
    (NOT_INVITED, "Not invited"),
    (ConnectionState.CONNECTED.value, ConnectionState.CONNECTED.label),
    (SECRET_EXPIRING, "Connected, secret expiring"),
    (SECRET_EXPIRED, "Connected, secret expired"),
    *(choice for choice in InvitationState.choices if choice[0] != InvitationState.COMPLETED),
]
AT_WORK = [
    ConnectionState.QUEUED,
    ConnectionState.RUNNING,
    ConnectionState.WAITING,
    ConnectionState.LATE,
    ConnectionState.FAILED,
]


def is_replaced(path: str = "") -> Q:
    """Whether a newer connection of the same service is connected; `path` leads from the queried rows to the connection."""
    newer = Connection.objects.filter(
        status=Connection.Status.CONNECTED,
        invitation__service=OuterRef(f"{path}invitation__service"),
        connected_at__gt=OuterRef(f"{path}connected_at"),
    )
    return Q(Exists(newer))


def connections(rows: QuerySet[Connection], now: datetime | None = None) -> QuerySet[Any]:
    """With the state of each connection: what its operation does, and once it is connected whether its secret has expired.

    One that was replaced, or whose invitation was revoked, is not in use any more: nothing about it asks anybody to act.
    """
    newest = states.operations(Operation.objects.filter(subject_id=OuterRef("pk")), now).order_by("-created_at")
    of_secret = states.registrations(AppRegistration.objects.filter(pk=OuterRef("registration")), now)
    connected = Q(status=Connection.Status.CONNECTED)
    ends = Q(secret_state__in=[ConnectionState.EXPIRED, ConnectionState.EXPIRING])
    return rows.annotate(
        newest_operation=Subquery(newest.values("state")[:1]), secret_state=Subquery(of_secret.values("state")[:1])
    ).annotate(
        state=Case(
            When(connected & is_replaced(), then=Value(ConnectionState.REPLACED)),
            When(~connected & Q(invitation__status=Invitation.Status.REVOKED), then=Value(ConnectionState.REVOKED)),
            When(~connected & Q(newest_operation__in=AT_WORK), then=F("newest_operation")),
            When(status=Connection.Status.CONNECTING, then=Value(ConnectionState.RUNNING)),
            When(connected & ends, then=F("secret_state")),
            default=F("status"),
            output_field=models.CharField(),
        )
    )


def invitations(rows: QuerySet[Invitation], now: datetime | None = None) -> QuerySet[Any]:
    """With `state`, and what became of the sign-ins: `refusals` counts those refused, `signed_in_as` says who signed in.

    `refused_at` is when the last one was refused. The count has those too whose rows were deleted since.
    A link that was replaced takes its refusals with it: the state says what happened with the present one.
    """
    now = now or timezone.now()
    sign_ins = SignIn.objects.filter(invitation=OuterRef("pk")).order_by("-created_at")
    with_outcome = sign_ins.filter(token_hash=OuterRef("token_hash")).exclude(outcome=SignIn.Outcome.STARTED)
    refused = sign_ins.refused()
    counted = refused.order_by().values("invitation").annotate(count=Count("pk"))
    connection = Connection.objects.filter(invitation=OuterRef("pk"))
    return rows.annotate(
        refusals=F("older_refusals") + Coalesce(Subquery(counted.values("count")), 0, output_field=IntegerField()),
        last_outcome=Subquery(with_outcome.values("outcome")[:1]),
        last_refusal=Subquery(refused.values("refusal")[:1]),
        refused_at=Subquery(refused.values("redeemed_at")[:1]),
        signed_in_as=Subquery(connection.exclude(admin_username="").values("admin_username")[:1]),
        connection_state=Subquery(connections(connection, now).values("state")[:1]),
    ).annotate(state=_invitation_state(now))


def _invitation_state(now: datetime) -> Case:
    unbegun = Q(status__in=Invitation.UNBEGUN)
    return Case(
        When(unbegun & Q(expires_at__lte=now), then=Value(InvitationState.EXPIRED)),
        When(unbegun & Q(email_sent=False, sent_at__isnull=False), then=Value(InvitationState.UNSENT)),
        When(Q(status__in=Invitation.OPEN, connection_state__in=AT_WORK), then=F("connection_state")),
        When(status=Invitation.Status.CONNECTING, then=Value(InvitationState.RUNNING)),
        When(unbegun & Q(last_outcome=SignIn.Outcome.REFUSED), then=Value(InvitationState.REFUSED)),
        When(Q(status=Invitation.Status.DRAFT, email_sent=False, started_at=None), then=Value(InvitationState.DRAFT)),
        When(unbegun & Q(expires_at__lte=now + EXPIRING_WITHIN), then=Value(InvitationState.EXPIRING)),
        When(status=Invitation.Status.STARTED, then=Value(InvitationState.IDENTIFIED)),
        When(unbegun & Q(started_at__isnull=False), then=Value(InvitationState.STARTED)),
        default=F("status"),
        output_field=models.CharField(),
    )


def services(rows: QuerySet[Service], now: datetime | None = None) -> QuerySet[Any]:
    """With `state`: connected, as its newest connection is; otherwise as its newest invitation is."""
    newest = Invitation.objects.filter(service=OuterRef("pk")).order_by("-created_at")
    made = Connection.objects.filter(invitation__service=OuterRef("pk"), status=Connection.Status.CONNECTED)
    completed = newest.filter(status=Invitation.Status.COMPLETED)
    return rows.annotate(
        connection_state=Subquery(connections(made, now).order_by("-connected_at").values("state")[:1]),
        invitation_state=Subquery(invitations(newest, now).values("state")[:1]),
        connected=Exists(completed),
    ).annotate(
        state=Case(
            When(connected=True, connection_state=ConnectionState.EXPIRING, then=Value(SECRET_EXPIRING)),
            When(connected=True, connection_state=ConnectionState.EXPIRED, then=Value(SECRET_EXPIRED)),
            When(connected=True, then=Value(ConnectionState.CONNECTED)),
            When(invitation_state=None, then=Value(NOT_INVITED)),
            default=F("invitation_state"),
            output_field=models.CharField(),
        )
    )
