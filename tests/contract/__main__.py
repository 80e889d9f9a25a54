"""`python -m tests.contract --openapi FILE --properties FILE`: play every call, compare, count."""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import yaml

from sandbox.app import Sandbox
from tests.contract import checks
from tests.contract.description import Description
from tests.sandbox import contract


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--openapi", type=Path, required=True, help="Microsoft's description of Graph, as OpenAPI")
    parser.add_argument("--properties", type=Path, required=True, help="the properties that each type has, as JSON")
    arguments = parser.parse_args()
    description = Description(yaml.safe_load(arguments.openapi.read_text()))
    tables = json.loads(arguments.properties.read_text())
    with tempfile.TemporaryDirectory() as directory, Sandbox(directory) as sandbox:
        exchanges = contract.play(sandbox)
    results = [*checks.of_exchanges(exchanges, description), *checks.of_tables(tables)]
    failed = [(name, problems) for name, problems in results if problems]
    for name, problems in failed:
        print(f"FAILED {name}: {'; '.join(problems)}")
    print(f"{len(results) - len(failed)} passed, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
