"""Rows in every state that a page can show: a customer for each state, and another provider with long names."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import Group, User
from django.utils import timezone

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, new_registration
from registrations import audit, connections
from registrations.engine import queue, runner
from registrations.models import AppRegistration, Operation, UmpInstance
from registrations.models.notes import INSTANCE_NOTE, Notes
from registrations.services import provisioning
from sandbox.catalogue import APPLICATION_ADMINISTRATOR
from tests import factories
from tests.browser import bulk_states
from tests.browser.other_provider import add_other_provider
from tests.browser.stage import Stage
from tests.onboarding import delegated, existing
from tests.onboarding.browser import Browser

CARLA, TILDA = "carla@contoso.example", delegated.TILDA
REPLICATION = "Microsoft is still replicating this to its data centres. That usually takes less than a minute."


def fill(stage: Stage) -> None:
    """Create every state that a page can show."""
    olga = _staff("olga", "Olga", "Operator", "operators")
    _staff("arthur", "Arthur", "Auditor", "auditors")
    User.objects.create_superuser("root", password=factories.PASSWORD)
    actor = audit.Actor.staff(olga, "192.0.2.7")
    instance = factories.make_instance(stage.sandbox)
    stage.operations["provisioned"] = provisioning.request(instance, actor=actor, user=olga)
    _run_due_operations()
    assert stage.instance.status == UmpInstance.Status.ACTIVE, Operation.objects.get().message
    by_hand = factories.make_instance(stage.sandbox, app_name="umptoken2", delivery=UmpInstance.Delivery.HANDOVER)
    stage.operations["hand-over"] = provisioning.request(by_hand, actor=actor, user=olga)
    _run_due_operations()
    _add_customers(stage, actor)
    add_other_provider(stage, actor)
    stage.jobs.update(bulk_states.add(actor))
    stage.operations["bulk-waiting"] = bulk_states.waiting_operation(stage.jobs["running"])
    stage.operations["bulk-cancelled"] = bulk_states.cancelled_operation(stage.jobs["cancelled"])
    stage.operations["bulk-running"] = bulk_states.running_operation(stage.jobs["cancelled"])


def _staff(username: str, first: str, last: str, group: str) -> User:
    user = User.objects.create_user(
        username, password=factories.PASSWORD, first_name=first, last_name=last, is_staff=True
    )
    user.groups.add(Group.objects.get(name=group))
    return user


def _run_due_operations() -> None:
    """Run due operations as workers do, without waiting."""
    for _ in range(50):
        Operation.objects.live().filter(waits_for="").update(next_attempt_at=timezone.now())
        due = queue.due()
        if not due:
            return
        for operation_id in due:
            runner.run(operation_id)


# --- Customers, one for each state ------------------------------------------------------------------------------------
def _add_customers(stage: Stage, actor: audit.Actor) -> None:
    customer = factories.make_customer(stage.sandbox)
    contoso = stage.sandbox.world.tenant(stage.sandbox.seed.customer.tenant_id)
    stage.sandbox.world.add_user(contoso, "Tilda", TILDA, [APPLICATION_ADMINISTRATOR, delegated.SKYPE, delegated.TEAMS])
    for number, (state, bring) in enumerate(STATES.items(), start=1):
        service = factories.make_service(
            stage.sandbox, customer=customer, instance=stage.instance, short_name=f"contoso{number}"
        )
        stage.invitations[state] = invitation = invitations.create(
            service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, actor=actor
        )
        stage.browsers[state] = Browser(stage.sandbox, stage.instance.host)
        bring(stage, state)
        invitation.refresh_from_db()
    # The set-ups of other states revoked it, because all belong to one organisation.
    rest = [stage.invitations[state] for state in ("connected-with-rest", "existing-connected-with-rest")]
    Connection.objects.filter(invitation__in=rest).update(grant_removed=False)


def _connected(stage: Stage, state: str, name: str = "Contoso-sync") -> None:
    _signed_in(stage, state)
    browser = stage.browsers[state]
    answer = browser.authorise(browser.open("/authenticate/registration"), name=name)
    assert answer.status_code == 303, answer.content.decode()
    _run_due_operations()
    connection = Connection.objects.get(invitation=stage.invitations[state])
    assert connection.status == Connection.Status.CONNECTED, connection.status


def _connected_again(stage: Stage, state: str) -> None:
    """A new connection replaced the first one, whose registration is still in the tenant."""
    first = stage.invitations[state]
    world, contoso = stage.sandbox.world, stage.sandbox.seed.customer.tenant_id
    world.add_ump_customer("finebak", first.service.short_name, "Contoso Ltd", contoso)
    _connected(stage, state, "Contoso-old")
    stage.invitations[f"{state}-replaced"] = first
    stage.invitations[state] = invitations.create(
        first.service, it_admin_email="it@contoso.example", m365_admin_email=CARLA, again=True, actor=audit.SYSTEM
    )
    stage.browsers[state] = Browser(stage.sandbox, stage.instance.host)
    _connected(stage, state, "Contoso-new")


def _connected_with_rest(stage: Stage, state: str) -> None:
    """Connected, but the temporary grant could not be removed: the row has the values that the step would write."""
    _signed_in(stage, state)
    whole = Connection.objects.get(invitation=stage.invitations["connected"]).registration
    assert whole
    copy = AppRegistration.objects.create(
        tenant_id=whole.tenant_id,
        app_id=whole.app_id,
        object_id=whole.object_id,
        unique_name="copy",
        service_principal_id=whole.service_principal_id,
        display_name="Contoso-sync",
    )
    Connection.objects.filter(invitation=stage.invitations[state]).update(
        registration=copy, status=Connection.Status.CONNECTED, connected_at=timezone.now(), grant_removed=False
    )


def _values_entered(*, granted: bool = True, secret: str = "", work: bool = True) -> Callable[[Stage, str], None]:
    """The values of an existing registration were entered, and checked if `work`."""

    def bring(stage: Stage, state: str) -> None:
        world, invitation = stage.sandbox.world, stage.invitations[state]
        contoso = world.tenant(stage.sandbox.seed.customer.tenant_id)
        application = world.add_application(contoso, "Contoso telephony")
        password = world.add_secret(application, "made by hand")
        values = {
            "tenant": contoso.id,
            "client_id": application.app_id,
            "client_secret": secret or password.secret,
        }
        if granted:
            existing.grant(stage.sandbox, existing.Own(contoso, application, password.key_id, values))
        world.add_ump_customer("finebak", invitation.service.short_name, "Contoso Ltd", contoso.id)
        answer = existing.enter(stage.browsers[state], stage.link(state), values)
        assert answer.status_code == 303, answer.content.decode()
        if work:
            # Too old for "may still be replicating".
            Operation.objects.live().update(created_at=timezone.now() - timedelta(hours=1))
            _run_due_operations()
        else:
            Operation.objects.live().filter(next_attempt_at__isnull=False).update(next_attempt_at=None)

    return bring


def _not_accepted_yet(stage: Stage, state: str) -> None:
    """Microsoft does not know the entered secret. It is checked again for a minute."""
    _values_entered(secret=f"Xy8Q~{'a' * 35}", work=False)(stage, state)
    operation = Operation.objects.of_subject(Connection.objects.get(invitation=stage.invitations[state])).get()
    factories.change(operation.step("organisation"), status="done")
    factories.change(operation.step("proof"), status="waiting")
    Operation.objects.filter(pk=operation.pk).update(
        status="waiting", steps=operation.steps, error_code="AADSTS7000215", next_attempt_at=None
    )


def _secrets_forbidden(stage: Stage, state: str) -> None:
    """The organisation's policy was read before anything was created."""
    policy = stage.sandbox.world.tenant(stage.sandbox.seed.customer.tenant_id).secret_policy
    _signed_in(stage, state)
    browser = stage.browsers[state]
    policy.secrets_forbidden = True
    answer = browser.authorise(browser.open("/authenticate/registration"), name="Contoso-sync")
    assert answer.status_code == 303, answer.content.decode()
    _run_due_operations()
    policy.secrets_forbidden = False


