"""Objects that somebody deletes half-way: a step that misses one finds out which, and the steps that made it are done again."""

from collections.abc import Callable
from datetime import timedelta
from typing import NoReturn

from registrations import connections
from registrations.applications.client_secrets import live_secret
from registrations.applications.replication import may_be_replicating, secret_may_be_replicating
from registrations.clients.entra import EntraRefusedError
from registrations.clients.graph.client import GraphClient
from registrations.errors import NotShownError, PortalError, RemoteRejectedError, StartOverError
from registrations.models import AppRegistration, Operation

# Error codes: a kind lists under them (`Kind.retry_from`) the steps that stand on what is gone.
APPLICATION_GONE = "application_gone"
PRINCIPAL_GONE = "service_principal_gone"
SECRET_GONE = "client_secret_gone"  # noqa: S105  an error code
AT_ONCE = timedelta(seconds=2)

# What Entra says to the credential of an application that it does not know, or that has no service principal in the tenant.
# https://learn.microsoft.com/entra/identity-platform/reference-error-codes
GONE_AT_ENTRA = {
    "AADSTS700016": APPLICATION_GONE,
    "AADSTS7000229": PRINCIPAL_GONE,
    "AADSTS7000215": SECRET_GONE,
    "AADSTS7000222": SECRET_GONE,
}
REFUSED = (APPLICATION_GONE, SECRET_GONE, *GONE_AT_ENTRA)  # after which a kind looks at everything in Entra again
Run = Callable[[Operation], str | None]
Find = Callable[[Operation], tuple[GraphClient, AppRegistration]]


def watching(step: Run, find: Find) -> Run:
    """The same step; if it is refused or misses an object, Microsoft is asked whether application and principal still exist.

    `find` returns Graph and the registration that the step stands on.
    """

    def run(operation: Operation) -> str | None:
        try:
            return step(operation)
        except (NotShownError, RemoteRejectedError):
            _look(find, operation)
            raise

    return run


def require(graph: GraphClient, registration: AppRegistration) -> None:
    """Raises StartOverError if application or service principal is gone. A new one may only be hidden: nothing is asked."""
    if not registration.object_id or may_be_replicating(registration.made_at):
        return
    if graph.read_application(registration.object_id) is None:
        start_over(registration, APPLICATION_GONE)
    known = registration.service_principal_id
    if known and graph.find_service_principal(registration.app_id) != known:
        start_over(registration, PRINCIPAL_GONE)


def require_known(registration: AppRegistration, operation: Operation) -> None:
    """Raises StartOverError if Entra does not know the registration or its secret any more.

    It is asked with the secret itself: no administrator is needed for that. Any other answer says nothing here.
    """
    secret = live_secret(registration)
    try:
        connections.entra().app_token(
            tenant_id=registration.tenant_id,
            app_id=registration.app_id,
            client_secret=secret.unseal("envelope"),
            scope=connections.GRAPH_SCOPE,
        )
    except EntraRefusedError as refusal:
        code = refusal.code
        if code in GONE_AT_ENTRA and not secret_may_be_replicating(secret, code, operation):
            start_over(registration, GONE_AT_ENTRA[code])
    except PortalError:
        return


def start_over(registration: AppRegistration, code: str) -> NoReturn:
    """Raises StartOverError: what this code names is gone."""
    app = registration.app_id
    sentences = {
        APPLICATION_GONE: f"Microsoft does not show the application {app} any more. SyncPortal looks whether it was deleted.",
        PRINCIPAL_GONE: f"The service principal of {app} is gone. SyncPortal creates it again.",
        SECRET_GONE: f"The client secret of {app} was removed in Entra, or has expired. SyncPortal creates another.",
    }
    raise StartOverError(sentences[code], code=code, retry_after=AT_ONCE)


def _look(find: Find, operation: Operation) -> None:
    try:
        require(*find(operation))
    except StartOverError:
        raise
    except PortalError:
        return  # the error that led here says more than one that the look met
