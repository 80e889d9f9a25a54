"""The command that connects a tenant: nothing is kept unless Microsoft accepts the credential."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError

from registrations.models import AuditEvent, EntraTenant
from sandbox.app import Sandbox
from tests.registrations.management.lines import Run

pytestmark = pytest.mark.django_db


@pytest.fixture
def secret_file(sandbox: Sandbox, tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    path.write_text(sandbox.seed.provider.client_secret + "\n")
    return path


def connect(run: Run, sandbox: Sandbox, secret_file: Path, **changed: str) -> list[dict[str, Any]]:
    given = {"tenant_id": sandbox.seed.provider.tenant_id, "client_id": sandbox.seed.provider.client_id, **changed}
    return run(
        "connect_tenant",
        given["tenant_id"],
        "--name",
        "Finebak",
        "--client-id",
        given["client_id"],
        "--client-secret-file",
        str(secret_file),
    )


def test_a_working_credential_is_stored_and_never_printed(run: Run, sandbox: Sandbox, secret_file: Path) -> None:
    (line,) = connect(run, sandbox, secret_file)
    assert line["missing"] == []
    tenant = EntraTenant.objects.get()
    assert tenant.unseal("client_secret_envelope") == sandbox.seed.provider.client_secret
    assert sandbox.seed.provider.client_secret not in json.dumps(line) + str(list(AuditEvent.objects.values()))


def test_a_wrong_secret_stores_nothing(run: Run, sandbox: Sandbox, secret_file: Path) -> None:
    secret_file.write_text("some-other-secret-value")
    with pytest.raises(CommandError, match="AADSTS7000215"):
        connect(run, sandbox, secret_file)
    assert EntraTenant.objects.count() == AuditEvent.objects.count() == 0


@pytest.mark.parametrize(
    ("changed", "reason"),
    [({"tenant_id": "not-a-guid"}, "Enter a GUID"), ({"client_id": "umptoken"}, "Enter a GUID")],
)
def test_an_id_that_is_no_guid_is_refused(
    run: Run, sandbox: Sandbox, secret_file: Path, changed: dict[str, str], reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        connect(run, sandbox, secret_file, **changed)


def test_a_missing_or_empty_secret_file_is_named(run: Run, sandbox: Sandbox, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        connect(run, sandbox, tmp_path / "nowhere")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(CommandError, match="is empty"):
        connect(run, sandbox, tmp_path / "empty")


def test_nothing_is_stored_if_microsoft_cannot_be_reached(
    run: Run, sandbox: Sandbox, secret_file: Path, settings: Any
) -> None:
    settings.ENTRA_URL = "https://localhost:1"
    with pytest.raises(CommandError, match="did not answer"):
        connect(run, sandbox, secret_file)
    assert EntraTenant.objects.count() == 0


def test_a_refusal_names_its_cause_and_what_support_asks_for(run: Run, sandbox: Sandbox, secret_file: Path) -> None:
    body = {
        "error": "access_denied",
        "error_description": "AADSTS53003: words of ours Trace ID: t-1",
        "error_codes": [53003],
        "trace_id": "t-1",
        "correlation_id": "c-1",
    }
    sandbox.faults.add("entra", "status", method="POST", path="/oauth2/v2.0/token", status=400, body=body)
    with pytest.raises(CommandError, match=r"Conditional Access .*\(Request or trace ID t-1, correlation ID c-1\)"):
        connect(run, sandbox, secret_file)
