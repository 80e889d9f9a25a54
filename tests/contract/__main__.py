"""Check the sandbox against the description of Microsoft Graph.

`python -m tests.contract` makes every call of the product to a sandbox and compares both bodies, statuses and property
names with the table `tests/contract/graph.toml`. With Microsoft's own description at hand it also checks that the table
still agrees with it, or writes it again:

    python -m tests.contract --openapi graph.openapi.yaml --properties graph.properties.json
    python -m tests.contract --openapi graph.openapi.yaml --properties graph.properties.json --write

The first file is an OpenAPI description of the calls. The second has a member "types": for each type "properties"
(name: type) and "navigation" (names). Exit status 1 means that something differs.
"""

import argparse
import difflib
import json
import sys
import tempfile
from pathlib import Path

import yaml

from sandbox.app import Sandbox
from tests.contract import checks, facts
from tests.contract.description import Description
from tests.sandbox import contract


def main(arguments: list[str]) -> int:
    """Write or compare the table as asked, then check the sandbox against it."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.contract", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--openapi", type=Path, help="a description of Graph's calls, as OpenAPI in YAML")
    parser.add_argument("--properties", type=Path, help="the properties that each type has, as JSON")
    parser.add_argument("--write", action="store_true", help="write the table from these two files, and check nothing")
    options = parser.parse_args(arguments)
    if bool(options.openapi) != bool(options.properties) or (options.write and not options.openapi):
        parser.error("--openapi and --properties come together, and --write needs them")
    if options.openapi:
        described = facts.render(facts.make(*_read(options.openapi, options.properties)))
        if options.write:
            facts.TABLE.write_text(described)
            return 0
        if _differs(described):
            return 1
    return check()


def _read(openapi: Path, properties: Path) -> tuple[dict[str, object], dict[str, object]]:
    return yaml.safe_load(openapi.read_text()), json.loads(properties.read_text())


def _differs(described: str) -> bool:
    table = facts.TABLE.read_text()
    lines = difflib.unified_diff(table.splitlines(), described.splitlines(), facts.TABLE.name, "description", n=1)
    difference = "\n".join(line.rstrip("\n") for line in lines)
    if difference:
        print(f"{facts.TABLE} does not agree with the description. --write makes it again.\n{difference}")
    return bool(difference)


def check() -> int:
    """Play every call, print each difference and the count; 1 where something differs."""
    description = Description(facts.read())
    with tempfile.TemporaryDirectory() as directory, Sandbox(directory) as sandbox:
        exchanges = contract.play(sandbox)
    results = [*checks.of_exchanges(exchanges, description), *checks.of_tables(description)]
    failed = [(name, problems) for name, problems in results if problems]
    for name, problems in failed:
        print(f"FAILED {name}: {'; '.join(problems)}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
