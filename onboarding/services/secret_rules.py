"""Whether the customer's organisation lets an application have a client secret: asked before anything is created."""

from registrations.applications import secret_policy
from registrations.clients.graph.client import GraphClient
from registrations.errors import RemoteRejectedError

FORBIDDEN = "CredentialTypeNotAllowedAsPerAppPolicy"  # Graph's own code for it


def require_secrets_allowed(graph: GraphClient) -> None:
    """Raises RemoteRejectedError where the organisation's default policy forbids new secrets.

    A policy that excludes somebody may exclude this administrator: Microsoft decides that when the secret is created. It
    also does where this administrator may not read the policy.
    """
    policy = secret_policy.read(graph)
    if policy.forbidden and not policy.has_exceptions:
        raise RemoteRejectedError(
            "A policy of the organisation forbids client secrets. Nothing was created.", code=FORBIDDEN
        )
