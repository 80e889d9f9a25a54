"""A replaced link: the holder of the old one cannot continue with it, and never gets the new one."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from onboarding.models import Connection, Invitation, SignIn
from onboarding.services import invitations, stranger_limits
from registrations.models import AuditEvent, Operation, RequestWindow
from registrations.request_limits import Limit
from tests.onboarding.browser import Browser, read
from tests.onboarding.conftest import OLGA
from tests.onboarding.existing import Own, bare, contoso, enter, own
from tests.onboarding.wizard import CARLA, last_refusal, refused

__all__ = ["bare", "contoso", "own"]  # fixtures
pytestmark = pytest.mark.django_db
FRED = "fred@fabrikam.example"
PAUL = "paul@contoso.example"


def replaced(invitation: Invitation) -> str:
    """The invitation's new link."""
    invitations.new_link(invitation, actor=OLGA)
    return invitations.link_of(invitation)


def test_a_sign_in_with_the_old_link_does_not_reveal_the_new_one(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.start(link)
    new = replaced(invitation)
    told = refused(customer.sign_in(page, CARLA), "replaced_link")
    assert new not in told
    assert link not in told
    assert not Connection.objects.exists()
    assert "__Host-session" not in customer.client.cookies


def test_another_refusal_does_not_reveal_the_new_link_either(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.visit_microsoft(customer.start(link), FRED)
    sign_in = SignIn.objects.get()
    new = replaced(invitation)
    # The link was replaced between the taking of the answer and Microsoft's word: the row is open still.
    SignIn.objects.filter(pk=sign_in.pk).update(outcome="started", refusal="", flow_envelope=sign_in.flow_envelope)
    assert new not in customer.come_back(answer).content.decode()


def test_a_new_link_refuses_open_sign_ins_and_records_their_number(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    customer.start(link)
    customer.start(link, way="token")
    replaced(invitation)
    assert {(each.outcome, each.refusal, each.flow_envelope) for each in SignIn.objects.all()} == {
        ("refused", "replaced_link", "")
    }
    assert AuditEvent.objects.get(action="invitation.link_renewed").after == {"sign_ins_refused": 2}


def test_returning_with_a_closed_sign_in_is_in_the_history(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    answer = customer.visit_microsoft(customer.start(link), CARLA)
    replaced(invitation)
    refused(customer.come_back(answer), "replaced_link")
    assert last_refusal()["refusal"] == "replaced_link"
    assert SignIn.objects.get().redeemed_at is None


def test_a_second_sign_in_with_the_old_link_starts_nothing(
    customer: Browser, invitation: Invitation, link: str
) -> None:
    page = customer.press(customer.identify(link), name="Finebak-sync")
    replaced(invitation)
    refused(customer.sign_in(page, CARLA), "replaced_link")
    assert not Operation.objects.exists()


@pytest.mark.parametrize("page", ["registration", "progress", "done"])
def test_a_session_opened_with_the_old_link_ends(
    customer: Browser, invitation: Invitation, link: str, page: str
) -> None:
    customer.identify(link)
    new = replaced(invitation)
    assert new not in refused(customer.open(f"/authenticate/{page}"), "replaced_link")


def test_the_new_link_continues_the_setup(customer: Browser, invitation: Invitation, link: str) -> None:
    customer.authorise(customer.identify(link))
    new = replaced(invitation)
    assert customer.open("/authenticate/progress").status_code == 410
    answer = customer.sign_in(customer.start(new), CARLA)
    assert answer.headers["location"] == "/authenticate/progress"
    assert customer.open("/authenticate/progress").status_code == 200


def test_an_error_page_leads_back_to_a_current_link(customer: Browser, link: str) -> None:
    assert f'href="{link}"' in refused(customer.sign_in(customer.start(link), FRED), "another_organisation")


# --- The limits of forms ---


@pytest.fixture
def _few_forms(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORMS_BY_LINK", "FORMS_BY_SESSION", "FORMS_BY_BROWSER"):
        limit = getattr(stranger_limits, name)
        monkeypatch.setattr(stranger_limits, name, Limit(limit.scope, 3, timedelta(hours=1)))


@pytest.mark.usefixtures("_few_forms")
@pytest.mark.parametrize("address", ["the old link", "an invented link", "the session alone"])
@pytest.mark.parametrize("began", ["watching", "signed in"])
def test_an_old_session_over_its_limit_does_not_learn_the_new_link(
    customer: Browser, invitation: Invitation, link: str, own: Own, address: str, began: str
) -> None:
    if began == "watching":
        assert enter(customer, link, own.values).status_code == 303
    else:
        customer.identify(link)
    form = customer.choose(link) if began == "signed in" else customer.open(f"{urlsplit(link).path}/existing")
    new = replaced(invitation)
    path = {
        "the old link": f"{urlsplit(link).path}/start",
        "an invented link": f"/authenticate/{'A' * 43}/start",
        "the session alone": "/authenticate/progress/look-again",
    }[address]
    token = read(form.content.decode()).forms[0].fields["csrfmiddlewaretoken"]
    counted = RequestWindow.objects.filter(scope__startswith="forms").count()
    for _ in range(8):
        answer = customer.client.post(
            path, {"csrfmiddlewaretoken": token}, headers={"origin": f"http://{customer.host}"}
        )
        assert new not in answer.content.decode()
        assert answer.status_code != 429
    assert RequestWindow.objects.filter(scope__startswith="forms").count() == counted


# --- A session belongs to one person ---


def test_a_replaced_administrator_cannot_act_for_the_new_one(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    other = Browser(customer.sandbox, customer.host)
    other.identify(link, PAUL)
    told = refused(customer.press(page, name="Finebak-sync"), "another_administrator")
    assert "Carla" in told
    assert f'href="{link}"' in told
    refused(customer.open("/authenticate/registration"), "another_administrator")
    assert Connection.objects.get().registration_name == ""
    assert not AuditEvent.objects.filter(action__in=["connection.named", "invitation.consent_begun"]).exists()


def test_a_viewer_cannot_sign_in_for_the_first_administrator(customer: Browser, link: str) -> None:
    customer.authorise(customer.identify(link))
    other = Browser(customer.sandbox, customer.host)
    other.sign_in(other.start(link), PAUL)
    progress = "/authenticate/progress"
    Operation.objects.update(status="waiting", waits_for="customer", credential_envelope="")
    refused(other.press(other.open(progress)), "another_administrator")
    assert customer.press(customer.open(progress)).status_code == 200
    # Paul takes over from the invitation: no operation is running now.
    answer = other.sign_in(other.start(link), PAUL)
    assert answer.headers["location"] == progress
    assert other.sign_in(other.press(other.open(progress)), PAUL).status_code == 303
    assert Connection.objects.get().admin_username == PAUL


def test_the_history_names_who_signed_in(customer: Browser, link: str) -> None:
    page = customer.identify(link)
    Connection.objects.update(admin_name="Somebody else")
    customer.press(page, name="Finebak-sync")
    assert AuditEvent.objects.get(action="connection.named").actor_label == f"Carla ({CARLA})"
