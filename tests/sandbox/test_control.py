"""The control API."""

from typing import Any

import pytest
import requests

from sandbox.app import Sandbox
from sandbox.catalogue import GLOBAL_ADMINISTRATOR, GRAPH_APP_ID
from tests.sandbox.actors import Rest


class Control:
    """The control API, called by another process."""

    def __init__(self, sandbox: Sandbox, web: requests.Session) -> None:
        self.base, self.web = f"{sandbox.people_url}/_sandbox", web

    def get(self, name: str) -> Any:
        return self.web.get(f"{self.base}/{name}", timeout=20).json()

    def send(self, name: str, body: Any = None, method: str = "POST", **headers: str) -> requests.Response:
        return self.web.request(method, f"{self.base}/{name}", json=body or {}, headers=headers, timeout=20)

    def change(self, **body: Any) -> None:
        """Change the world, successfully."""
        answer = self.send("world", body)
        assert answer.status_code == 200, answer.text


@pytest.fixture
def control(sandbox: Sandbox, web: requests.Session) -> Control:
    return Control(sandbox, web)


def test_recorded_calls_contain_no_tokens(control: Control, graph: Rest) -> None:
    graph.get("/organization")
    call = control.get("calls")[-1]
    assert (call["service"], call["path"], call["status"]) == ("graph", "/v1.0/organization", 200)
    assert "Authorization" not in call["headers"]


def test_faults_are_added_listed_and_cleared(control: Control, graph: Rest) -> None:
    made = control.send("faults", {"service": "graph", "kind": "status", "status": 503, "times": 9})
    assert made.json()["times"] == 9
    assert graph.get("/organization").status_code == 503
    assert control.get("faults")[0]["times"] == 8
    assert control.web.delete(f"{control.base}/faults", timeout=20).status_code == 200
    assert graph.get("/organization").status_code == 200


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("faults", {"service": "x", "kind": "cut"}),
        ("faults", {"service": "graph", "kind": "cut", "path": "("}),
        ("faults", {"service": "graph"}),
        ("faults", {"service": "graph", "kind": "cut", "times": "many"}),
        ("faults", {"service": "graph", "kind": "cut", "nothing": 1}),
        ("world", {}),
        ("world", {"op": "set_lag", "kind": "nothing", "seconds": 1}),
        ("world", {"op": "set_ump", "ump": "finebak", "nothing": 1}),
        ("world", {"op": "set_ump", "ump": "none", "offline": None}),
        ("nothing", {}),
    ],
)
def test_an_invalid_request_is_refused(control: Control, name: str, body: dict[str, Any]) -> None:
    answer = control.send(name, body)
    assert answer.status_code == 400
    assert "error" in answer.json()


def test_a_web_page_of_another_origin_is_refused(sandbox: Sandbox, control: Control, web: requests.Session) -> None:
    assert control.send("reset", Origin="https://evil.example").status_code == 403
    assert web.post(f"{control.base}/reset", data={"a": "b"}, timeout=20).status_code == 403
    rebound = web.get(f"{control.base}/calls", headers={"Host": "evil.example"}, timeout=20)
    assert rebound.status_code == 421


def test_another_process_changes_tenants_and_people(sandbox: Sandbox, control: Control) -> None:
    world = sandbox.world
    control.change(op="set_secret_policy", tenant="Contoso", max_lifetime_days=180)
    assert world.tenant("Contoso").secret_policy.max_lifetime_days == 180
    control.change(op="set_user", tenant="Contoso", upn="carla@contoso.example", enabled=False)
    assert not world.tenant("Contoso").user("carla@contoso.example").enabled
    control.change(op="add_tenant", name="Litware")
    control.change(op="add_user", tenant="Litware", display_name="Lena", upn="lena@litware.example")
    assert world.tenant("Litware").user("lena@litware.example").display_name == "Lena"
    assert "Contoso" in str(control.get("world"))


