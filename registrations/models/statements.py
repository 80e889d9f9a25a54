"""Two hand-written statements, which the engine sends about ten times for each registration.

Django compiles each from a queryset every time. Measured on 2026-11-30 with `python -m tests.bench two-tenants --count 300`, three
runs each in turns on a busy machine: plain Django took 7.1 % more processor seconds a registration in the median (0.1264 s
against 0.1180 s; the runs spread by 9 to 15 %), and about 0.4 ms more for each UPDATE when timed alone. Columns and values
still come from the models. For plain values only: use a queryset for expressions.
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

from django.db import connection, models

MOST_ROWS = 500  # of one statement: SQLite may take no more than 32,766 values


def insert(rows: Sequence[models.Model], *, returning: bool = False) -> list[int]:
    """Insert rows of one model whose keys the database chooses, or that are those of other rows; the rows do not learn them.

    With `returning`, the keys, in the order of the rows: they increase. [] where this SQLite cannot say (before 3.35).
    """
    key = rows[0]._meta.pk
    if not isinstance(key, models.AutoField | models.OneToOneField):
        raise TypeError(f"The keys of {rows[0]._meta.label} are not the database's to choose.")
    says = returning and connection.features.can_return_rows_from_bulk_insert
    keys: list[int] = []
    for first in range(0, len(rows), MOST_ROWS):
        keys += _insert(rows[first : first + MOST_ROWS], f" RETURNING {_quoted(key.column)}" if says else "")
    return sorted(keys)


def _insert(rows: Sequence[models.Model], returning: str) -> list[int]:
    fields = [field for field in rows[0]._meta.concrete_fields if not isinstance(field, models.AutoField)]
    columns = ", ".join(_quoted(field.column) for field in fields)
    places = ", ".join([f"({', '.join(['%s'] * len(fields))})"] * len(rows))
    values = [_value(field, getattr(row, field.attname)) for row in rows for field in fields]
    table = _quoted(rows[0]._meta.db_table)
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({columns}) VALUES {places}{returning}", values)  # noqa: S608
        return [int(key) for (key,) in cursor.fetchall()] if returning else []


def update(model: type[models.Model], where: Mapping[str, Any], values: Mapping[str, Any]) -> int:
    """Set these values where all of those hold, of which none may be None; the number of rows."""
    if None in where.values():
        raise TypeError("Nothing equals NULL.")
    changed, asked = _columns(model, values), _columns(model, where)
    return _execute(
        f"UPDATE {_quoted(model._meta.db_table)} SET {', '.join(changed)} WHERE {' AND '.join(asked)}",  # noqa: S608
        [*changed.values(), *asked.values()],
    )


def _columns(model: type[models.Model], named: Mapping[str, Any]) -> dict[str, Any]:
    """`"column" = %s` and the value in the database's form."""
    found: dict[str, Any] = {}
    for name, value in named.items():
        field = cast("models.Field[Any, Any]", model._meta.get_field(name))
        found[f"{_quoted(field.column)} = %s"] = _value(field, value)
    return found


def _value(field: "models.Field[Any, Any]", value: Any) -> Any:
    return field.get_db_prep_save(value, connection)


def _quoted(name: str | None) -> str:
    return connection.ops.quote_name(str(name))


def _execute(statement: str, values: Sequence[Any]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return int(cursor.rowcount)
