"""Why Entra refuses an application's credential: a sentence for each code."""

from typing import Any

import pytest

from registrations import connections
from registrations.clients import credential_refusals
from registrations.clients.entra import EntraRefusedError
from registrations.errors import NotYetError, RemoteRejectedError
from registrations.models import UmpInstance
from sandbox.app import Sandbox

pytestmark = pytest.mark.django_db

SECRET_ID = "0f8fad5b-d9cb-469f-a165-70867728950e"


def refuse(sandbox: Sandbox, code: int, error: str = "invalid_client", words: str = "Words of ours.") -> None:
    body: dict[str, Any] = {
        "error": error,
        "error_description": f"AADSTS{code}: {words} Trace ID: t-1 Correlation ID: c-1 Timestamp: 2026-11-30 10:00:00Z",
        "error_codes": [code],
        "timestamp": "2026-11-30 10:00:00Z",
        "trace_id": "t-1",
        "correlation_id": "c-1",
    }
    sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body)


def refusal_of(instance: UmpInstance) -> RemoteRejectedError:
    with pytest.raises(RemoteRejectedError) as refused:
        connections.own_token(instance.provider.tenant)
    return refused.value


@pytest.mark.parametrize(
    ("code", "cause"),
    [
        (7000215, "the secret's value is wrong"),
        (7000222, "has expired"),
        (7000112, "is disabled"),
        (7000229, "no service principal"),
        (700016, "no application with this client ID"),
        (90002, "no such tenant"),
        (53003, "Conditional Access"),
        (7000218, "no secret was sent"),
        (900382, "another Microsoft cloud"),
        (500011, "does not have the API"),
        (500021, "restricts which tenants"),
        (5000224, "blocked the tenant"),
        (501051, "assignment"),
        (70001, "disabled, or the tenant has none"),
        (700011, "no application with this client ID"),
        (7000216, "no secret was sent"),
        (700025, "public client"),
        (1000031, "is blocked"),
        (50059, "no such tenant"),
        (50128, "no such tenant"),
        (90019, "no such tenant"),
        (900432, "another Microsoft cloud"),
        (1000104, "another Microsoft cloud"),
        (650057, "does not have the API"),
    ],
)
def test_each_code_says_what_is_wrong_with_the_credential(
    instance: UmpInstance, sandbox: Sandbox, code: int, cause: str
) -> None:
    refuse(sandbox, code)
    refusal = refusal_of(instance)
    assert cause in str(refusal)
    assert "SyncPortal's credential in Finebak" in str(refusal)
    assert (refusal.code, refusal.request_id) == (f"AADSTS{code}", "t-1")
    assert (refusal.answer.correlation_id, refusal.answer.answered_at) == ("c-1", "2026-11-30 10:00:00Z")


def test_a_server_error_is_no_refusal_of_the_credential(instance: UmpInstance, sandbox: Sandbox) -> None:
    body = {"error": "server_error", "error_description": "The server met an unexpected error."}
    sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body)
    with pytest.raises(NotYetError, match="is busy"):
        connections.own_token(instance.provider.tenant)


def test_an_unknown_code_comes_with_microsofts_own_words(instance: UmpInstance, sandbox: Sandbox) -> None:
    refuse(sandbox, 4711, words="Ask anna@contoso.example why.")
    assert "Microsoft says: “Ask [e-mail] why.”" in str(refusal_of(instance))


def test_a_secrets_id_in_place_of_its_value_is_named_as_that(instance: UmpInstance, sandbox: Sandbox) -> None:
    refuse(sandbox, 7000215)
    with pytest.raises(RemoteRejectedError, match="the secret's ID, not its value"):
        connections.own_token(instance.provider.tenant, SECRET_ID)


def test_the_umps_api_credential_is_explained_likewise(instance: UmpInstance, sandbox: Sandbox) -> None:
    refuse(sandbox, 7000222)
    with pytest.raises(
        RemoteRejectedError, match=r"the UMP API credential of .* \(AADSTS7000222\): the secret has expired"
    ):
        connections.ump(instance).read_settings()


def test_no_sentence_ends_without_saying_what_to_do() -> None:
    for refusal in credential_refusals.REFUSALS.values():
        assert refusal.remedy.endswith(".")
        assert not refusal.cause.endswith(".")
    bare = EntraRefusedError({"error": "server_said_no"})
    assert (
        credential_refusals.explain("it", bare, where="Look here.")
        == "Microsoft does not accept it (server_said_no). Look here."
    )