def test_another_process_changes_a_ump_and_adds_a_service(sandbox: Sandbox, control: Control) -> None:
    world = sandbox.world
    control.change(op="set_ump_offline", ump="finebak")
    assert world.ump("finebak").offline == "503"
    control.change(op="set_ump_offline", ump="finebak", offline=False)
    assert world.ump("finebak").offline is None
    control.change(op="set_ump", ump="finebak", lacks_contract_api=True, polls_before_done=3)
    assert (world.ump("finebak").lacks_contract_api, world.ump("finebak").polls_before_done) == (True, 3)
    control.change(op="add_tenant", name="Litware")
    service = {"short_name": "lit1", "full_name": "Litware", "tenant_id": world.tenant("Litware").id}
    control.change(op="add_ump_customer", ump="finebak", **service)
    assert len(world.ump("finebak").customers) == 2


def test_another_process_sets_lag_and_clock(sandbox: Sandbox, control: Control) -> None:
    control.change(op="set_lag", kind="secret", seconds=5)
    assert sandbox.world.lag == {"secret": 5.0}
    control.change(op="set_clock_skew", seconds=600)
    assert sandbox.world.clock.skew == 600


def test_another_process_changes_an_application_and_expires_its_secret(sandbox: Sandbox, control: Control) -> None:
    world, app_id = sandbox.world, sandbox.seed.provider.client_id
    control.change(op="set_application", app_id=app_id, notes="drifted")
    application = world.find_application(app_id=app_id)
    assert application is not None
    assert application.properties["notes"] == "drifted"
    control.change(op="expire_secret", app_id=app_id)
    assert application.passwords[0].end < world.clock.instant()


def test_another_process_deletes_messages_and_resets(sandbox: Sandbox, control: Control) -> None:
    control.change(op="forget_messages")
    assert control.get("messages") == []
    control.change(op="set_secret_policy", tenant="Contoso", max_lifetime_days=180)
    assert control.send("reset").status_code == 200
    assert sandbox.world.tenant("Contoso").secret_policy.max_lifetime_days is None


def test_hidden_and_refused_objects_are_counted(control: Control, graph: Rest) -> None:
    control.send("world", {"op": "set_alternating_reads", "seconds": 60})
    made = graph.new_application()
    for _ in range(2):
        graph.get(f"/applications/{made['id']}")
    assert control.get("held-back") == {"application": 1}


def test_an_application_with_granted_permissions_can_be_added(control: Control, sandbox: Sandbox) -> None:
    asked = {
        "op": "add_granted_application",
        "tenant": "Contoso",
        "name": "Contoso telephony",
        "permissions": {GRAPH_APP_ID: ["User.Read.All"]},
        "roles": [GLOBAL_ADMINISTRATOR],
    }
    made = control.send("world", asked).json()
    tenant, application = sandbox.world.tenant("Contoso"), sandbox.world.find_application(app_id=made["app_id"])
    principal = tenant.service_principal_of(made["app_id"])
    assert application
    assert principal
    assert [password.secret for password in application.passwords] == [made["secret"]]
    assert [each.principal_id for each in tenant.app_role_assignments] == [principal.id]
    assert tenant.roles_of(principal.id) == [GLOBAL_ADMINISTRATOR]


@pytest.mark.parametrize(("how", "in_the_bin"), [("deleted", True), ("purged", False), ("principal", False)])
def test_another_process_deletes_an_application_as_by_hand(
    sandbox: Sandbox, control: Control, how: str, in_the_bin: bool
) -> None:
    tenant = sandbox.world.tenant(sandbox.seed.customer.tenant_id)
    application = sandbox.world.add_application(tenant, "By hand")
    assert control.send("world", {"op": "delete_application", "app_id": application.app_id, "how": how}).ok
    assert tenant.service_principal_of(application.app_id) is None
    assert (application.id in tenant.applications) == (how == "principal")
    assert (application.id in tenant.deleted_applications) == in_the_bin
