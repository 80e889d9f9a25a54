"""Which operation belongs to which way, for pages that show how far a customer is."""

from onboarding.models import Connection, ConnectionWay
from onboarding.services import connecting, delegating, using_existing
from registrations.models import Operation

KINDS = {
    ConnectionWay.NEW: connecting.KIND,
    ConnectionWay.EXISTING: using_existing.KIND,
    ConnectionWay.TOKEN: delegating.KIND,
}


def operation_of(connection: Connection) -> Operation | None:
    """The newest set-up of this connection by the way it goes now, or None."""
    kind = KINDS[ConnectionWay(connection.way)]
    return Operation.objects.filter(kind=kind, subject_id=connection.pk).order_by("-created_at").first()


def way_of(operation: Operation) -> ConnectionWay:
    """The way that a set-up goes."""
    return next(way for way, kind in KINDS.items() if kind == operation.kind)
