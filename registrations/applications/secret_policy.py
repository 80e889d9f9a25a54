"""How long a client secret may last, and whether there may be one: what a tenant's app management policies say.

The default policy can be read with Policy.Read.All, which is optional. Policies of single applications, and the exceptions of
callers, are known by a refusal alone. So the end of every secret is decided here: by what was read, then by what is refused.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from django.utils import timezone

from registrations import connections, engine
from registrations.applications import desired_state
from registrations.clients.graph.client import GraphClient
from registrations.clients.graph.errors import GraphRefusedError
from registrations.clients.graph.types import NewSecret, SecretPolicy
from registrations.errors import NotPermittedError
from registrations.models import AppRegistration

TOO_LONG = "CredentialInvalidLifetimeAsPerAppPolicy"
# Days that are tried after a refusal where no policy can be read: what administrators set, and what baselines ask for.
SHORTER = (365, 180, 90, 60, 30, 14, 7, 3, 1)
SHORTEST_USEFUL = timedelta(days=1)


def of_tenant(graph: GraphClient, tenant_id: str) -> SecretPolicy:
    """The default policy, read once per run. In a bulk job it may be minutes old."""
    key = ("policy", tenant_id)
    return engine.cached("policy", lambda: _or_none(lambda: connections.cached_answer(key, graph.secret_policy)))


def forbids_new(graph: GraphClient, tenant_id: str) -> bool:
    """Whether the policy forbids secrets of an application that is created now, exceptions aside."""
    policy = of_tenant(graph, tenant_id)
    return policy.forbidden and _applies(policy.forbidden_after, None)


def limit_in_words(graph: GraphClient, registration: AppRegistration) -> str:
    """What a person is told about a lifetime that Microsoft refused down to one day."""
    longest = _longest(of_tenant(graph, registration.tenant_id), registration)
    allowed = desired_state.duration(longest)
    if allowed is None or allowed >= SHORTEST_USEFUL:
        return "Lifetimes down to one day were refused."
    return f"It limits secrets to {longest}, and SyncPortal needs one day or more."


def add_longest(graph: GraphClient, registration: AppRegistration, add: Callable[[datetime], NewSecret]) -> NewSecret:
    """Add a secret that lasts as long as the tenant allows: 24 months at most.

    A refused lifetime is answered by a shorter one: a refusal adds no secret. Raises GraphRefusedError if none is allowed.
    """
    ends = _ends(graph, registration)
    ends_at = next(ends)
    while True:
        try:
            return add(ends_at)
        except GraphRefusedError as refusal:
            shorter = next(ends, None) if refusal.code == TOO_LONG else None
            if shorter is None:
                raise
            ends_at = shorter


def _ends(graph: GraphClient, registration: AppRegistration) -> Iterator[datetime]:
    """The ends to try, each earlier than the one before: by the policy, by the policy as it is now, then by known figures."""
    now = timezone.now()
    latest = _ends_at(now, of_tenant(graph, registration.tenant_id), registration)
    yield latest
    connections.forget_cached()  # the policy that was read may be minutes old
    policy = _or_none(graph.secret_policy)
    known = (now + timedelta(days=days, hours=-1) for days in SHORTER)
    for ends_at in (_ends_at(now, policy, registration), *known):
        if ends_at < latest:
            latest = ends_at
            yield ends_at


def _ends_at(now: datetime, policy: SecretPolicy, registration: AppRegistration) -> datetime:
    longest = _longest(policy, registration)
    allowed = desired_state.duration(longest)
    if allowed is not None and allowed < SHORTEST_USEFUL:
        # Nobody can work with such a secret. Only an exception for this application helps, and then the limit is another.
        longest = ""
    return desired_state.secret_ends_at(now, longest)


def _longest(policy: SecretPolicy, registration: AppRegistration) -> str:
    return policy.longest if _applies(policy.longest_after, registration) else ""


def _applies(created_after: datetime | None, registration: AppRegistration | None) -> bool:
    """Whether a restriction for applications that are created after a time applies to this one."""
    created_at = registration.made_at if registration else None
    return created_after is None or (created_at or timezone.now()) > created_after


def _or_none(ask: Callable[[], SecretPolicy]) -> SecretPolicy:
    """Without Policy.Read.All a policy that allows everything."""
    try:
        return ask()
    except NotPermittedError:
        return SecretPolicy(forbidden=False, longest="")
