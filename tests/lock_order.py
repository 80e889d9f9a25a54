"""Watches a test's statements: a transaction that holds the history's chain must not wait for another's row.

If the row's holder waits for the chain, that is a deadlock, and PostgreSQL cancels one of the two. SQLite, on which most
tests run, has one lock and would never show it.
"""

import re
import traceback
from pathlib import Path
from typing import Any

from django.db import connection

LOCKS_THE_CHAIN = re.compile(r"SELECT digest FROM registrations_auditevent")
WAITS_FOR_A_ROW = re.compile(r'^(UPDATE|DELETE FROM|INSERT INTO) "registrations_operation"|^(UPDATE|DELETE)|FOR UPDATE')
PRODUCT = tuple(str(Path(__file__).parents[1] / app) for app in ("registrations", "onboarding"))
OF_NOBODY_ELSE = re.compile(r'^(UPDATE|DELETE FROM) "django_session"')


def _where() -> str:
    """The lines of the product that executed it."""
    ours = [frame for frame in traceback.extract_stack() if frame.filename.startswith(PRODUCT)]
    return " < ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in reversed(ours[-4:]))


class Watch:
    """Watches one test that runs in a transaction: the product's own transactions are its savepoints."""

    def __init__(self) -> None:
        self.base = len(connection.savepoint_ids)
        self.locked_by = ""
        self.found: list[str] = []

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        """Look at a statement, then execute it."""
        if len(connection.savepoint_ids) <= self.base:
            self.locked_by = ""  # no transaction of the product is open
        if "pg_advisory_xact_lock" in sql and not sql.startswith("SET CONSTRAINTS ALL IMMEDIATE"):
            self.found.append(f"deferred foreign keys are left to wait at the commit: {sql[:100]}")
        if LOCKS_THE_CHAIN.search(sql):
            self.locked_by = self.locked_by or "the chain"
        elif self.locked_by and WAITS_FOR_A_ROW.search(sql) and not OF_NOBODY_ELSE.search(sql):
            self.found.append(f"{sql[:100]} ({_where()})")
        return execute(sql, params, many, context)
