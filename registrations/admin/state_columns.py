"""The filter by state, and the order of columns that may be empty: what every list of things with a state uses."""

from typing import Any

from django.contrib import admin
from django.db.models import F, QuerySet
from django.db.models.expressions import OrderBy
from django.http import HttpRequest


class EmptyLast(F):
    """A column to sort by: rows without a value come last in both directions, on every database."""

    def asc(self, **kwargs: Any) -> OrderBy:
        """The smallest first."""
        return super().asc(nulls_last=True)

    def desc(self, **kwargs: Any) -> OrderBy:
        """The greatest first."""
        return super().desc(nulls_last=True)


class StateFilter(admin.SimpleListFilter):
    """Filters a list by the state that its column shows."""

    title = "state"
    parameter_name = "state"
    choices_of_state: list[tuple[str, str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[Any, str]]:
        """Every state of the model."""
        return list(self.choices_of_state)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """The rows in the chosen state; an unknown one changes nothing."""
        known = {value for value, _ in self.choices_of_state}
        return queryset.filter(state=self.value()) if self.value() in known else queryset


def state_filter(choices: list[tuple[str, str]]) -> type[StateFilter]:
    """The list filter for these states; the list's rows have the annotation `state`."""
    return type("StateFilterOfModel", (StateFilter,), {"choices_of_state": choices})
