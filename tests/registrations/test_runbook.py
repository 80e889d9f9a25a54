"""The runbook says what to look at and what to press for each code and sentence that an operation can end or wait with."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from types import ModuleType
from typing import NamedTuple

from demo.services import PROJECT
from registrations.clients.graph.errors import KNOWN_ANSWERS, Meaning
from registrations.delivery import handover_sheet
from registrations.encryption import EnvelopeError
from registrations.errors import NotYetError, PersonNeededError, PortalError, QuotaSpentError

RUNBOOK = (PROJECT / "docs" / "runbook.md").read_text()
# Neither ends an operation. A form shows Django's ValidationError; RefusedError is a page of the customer's wizard, whose
# sentence says what to do, and KnownAnswer is a row of Graph's table, which has a test of its own below.
NO_END = {"ValidationError", "RefusedError", "KnownAnswer", "MisleadingTextError"}
# The answer of a sign-in is checked in the request, and the wizard answers with a page. No operation reads it.
OF_A_SIGN_IN = {"state_mismatch", "id_token"}
# A person who presses a button or runs a command reads these at once, on a page or a terminal, and nothing was done: no
# operation ends or waits with them. `_finish` raises for its caller only, `begin_connecting` for the request.
OF_AN_ACT = {
    "addresses._readdress",
    "addresses._require_reason",
    "addresses.change_provider_address",
    "addresses.lock_for_edit",
    "bulk_jobs._finish",
    "bulk_jobs._move",
    "bulk_jobs.request",
    "bulk_jobs.retry_failed",
    "client_secrets.replace",
    "conflicts.decide",
    "customers._refuse_difference",
    "customers.ensure_service",
    "handover_sheet._require_waiting",
    "handover_sheet.confirm",
    "handover_sheet.reveal_secret",
    "invitations.copy_link",
    "invitations.create",
    "invitations.new_link",
    "invitations.refuse_second",
    "invitations.revoke",
    "naming.choose",
    "provisioning.adopt",
    "provisioning.new_secret",
    "queue.cancel",
    "queue.resume",
    "stored_access.delete",
    "throttle.confirm_password",
    "lookups.begin_connecting",
}
# A kind that this version does not know cannot say what its failing means either: the operation ends as `unknown`, and this
# sentence stands in the log alone.
OF_THE_LOG = {"registry.kind_of"}
OF_MICROSOFT = {"EntraRefusedError"}  # it takes Microsoft's answer, and makes sentence and code of it by itself
# Where the tables tell of an error, by its class; what is no other ends the operation, or keeps a bulk job from beginning it.
TABLES = {
    NotYetError: ("It waits for time",),
    PersonNeededError: ("It waits for a person",),
    EnvelopeError: ("It waits for a person",),
    PortalError: ("It has failed", "A bulk job did not start it"),
}
GIVEN_LATER = {EnvelopeError: "`key_missing`", QuotaSpentError: f"`{QuotaSpentError.CODE}`"}
ANY = "..."  # in a sentence or code: what stands there is known at run time only


@cache
def modules() -> list[tuple[ModuleType, ast.Module]]:
    """The product's modules with their source."""
    return list(_read())


def _read() -> Iterator[tuple[ModuleType, ast.Module]]:
    for app in ("registrations", "onboarding"):
        for path in sorted((PROJECT / app).rglob("*.py")):
            if "migrations" not in path.parts:
                name = ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
                yield importlib.import_module(name), ast.parse(path.read_text())


def text_of(value: ast.expr, names: dict[str, object]) -> str:
    """A literal, a constant of the module or a text put together of both; ANY where only the running code knows it."""
    if isinstance(value, ast.JoinedStr):
        return "".join(text_of(part, names) for part in value.values)
    if isinstance(value, ast.FormattedValue):
        return text_of(value.value, names)
    if isinstance(value, (ast.Constant, ast.Name, ast.Attribute)):
        try:
            found = eval(compile(ast.Expression(value), "code", "eval"), dict(names))  # noqa: S307  our own source
        except (NameError, AttributeError):
            return ANY
        return found if isinstance(found, str) else ANY
    return ANY


def called(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def codes_given() -> set[str]:
    """Each code that the product gives to a refusal, or writes on an operation itself.

    Codes of Microsoft, the UMP or a mail server are known at run time only: they are not in it.
    """
    found = {QuotaSpentError.CODE}
    for module, tree in modules():
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and called(node) not in NO_END]
        values = [word.value for call in calls for word in call.keywords if word.arg in ("code", "error_code")]
        found |= {text_of(choice, vars(module)) for value in values for choice in choices(value)}
    return found - {"", ANY}


def choices(value: ast.expr) -> list[ast.expr]:
    return [*choices(value.body), *choices(value.orelse)] if isinstance(value, ast.IfExp) else [value]


def sentences() -> set[str]:
    """Every text of the product, each with ANY for what is filled in."""
    found = set()
    for module, tree in modules():
        texts = [node for node in ast.walk(tree) if isinstance(node, (ast.Constant, ast.JoinedStr))]
        found |= {text_of(text, vars(module)) for text in texts}
    return found


class Said(NamedTuple):
    """A sentence that the product gives to an error without a code."""

    place: str  # its module's last name and its function
    error: type[Exception]
    sentence: str


def said_without_a_code() -> list[Said]:
    """All of them, those that no operation reads too."""
    found = []
    for module, tree in modules():
        last_name = module.__name__.rpartition(".")[2]
        for function in ast.walk(tree):
            if isinstance(function, ast.FunctionDef):
                for error, call in refusals_in(function, module):
                    texts = [text_of(choice, vars(module)) for choice in choices(call.args[0])]
                    found += [Said(f"{last_name}.{function.name}", error, text) for text in texts]
    return found


