"""Whether the customer's organisation lets an application have a client secret: asked before anything is created."""

from registrations.applications import secret_policy
from registrations.clients.graph.client import GraphClient
from registrations.errors import RemoteRejectedError

FORBIDDEN = "CredentialTypeNotAllowedAsPerAppPolicy"  # Graph's own code for it


def require_secrets_allowed(graph: GraphClient, tenant_id: str) -> None:
    """Raises RemoteRejectedError where the organisation's default policy forbids new secrets.

    A policy that excludes somebody may exclude this administrator: Microsoft decides that when the secret is created. It
    also does where this administrator may not read the policy.
    """
    has_exceptions = secret_policy.of_tenant(graph, tenant_id).has_exceptions
    if secret_policy.forbids_new(graph, tenant_id) and not has_exceptions:
        raise RemoteRejectedError(
            "A policy of the organisation forbids client secrets. Nothing was created.", code=FORBIDDEN
        )