def _answer_put_off(stage: Stage, state: str) -> None:
    """Microsoft has not copied the consent to all of its servers."""
    browser = stage.browsers[state]
    page = browser.start(stage.link(state))
    body = {"error": "invalid_grant", "error_description": "AADSTS65001: Not yet.", "error_codes": [65001]}
    stage.sandbox.faults.add("entra", "status", method="POST", path="/token", status=400, body=body)
    assert browser.sign_in(page, CARLA).status_code == 303
    SignIn.objects.filter(invitation=stage.invitations[state]).update(
        expires_at=timezone.now() + timedelta(hours=2), retry_at=timezone.now() + timedelta(hours=1)
    )


def _token_connected(stage: Stage, state: str) -> None:
    invitation, contoso = stage.invitations[state], stage.sandbox.seed.customer.tenant_id
    stage.sandbox.world.add_ump_customer("finebak", invitation.service.short_name, "Contoso Ltd", contoso)
    _token_waiting(stage, state)


def _token_waiting(stage: Stage, state: str) -> None:
    """The token is stored, and the UMP does not know the service yet."""
    _token_signed_in(stage, state)
    browser = stage.browsers[state]
    answer = browser.sign_in(browser.press(browser.open("/authenticate/allow")), TILDA)
    assert answer.status_code == 303, answer.content.decode()
    _run_due_operations()


def _token_signed_in(stage: Stage, state: str) -> None:
    browser = stage.browsers[state]
    answer = browser.sign_in(browser.start(stage.link(state), way="token"), TILDA)
    assert answer.status_code == 303, answer.content.decode()


def _sent(stage: Stage, state: str) -> None:
    Invitation.objects.filter(pk=stage.invitations[state].pk).update(
        status=Invitation.Status.SENT, email_sent=True, send_count=1, sent_at=timezone.now()
    )


