"""The database itself refuses to change or delete a history entry.

SQLite drops triggers when Django rebuilds a table: a migration that alters AuditEvent must call `protect` again.
"""

from typing import Any

from django.db import migrations

SQLITE = [
    f"""CREATE TRIGGER history_refuses_{act.lower()} BEFORE {act} ON registrations_auditevent
    BEGIN SELECT RAISE(ABORT, 'The history is append only.'); END"""
    for act in ("UPDATE", "DELETE")
]
POSTGRESQL = [
    """CREATE FUNCTION refuse_history_change() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'The history is append only.'; END $$""",
    """CREATE TRIGGER history_refuses_change BEFORE UPDATE OR DELETE ON registrations_auditevent
    FOR EACH ROW EXECUTE FUNCTION refuse_history_change()""",
    """CREATE TRIGGER history_refuses_truncate BEFORE TRUNCATE ON registrations_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_history_change()""",
]
UNDO = {
    "sqlite": [f"DROP TRIGGER IF EXISTS history_refuses_{act}" for act in ("update", "delete")],
    "postgresql": [
        "DROP TRIGGER IF EXISTS history_refuses_change ON registrations_auditevent",
        "DROP TRIGGER IF EXISTS history_refuses_truncate ON registrations_auditevent",
        "DROP FUNCTION IF EXISTS refuse_history_change()",
    ],
}


def protect(apps: Any, schema_editor: Any) -> None:
    """Make the triggers of this database."""
    for statement in {"sqlite": SQLITE, "postgresql": POSTGRESQL}[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


def unprotect(apps: Any, schema_editor: Any) -> None:
    """Drop them again."""
    for statement in UNDO[schema_editor.connection.vendor]:
        schema_editor.execute(statement)


class Migration(migrations.Migration):
    """Triggers only; no table changes."""

    dependencies = [("registrations", "0001_initial")]
    operations = [migrations.RunPython(protect, unprotect)]
