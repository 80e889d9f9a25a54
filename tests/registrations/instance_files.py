"""CSV files of UMP instances, as the import reads them."""

from pathlib import Path

from registrations.services.csv_file import Row, Table
from sandbox.app import Sandbox


def row(sandbox: Sandbox, **changed: str) -> dict[str, str]:
    """The seeded UMP's instance as one row."""
    ump = sandbox.seed.ump
    given = {
        "service_provider": "Finebak",
        "domain": "finebak.localhost",
        "subscription": "audiocodes",
        "tenant_id": sandbox.seed.provider.tenant_id,
        "app_name": "umptoken",
        "ump_url": ump.url,
        "ump_client_id": ump.client_id,
        "ump_client_secret": ump.client_secret,
        "ump_scope": ump.scope,
    }
    return {**given, **changed}


def csv_file(tmp_path: Path, *rows: dict[str, str]) -> str:
    """Write these rows to a file; its path."""
    path = tmp_path / "instances.csv"
    header = list(rows[0])
    path.write_text("\n".join([",".join(header), *(",".join(r[c] for c in header) for r in rows)]) + "\n")
    return str(path)


def table_of(*rows: dict[str, str]) -> Table:
    """These rows as the import takes them."""
    return Table(1, list(rows[0]), [], [Row(line, cells) for line, cells in enumerate(rows, start=2)])
