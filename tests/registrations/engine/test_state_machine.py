"""Whatever happens to workers and calls, in any order: one application, one secret, and it is the stored one."""

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from registrations import audit
from registrations.applications import client_secrets, ensure, secret_cleanup
from registrations.clients.graph.client import GraphClient
from registrations.engine import queue, registry, runner
from registrations.models import AppRegistration, AuditEvent, ClientSecret, EntraTenant, Operation
from tests import factories
from tests.registrations.engine.entra_model import OUTCOMES, KilledError, ModelOfEntra

NAME = "syncportal-model.example"
WANTED = {"displayName": "model", "tags": ["syncportal", "syncportal-model"]}
FOREIGN = {"keyId": "f0000000-0000-4000-8000-000000000000", "displayName": "by hand", "secretText": "not ours"}


@pytest.fixture(autouse=True)
def unregister_the_kind() -> Iterator[None]:
    """Other tests ask which kinds there are."""
    yield
    registry.kinds.pop("model", None)


class Engine(RuleBasedStateMachine):
    """One operation that creates an application, a principal and a secret; several workers run it and are killed."""

    @initialize()
    def begin(self) -> None:
        """A tenant, the row that is the intent, and the request."""
        for model in (Operation, ClientSecret, AppRegistration, EntraTenant, AuditEvent):
            cast(Any, model).objects.all().delete()  # of the example before
        self.entra, self.by_hand = ModelOfEntra(), False
        self.entra.during_a_call = self._another_worker
        tenant = factories.make_tenant()
        self.registration = AppRegistration.objects.create(
            tenant_id=tenant.tenant_id, unique_name=NAME, display_name="model"
        )
        steps = (
            registry.Step("application", "Application", self._application),
            registry.Step("principal", "Principal", self._principal),
            registry.Step("secret", "Secret", self._secret),
            registry.Step("orphans", "Orphans", self._orphans),
        )
        registry.register(registry.Kind("model", "Model", steps, EntraTenant, lambda _: None, lambda _: None))
        self.operation = queue.request("model", tenant, actor=audit.SYSTEM)
        self.steps = [step.name for step in steps]

    @rule(outcomes=st.lists(st.sampled_from(OUTCOMES), max_size=8))
    def run_worker(self, outcomes: list[str]) -> None:
        """A worker runs the operation if it can claim it, and its calls have these outcomes."""
        self.entra.outcomes = list(outcomes)
        self._run()
        self.entra.outcomes = []

    @rule(at=st.integers(0, 6), survives=st.integers(0, 8))
    def a_worker_loses_its_lease_to_one_that_is_killed(self, at: int, survives: int) -> None:
        """A slow worker's lease expires during a call. The next worker gets further and is killed; then the slow one continues."""
        self.run_worker([*["fine"] * at, "overtaken after", *["fine"] * survives, "killed before"])

    @rule()
    def time_passes(self) -> None:
        """Waiting operations are due, and a dead worker's lease has expired."""
        past = timezone.now() - timedelta(seconds=1)
        Operation.objects.filter(status="waiting", waits_for="").update(next_attempt_at=past)
        Operation.objects.filter(status="running").update(leased_until=past)

    @rule()
    def somebody_adds_a_secret_by_hand(self) -> None:
        """It is never ours."""
        for application in self.entra.applications.values():
            if FOREIGN not in application["passwordCredentials"]:
                application["passwordCredentials"].append(FOREIGN)
                self.by_hand = True

    @rule()
    def a_person_resumes(self) -> None:
        """A failed operation continues where it stopped."""
        self.operation.refresh_from_db()
        if self.operation.status == "failed":
            queue.resume(self.operation, actor=audit.SYSTEM)

    @invariant()
    def there_is_one_application_at_most(self) -> None:
        """The unique name is the key."""
        if hasattr(self, "entra"):
            assert len(self.entra.applications) <= 1

    @invariant()
    def no_end_is_silent(self) -> None:
        """A failed operation has a sentence."""
        for status, message in Operation.objects.values_list("status", "message"):
            assert status != "failed" or message

    def teardown(self) -> None:
        """From any state the operation can be finished, and leaves exactly the stored secret and those of others."""
        if not hasattr(self, "operation"):
            return
        for _ in range(12):
            self.time_passes()
            self.a_person_resumes()
            self._run()
        self.operation.refresh_from_db()
        assert self.operation.status == "succeeded", self.operation.message
        assert self.entra.violations == []
        self._each_end_is_recorded_once()
        (application,) = self.entra.applications.values()
        ours = [entry for entry in application["passwordCredentials"] if entry is not FOREIGN]
        assert (FOREIGN in application["passwordCredentials"]) == self.by_hand
        secret = self.registration.secrets.get(status__in=ClientSecret.LIVE)
        assert [entry["keyId"] for entry in ours] == [secret.key_id]
        assert [entry["secretText"] for entry in ours] == [secret.unseal("envelope")]

    def _each_end_is_recorded_once(self) -> None:
        """A worker that lost its lease writes nothing: each step and the operation end once."""
        actions = AuditEvent.objects.filter(operation_id=self.operation.pk).values_list("action", flat=True)
        recorded = Counter(action for action in actions if action.endswith((".done", ".succeeded")))
        assert recorded == {f"model.{name}.done": 1 for name in self.steps} | {"model.succeeded": 1}

    def _run(self) -> None:
        try:
            runner.run(self.operation.pk)
        except KilledError:
            return

    def _another_worker(self) -> None:
        """During a call the lease expires, and another worker does the rest."""
        self.time_passes()
        self._run()

    def _graph(self) -> GraphClient:
        return cast(GraphClient, self.entra)

    def _row(self) -> AppRegistration:
        return AppRegistration.objects.get(pk=self.registration.pk)

    def _application(self, operation: Operation) -> str:
        return ensure.ensure_application(self._graph(), self._row(), WANTED, operation)

    def _principal(self, operation: Operation) -> str:
        return ensure.ensure_service_principal(self._graph(), self._row())

    def _secret(self, operation: Operation) -> str:
        return client_secrets.ensure_secret(self._graph(), self._row(), operation)

    def _orphans(self, operation: Operation) -> None:
        secret_cleanup.remove_orphans(self._graph(), self._row(), operation)


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
def test_the_invariants_hold_whatever_happens() -> None:
    run_state_machine_as_test(
        Engine,
        settings=settings(
            max_examples=200,
            stateful_step_count=12,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(300)
@pytest.mark.parametrize("outcome", OUTCOMES)
def test_the_invariants_hold_for_each_outcome_of_each_call(outcome: str) -> None:
    """Cases that random runs may miss: nothing that a run has cached may outlast it."""
    for at in range(7):
        engine = Engine()
        engine.begin()
        engine.run_worker([*["fine"] * at, outcome])
        engine.there_is_one_application_at_most()
        engine.teardown()
