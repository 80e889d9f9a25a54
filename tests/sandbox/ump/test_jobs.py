"""Changes of a service that the UMP carries out as jobs."""

import pytest

from sandbox.app import Sandbox
from sandbox.model import UmpCustomer
from tests.sandbox import actors
from tests.sandbox.actors import Rest


@pytest.fixture
def contoso_app(sandbox: Sandbox) -> dict[str, str]:
    """An application in the customer's tenant with a secret that works there."""
    application, secret = actors.make_app_with(sandbox, "Contoso", "Organization.Read.All")
    return {"applicationClientId": application.app_id, "applicationClientSecret": secret}


def test_a_job_applies_an_app_registration(ump: Rest, customer: UmpCustomer, contoso_app: dict[str, str]) -> None:
    connection = f"/api/portal/v1/customers/{customer.id}/connection"
    assert ump.get(connection).json()["method"] is None
    assert ump.post(f"{connection}/validate").json()["valid"] is False
    job = ump.patch(f"/api/v3/customer/{customer.id}", {**contoso_app, "licensedUsersCount": 25}).json()["jobId"]
    assert job.startswith("wst_")
    statuses = [ump.get(f"/api/v2/task/{job}").json()["status"] for _ in range(3)]
    assert statuses == ["In Progress", "CompletedSuccess", "CompletedSuccess"]
    found = ump.get(connection).json()
    assert (found["method"], found["lastAuthenticationStatus"]) == ("app_registration", "Successful")
    assert found["applicationClientId"] == contoso_app["applicationClientId"]
    assert found["clientSecretDaysUntilExpire"] in (729, 730)
    assert ump.post(f"{connection}/validate").json()["valid"] is True
    assert ump.get(f"/api/v3/customer/{customer.id}").json()["LicensedUsersCount"] == 25


def test_a_credential_that_gets_no_token_fails_the_job(
    ump: Rest, customer: UmpCustomer, contoso_app: dict[str, str]
) -> None:
    wrong = {**contoso_app, "applicationClientSecret": "wrong-wrong-wrong-wrong"}
    job = ump.patch(f"/api/v3/customer/{customer.id}", wrong).json()["jobId"]
    ump.get(f"/api/v2/task/{job}")
    task = ump.get(f"/api/v2/task/{job}").json()
    assert task["status"] == "Failed"
    assert task["executionMessages"][0]["message"].startswith("AADSTS7000215")
    assert customer.connection.method is None


def test_a_licence_can_change_within_its_family(ump: Rest, customer: UmpCustomer) -> None:
    job = ump.patch(f"/api/v3/customer/{customer.id}", {"licenseType": 1}).json()["jobId"]
    for _ in range(2):
        ump.get(f"/api/v2/task/{job}")
    assert customer.license_type == 1


def test_a_service_without_a_tenant_cannot_be_connected(
    ump: Rest, customer: UmpCustomer, contoso_app: dict[str, str]
) -> None:
    customer.tenant_id = None
    job = ump.patch(f"/api/v3/customer/{customer.id}", contoso_app).json()["jobId"]
    task = [ump.get(f"/api/v2/task/{job}").json() for _ in range(2)][-1]
    assert task["status"] == "Failed"
    assert "no Microsoft 365 tenant" in task["executionMessages"][0]["message"]


def test_a_finished_job_stays_as_it_is(ump: Rest, customer: UmpCustomer) -> None:
    job = ump.patch(f"/api/v3/customer/{customer.id}", {"licensedUsersCount": 25}).json()["jobId"]
    tasks = [ump.get(f"/api/v2/task/{job}").json() for _ in range(4)]
    assert tasks[0]["completeTime"] is None
    assert tasks[1] == tasks[2] == tasks[3]
    assert len(tasks[3]["executionMessages"]) == 1
