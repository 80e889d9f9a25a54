"""`python -m tests.bench`: benchmarks of the product, printed and written as JSON. They are not tests: none fails."""

import argparse
import datetime
import json
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

from tests.bench import benchmarks

BENCHMARKS = {
    "one-tenant": benchmarks.bulk_job_in_one_tenant,
    "two-tenants": benchmarks.bulk_job_in_two_tenants,
    "calls": benchmarks.calls_of_one_registration,
    "engine": benchmarks.engine_overhead,
}


def main() -> int:
    """Run the chosen benchmarks, print each result as soon as it is known, and write all of them as JSON."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*BENCHMARKS, []], help="default: all")
    parser.add_argument("--count", type=int, default=1000, help="instances in each tenant, and empty operations")
    parser.add_argument("--processes", type=int, default=2, help="worker processes")
    parser.add_argument("--threads", type=int, default=24, help="threads of each of them")
    parser.add_argument("--write", type=Path, default=Path("var/bench.json"))
    arguments = parser.parse_args()
    found: dict[str, Any] = {"machine": machine(), "measured_at": datetime.datetime.now(datetime.UTC).isoformat()}
    for name in arguments.names or list(BENCHMARKS):
        before, began = os.getloadavg()[0], time.monotonic()
        size = benchmarks.Size(arguments.count, arguments.processes, arguments.threads)
        figures = BENCHMARKS[name](size)
        found[name] = {**figures, "load_before": before, "load_after": os.getloadavg()[0]}
        sys.stdout.write(f"\n{name}, {time.monotonic() - began:.0f} s\n{json.dumps(found[name], indent=2)}\n")
        sys.stdout.flush()
    arguments.write.parent.mkdir(parents=True, exist_ok=True)
    arguments.write.write_text(json.dumps(found, indent=2) + "\n")
    return 0


def machine() -> dict[str, Any]:
    """Describe the machine that measures."""
    model = next(
        (line.partition(":")[2].strip() for line in _lines("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((line.split()[1] for line in _lines("/proc/meminfo") if line.startswith("MemTotal")), "0")
    return {
        "cores": os.cpu_count(),
        "processor": model,
        "memory_mib": int(memory) // 1024,
        "system": platform.platform(),
        "python": platform.python_version(),
        "load_average": os.getloadavg(),
    }


def _lines(path: str) -> list[str]:
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


if __name__ == "__main__":
    sys.exit(main())
