"""The jobs of a UMP, which accepts a change of a service at once and carries it out later."""

from __future__ import annotations

from uuid import uuid4

from sandbox.entra.token import TokenEndpoint
from sandbox.model import JsonObject, Ump, UmpCustomer, UmpJob
from sandbox.ump.reach import token_problem


def start(endpoint: TokenEndpoint, ump: Ump, customer: UmpCustomer, change: JsonObject) -> UmpJob:
    job = UmpJob(
        id=f"wst_{uuid4()}",
        customer_id=customer.id,
        change=change,
        polls_left=ump.polls_before_done,
        created=endpoint.issuer.world.clock.instant(),
    )
    ump.jobs[job.id] = job
    return job


def advance(endpoint: TokenEndpoint, ump: Ump, job: UmpJob) -> None:
    """Count one poll of the job. Carry out the change after the number of polls that the UMP is set to."""
    if job.status != "In Progress":
        return
    if job.polls_left > 0:
        job.polls_left -= 1
        return
    problem = _carry_out(endpoint, ump.customers[job.customer_id], job.change)
    job.completed = endpoint.issuer.world.clock.instant()
    job.status = "Failed" if problem else "CompletedSuccess"
    job.messages.append({"level": "Error", "message": problem} if problem else {"level": "Info", "message": "Done."})


def _carry_out(endpoint: TokenEndpoint, customer: UmpCustomer, change: JsonObject) -> str | None:
    connection = customer.connection
    client_id = change.get("applicationClientId") or connection.client_id
    secret = change.get("applicationClientSecret") or connection.client_secret
    if "applicationClientId" in change or "applicationClientSecret" in change:
        if not customer.tenant_id:
            return "The service has no Microsoft 365 tenant."
        problem = token_problem(endpoint, customer.tenant_id, client_id, secret)
        connection.last_status = "Failed" if problem else "Successful"
        if problem:
            return problem
        connection.method, connection.client_id, connection.client_secret = "app_registration", client_id, secret
        connection.username, connection.refresh_token = None, None
    customer.license_type = change.get("licenseType", customer.license_type)
    customer.licensed_users = change.get("licensedUsersCount", customer.licensed_users)
    return None


def shown(job: UmpJob) -> JsonObject:
    return {
        "id": job.id,
        "status": job.status,
        "details": [],
        "executionMessages": list(job.messages),
        "outputData": {"umpCustomerGuid": job.customer_id},
        "createTime": job.created,
        "completeTime": job.completed,
        "cancellationRequested": False,
    }