def _signed_in(stage: Stage, state: str) -> None:
    page = stage.browsers[state].identify(stage.link(state), CARLA)
    assert page.status_code == 200, page.content.decode()


def _refused(stage: Stage, state: str) -> None:
    """Two sign-in attempts by people who may not connect."""
    browser = stage.browsers[state]
    for person in ("nora@contoso.example", "greta_fabrikam.example#EXT#@contoso.example"):
        answer = browser.sign_in(browser.start(stage.link(state)), person)
        assert answer.status_code == 403, answer.content.decode()


def _ended(status: Invitation.Status, **values: Any) -> Callable[[Stage, str], None]:
    def bring(stage: Stage, state: str) -> None:
        Invitation.objects.filter(pk=stage.invitations[state].pk).update(status=status, **values)

    return bring


def _at_step(
    reached: str, step_status: str, status: str, *, note: str = "", **values: Any
) -> Callable[[Stage, str], None]:
    """An operation at this step, with the values that the engine writes."""

    def bring(stage: Stage, state: str) -> None:
        _signed_in(stage, state)
        connection = Connection.objects.get(invitation=stage.invitations[state])
        notes: Notes = {INSTANCE_NOTE: str(stage.instance.pk)}
        actor = audit.Actor.customer("Carla <carla@contoso.example>")
        operation = queue.request(new_registration.KIND, connection, actor=actor, notes=notes)
        began = timezone.now() - timedelta(seconds=40)
        for step in operation.steps:
            here = step.name == reached
            factories.change(step, status=step_status if here else "done", started_at=began, note=note if here else "")
            step.ended_at = None if here and step_status != "failed" else timezone.now()
            if here:
                break
        Operation.objects.filter(pk=operation.pk).update(
            status=status, steps=operation.steps, started_at=began, next_attempt_at=None, message=note, **values
        )
        if "customer_part" in notes:
            return
        Connection.objects.filter(pk=connection.pk).update(status=Connection.Status.CONNECTING)
        Invitation.objects.filter(pk=stage.invitations[state].pk).update(status=Invitation.Status.CONNECTING)
        stage.operations[state] = Operation.objects.get(pk=operation.pk)

    return bring


def _failed(stage: Stage, state: str) -> None:
    """The registration was created, and its secret was refused."""
    _at_step(
        "secret",
        "failed",
        "failed",
        error_code="Authorization_RequestDenied",
        note="Microsoft refused to create a secret: a policy of your organisation forbids secrets for applications "
        "(credential creation is blocked by appManagementPolicy).",
    )(stage, state)
    invitation = stage.invitations[state]
    begun = AppRegistration.objects.create(
        tenant_id=invitation.tenant_id, unique_name=state, display_name="Contoso-begun"
    )
    Connection.objects.filter(invitation=invitation).update(registration=begun)


def _own_part_done(stage: Stage, state: str) -> None:
    _at_step("find_service", "waiting", "waiting", note="The UMP has no service contoso9 yet.", waits_for="staff")(
        stage, state
    )
    Connection.objects.filter(invitation=stage.invitations[state]).update(customer_part_done_at=timezone.now())


STATES: dict[str, Callable[[Stage, str], None]] = {
    "connected": _connected,  # first, because the sandbox's UMP knows contoso1
    "sent": _sent,
    "draft": lambda stage, state: None,
    "signed-in": _signed_in,
    "refused": _refused,
    "running": _at_step("permissions", "running", "running"),
    "sign-in-again": _at_step(
        "secret",
        "waiting",
        "waiting",
        waits_for="customer",
        note=connections.SIGN_IN_AGAIN_SENTENCE,
        error_code=connections.SIGN_IN_AGAIN,
    ),
    "failed": _failed,
    "provider": _at_step("hand_over", "waiting", "waiting", note="The UMP refused our credential.", waits_for="staff"),
    "own-part-done": _own_part_done,
    "connected-with-rest": _connected_with_rest,
    "existing-tried": _values_entered(work=False),
    "existing-missing": _values_entered(granted=False),
    "existing-failed": _values_entered(secret="a-secret-of-somebody-else"),
    "existing-connected": _values_entered(),
    "existing-connected-with-rest": _values_entered(),
    "existing-not-accepted": _not_accepted_yet,
    "secrets-forbidden": _secrets_forbidden,
    "answer-put-off": _answer_put_off,
    "token-signed-in": _token_signed_in,
    "token-connected": _token_connected,
    "token-waiting": _token_waiting,
    "connected-again": _connected_again,
    "revoked": _ended(Invitation.Status.REVOKED, revoked_at=timezone.now()),
    "expired": _ended(Invitation.Status.SENT, expires_at=timezone.now() - timedelta(days=1)),
    "waiting": _at_step(
        "roles", "waiting", "waiting", note=REPLICATION
    ),  # last, because the workers of other states would run it
}