def refusals_in(function: ast.FunctionDef, module: ModuleType) -> Iterator[tuple[type[Exception], ast.Call]]:
    """Where it makes an error that an operation may end or wait with, and gives no code."""
    for call in ast.walk(function):
        if isinstance(call, ast.Call) and called(call) not in NO_END | OF_MICROSOFT:
            error = vars(module).get(called(call))
            has_code = any(word.arg == "code" for word in call.keywords)
            if isinstance(error, type) and issubclass(error, (PortalError, EnvelopeError)) and not has_code:
                yield error, call


def has_row(said: Said) -> bool:
    """A row of the table for such an error quotes the sentence, or a part of it, and tells that it has no code."""
    tables = next(tables for error, tables in TABLES.items() if issubclass(said.error, error))
    code = GIVEN_LATER.get(said.error, "none|Refused")
    told = [row for table in tables for row in rows(table) if re.search(code, row[0])]
    return any(is_said(quote, {said.sentence}) for row in told for quote in quotes(row))


def buttons() -> set[str]:
    """What the admin writes on its buttons and pages of acts."""
    found = set()
    for module, tree in modules():
        if ".admin" in module.__name__:
            calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and node.args]
            found |= {text_of(call.args[0], vars(module)) for call in calls if called(call) in ("page", "Button")}
            found |= {title for _, title, *_ in getattr(module, "DECISIONS", ())}
            found |= {act.title for act in getattr(module, "ACTS", {}).values()}
    return found


def rows(table: str = "") -> list[list[str]]:
    """The cells of the tables about operations, or of the one under this title, without their heads."""
    about = RUNBOOK.partition("## How an operation ends")[2].partition("## When something is wrong")[0]
    if table:
        about = about.partition(f"### {table}\n")[2].partition("\n### ")[0]
    lines = [
        line
        for line in about.splitlines()
        if line.startswith("|") and not line.startswith(("|---", "| state | ", "| code | "))
    ]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def quotes(row: list[str]) -> list[str]:
    """What the row says that the screen says."""
    return re.findall(r'"([^"]+)"', row[1])


def named() -> set[str]:
    return {code for row in rows() for code in re.findall(r"`([^`]+)`", row[0])}


def test_every_error_code_of_operations_has_a_row() -> None:
    wanted = {code: re.escape(code).replace(re.escape(ANY), ".+") for code in codes_given() - OF_A_SIGN_IN}
    assert [code for code, fits in wanted.items() if not any(re.fullmatch(fits, each) for each in named())] == []


def test_every_code_of_graph_that_stops_an_operation_has_a_row() -> None:
    """The other meanings are what the step wanted, or lead it to another question."""
    stop = {answer.code for answer in KNOWN_ANSWERS if answer.meaning in (Meaning.NOT_YET, Meaning.POLICY)}
    assert stop - {""} - named() == set()


def test_the_collected_codes_include_every_form_and_each_exception() -> None:
    given = codes_given()
    assert given >= OF_A_SIGN_IN
    assert given >= {"unknown", "database", "quota_spent", "deleted_twin", "ump_changed", f"handover_{ANY}"}
    groups = (handover_sheet.SYNC_APP, handover_sheet.AUTHENTICATION_PORTAL)
    assert named() >= {f"{handover_sheet.HANDOVER_CODE}_{group}" for group in groups}


def test_every_sentence_without_a_code_has_a_row() -> None:
    read = [said for said in said_without_a_code() if said.place not in OF_AN_ACT | OF_THE_LOG]
    assert len(read) > 35
    assert [said for said in read if not without_gaps(said.sentence)] == []  # nobody finds a row for it
    assert [said for said in read if not has_row(said)] == []


def test_each_exception_for_a_sentence_still_exists() -> None:
    assert {said.place for said in said_without_a_code()} >= OF_AN_ACT | OF_THE_LOG


def test_a_row_counts_only_for_its_own_kind_of_error() -> None:
    """The same words in another table would send people to the wrong button."""
    sentence = "The phone service is processing the registration."
    assert has_row(Said("the job in the UMP", NotYetError, sentence))
    assert not has_row(Said("the job in the UMP", PersonNeededError, sentence))
    assert not has_row(Said("its row has a code", PortalError, "The UMP took the token over and shows other values."))
    assert not has_row(Said("invented", NotYetError, "Microsoft is closed today."))


def is_said(quote: str, texts: set[str]) -> bool:
    """It is a part of one of the product's texts, or one of these says it once what is known at run time is filled in."""
    if any(without_gaps(quote) in without_gaps(text) for text in texts):
        return True
    long_enough = (text for text in texts if len(without_gaps(text)) > 20)
    return any(re.fullmatch(re.escape(text).replace(re.escape(ANY), ".+"), quote) for text in long_enough)


def without_gaps(text: str) -> str:
    return " ".join(text.replace(ANY, " ").split())


def test_a_row_quotes_the_product_word_for_word() -> None:
    known = sentences()
    quoted = {quote for row in rows() for quote in quotes(row)}
    assert len(quoted) > 50
    assert {quote for quote in quoted if not is_said(quote, known)} == set()


def test_a_row_names_only_existing_buttons() -> None:
    pressed = {button for row in rows() for button in re.findall(r"\*([^*]+)\*", row[-1])}
    assert {"Resume", "Provision", "Take over", "Restore", "Delete for good", "Change address"} <= pressed
    assert pressed - buttons() == set()


def test_each_row_has_all_four_cells() -> None:
    assert all(len(row) == 4 and all(row) for row in rows())
