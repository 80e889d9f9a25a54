"""The database rejects exactly one write: one row for each kind of write (an event of a table) that operations cause.

The tables are not listed: triggers record what a request, its operation and a bulk job write. Then each kind of write is
rejected, first the first one, then one in the middle. The suite's own fixtures are not recorded.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.chaos import bulk_load
from tests.chaos.checks import check
from tests.chaos.environment import Environment
from tests.chaos.faults import TIMEOUT_SECONDS
from tests.chaos.results import Result

OURS = r"^(registrations|onboarding)_"
OF_A_JOB = 1  # instances in each tenant
# chaos.fixture is a setting of the transactions in which the suite creates its fixtures.
NOTE = (
    "CREATE TABLE chaos_seen (of_table text, event text)",
    "CREATE FUNCTION chaos_note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
    "IF current_setting('chaos.fixture', true) IS DISTINCT FROM 'on' THEN "
    "INSERT INTO chaos_seen VALUES (TG_TABLE_NAME, TG_OP); END IF; RETURN NULL; END $$",
)
SEEN = "SELECT of_table, event, count(*) FROM chaos_seen GROUP BY 1, 2 ORDER BY 1, 2"
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename ~ %s ORDER BY 1"


@dataclass(frozen=True, order=True)
class Write:
    """An event of a table, how often it was recorded, and whether only bulk jobs cause it."""

    table: str
    event: str
    count: int
    bulk: bool

    @property
    def numbers(self) -> list[int]:
        """Which of these writes are rejected, each in a row of its own."""
        return sorted({1, self.count // 2 + 1} if self.count > 3 else {1})


def rows(environment: Environment) -> Iterator[Result]:
    """A row for each rejected write."""
    found = [(write, number) for write in _recorded(environment) for number in write.numbers]
    for write, number in environment.sample.of_each(found, lambda row: f"{row[0].event}, in a bulk job {row[0].bulk}"):
        yield rejected(environment, write, number)


def _recorded(environment: Environment) -> list[Write]:
    """What single operations write, and what a bulk job writes in addition."""
    for statement in NOTE:
        environment.query(statement)
    tables = [name for (name,) in environment.query(TABLES, [OURS])]
    for table in tables:
        environment.query(
            f"CREATE TRIGGER chaos_note AFTER INSERT OR UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION chaos_note()"
        )
    _single_operations(environment)
    single = {(table, event): count for table, event, count in environment.query(SEEN)}
    environment.query("TRUNCATE chaos_seen")
    _bulk_job(environment)
    bulk = {(table, event): count for table, event, count in environment.query(SEEN)}
    for table in tables:
        environment.query(f"DROP TRIGGER chaos_note ON {table}")
    found = [Write(*key, count, bulk=False) for key, count in single.items()]
    return sorted(found) + sorted(Write(*key, count, bulk=True) for key, count in bulk.items() if key not in single)


def rejected(environment: Environment, write: Write, number: int) -> Result:
    """Reject exactly one write by a trigger. A sequence counts the writes, because it is not rolled back."""
    environment.query("DROP SEQUENCE IF EXISTS chaos_writes")
    environment.query("CREATE SEQUENCE chaos_writes")
    environment.query(
        "CREATE OR REPLACE FUNCTION chaos_refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
        f"IF current_setting('chaos.fixture', true) IS DISTINCT FROM 'on' AND nextval('chaos_writes') = {number} "
        "THEN RAISE EXCEPTION 'chaos'; END IF; RETURN COALESCE(NEW, OLD); END $$"
    )
    environment.query(
        f"CREATE TRIGGER chaos BEFORE {write.event} ON {write.table} FOR EACH ROW EXECUTE FUNCTION chaos_refuse()"
    )
    name = f"database rejects one write: {write.event} of {write.table.partition('_')[2]}, number {number}"
    try:
        result = (
            _bulk_job(environment, name) if write.bulk else check(environment, name, _single_operations(environment))
        )
    finally:
        environment.query(f"DROP TRIGGER chaos ON {write.table}")
    ((last, is_called),) = environment.query("SELECT last_value, is_called FROM chaos_writes")
    written = last if is_called else 0
    result.did_not_happen([] if written >= number else [f"only {written} such writes"])
    return result


def _single_operations(environment: Environment) -> list[str]:
    operations = [*environment.request("provision", 1), *environment.request("connect", 1)]
    environment.finish(operations, TIMEOUT_SECONDS)
    return operations


def _bulk_job(environment: Environment, name: str = "") -> Result:
    job = environment.run_module("tests.chaos.request_operations", "bulk", str(OF_A_JOB)).strip()
    return bulk_load.checked_job(environment, name, job, OF_A_JOB)
