"""`python -m tests.bench.enqueue nothing|bare COUNT` or `... bulk COUNT TENANTS`: request work, in the product's environment."""

import sys

import django


def main(kind: str, *numbers: str) -> int:
    """Create the rows and enqueue the work."""
    django.setup()
    from tests.bench.workloads import REQUESTS  # noqa: PLC0415  Django is set up only now

    REQUESTS[kind](*map(int, numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
