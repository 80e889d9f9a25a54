"""Acts on many rows: a page that says beforehand which rows are skipped and why, and one table afterwards."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import asdict, dataclass
from typing import Any

from django.contrib.admin import helpers
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils.safestring import SafeString

from registrations import admin_html
from registrations.admin.base import PortalAdmin
from registrations.errors import PortalError

KEPT_IN_SESSION = "bulk_result"
SKIPPED = "skipped"
SHOWN = 500  # rows of a table; what was skipped or refused comes first
NOT_CHOSEN = "It was marked as skipped in the preview."


@dataclass(frozen=True)
class BulkAct:
    """An act on many rows.

    `skipped` gives the reasons why rows cannot be acted on, by key, with a fixed number of queries. `run` does it to one row
    and returns what happened, or raises PortalError. `expected` says what will happen to a row that is not skipped.
    """

    action: str
    verb: str  # on the button
    nouns: tuple[str, str]  # one, many
    will: str  # "3 will be <will>"
    done: str  # "3 <done>"
    skipped: Callable[[Collection[Any]], dict[Any, str]]
    run: Callable[[Any], str]
    intro: tuple[str, ...] = ()
    expected: Callable[[Collection[Any]], dict[Any, str]] = lambda rows: {}
    danger: bool = False

    def counted(self, number: int) -> str:
        """ "Provision 12 instances"."""
        return f"{self.verb} {number} {self.nouns[number != 1]}"


@dataclass(frozen=True)
class Line:
    """One row in a table: before an act what will happen, afterwards what happened."""

    name: str
    address: str
    state: str
    word: str
    sentence: str

    @property
    def badge(self) -> SafeString:
        """What became of it, as icon, word and colour."""
        return admin_html.badge(self.state, self.word)


class BulkActs(PortalAdmin):
    """Lists whose rows are acted on together."""

    def get_urls(self) -> list[URLPattern]:
        """With the page that shows how the last act ended."""
        view = self.admin_site.admin_view(self.bulk_result)
        return [path("result/", view, name=self._result_name()), *super().get_urls()]

    def in_bulk(self, request: HttpRequest, queryset: QuerySet[Any], act: BulkAct) -> HttpResponse:
        """Ask with a preview; once confirmed, act row by row and lead to the result."""
        rows = list(queryset)
        return self.carry_out(request, rows, act) if "confirmed" in request.POST else self._preview(request, rows, act)

    def carry_out(self, request: HttpRequest, rows: list[Any], act: BulkAct) -> HttpResponse:
        """Act row by row and lead to the result."""
        lines, chosen = self.without_skipped(request, rows, act)
        return self.show_result(request, act, lines + [self._act_on(row, act) for row in chosen])

    def without_skipped(self, request: HttpRequest, rows: list[Any], act: BulkAct) -> tuple[list[Line], list[Any]]:
        """The lines of those that are skipped, and the rows to act on."""
        left_alone = self._named_as_skipped(request)
        rows = list({row.pk: row for row in [*left_alone, *rows]}.values())
        reasons = {row.pk: NOT_CHOSEN for row in left_alone} | act.skipped(rows)
        lines = [self.line_of(row, "skipped", "", reasons[row.pk]) for row in rows if row.pk in reasons]
        return lines, [row for row in rows if row.pk not in reasons]

    def _named_as_skipped(self, request: HttpRequest) -> list[Any]:
        """The rows that the button promised to leave alone."""
        named = request.POST.getlist(SKIPPED)
        try:
            return list(self.get_queryset(request).filter(pk__in=named)) if named else []
        except (ValidationError, ValueError):  # no keys of rows
            return []

    def line_of(self, row: Any, state: str, word: str, sentence: str) -> Line:
        """A row's line, with a link to its page."""
        return Line(self.name_of(row), admin_html.change_url(row), state, word, sentence)

    def _preview(self, request: HttpRequest, rows: list[Any], act: BulkAct) -> HttpResponse:
        reasons = act.skipped(rows)
        lines = [self.line_of(row, "skipped", "", reasons[row.pk]) for row in rows if row.pk in reasons]
        chosen = [row for row in rows if row.pk not in reasons]
        expected, number = act.expected(chosen), len(chosen)
        lines += [self.line_of(row, "pending", "Included", expected.get(row.pk, "")) for row in chosen]
        hidden = [("action", act.action), ("confirmed", "yes")]
        hidden += [(helpers.ACTION_CHECKBOX_NAME, str(row.pk)) for row in chosen]  # each row once: fields are limited
        hidden += [(SKIPPED, str(pk)) for pk in reasons]
        return self.plain_page(
            request,
            "admin/bulk_act.html",
            title=act.counted(number),
            counts=counts([(number, f"will be {act.will}"), (len(reasons), "skipped")]),
            button=act.counted(number) if number else "",
            intro=act.intro if number else (),
            lines=lines[:SHOWN],
            left_out=max(len(lines) - SHOWN, 0),
            hidden=hidden,
            danger=act.danger,
            action=self.list_address(),
            back=self.list_address(),
        )

    def show_result(
        self, request: HttpRequest, act: BulkAct, lines: list[Line], more: Iterable[tuple[str, str]] = ()
    ) -> HttpResponse:
        """Keep the table for the next page, so that loading it again repeats nothing. `more`: links, title and address."""
        order = {"failed": 0, "skipped": 1}
        lines = sorted(lines, key=lambda line: order.get(line.state, 2))
        number = {state: sum(line.state == state for line in lines) for state in ("done", "skipped", "failed")}
        said = [(number["done"], act.done), (number["skipped"], "skipped"), (number["failed"], "refused")]
        request.session[KEPT_IN_SESSION] = {
            "model": self.opts.label,
            "title": f"{act.verb}: {counts(said)}",
            "lines": [asdict(line) for line in lines[:SHOWN]],
            "left_out": max(len(lines) - SHOWN, 0),
            "more": list(more),
        }
        return HttpResponseRedirect(reverse(f"admin:{self._result_name()}"))

    def bulk_result(self, request: HttpRequest) -> HttpResponse:
        """How the person's last act on many rows of this list ended."""
        kept = request.session.get(KEPT_IN_SESSION, {})
        if kept.get("model") != self.opts.label:
            return HttpResponseRedirect(self.list_address())
        lines = [Line(**line) for line in kept["lines"]]
        shown = {"title": kept["title"], "lines": lines, "left_out": kept["left_out"], "more": kept["more"]}
        return self.plain_page(request, "admin/bulk_result.html", **shown, back=self.list_address())

    def _act_on(self, row: Any, act: BulkAct) -> Line:
        try:
            return self.line_of(row, "done", act.done.capitalize(), act.run(row))
        except PortalError as refusal:
            return self.line_of(row, "failed", "Refused", str(refusal))

    def _result_name(self) -> str:
        return f"{self.opts.app_label}_{self.opts.model_name}_result"


def counts(numbers: Iterable[tuple[int, str]]) -> str:
    """ "12 will be provisioned, 3 skipped": the first always, the others where there are any."""
    return ", ".join(f"{number:,} {word}" for place, (number, word) in enumerate(numbers) if number or not place)
