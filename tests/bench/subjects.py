"""`python -m tests.bench.subjects nothing|bare COUNT`, `... bulk COUNT TENANTS`: ask for work, in the product's environment."""

import sys

import django


def main(kind: str, *numbers: str) -> int:
    """Make the rows and ring."""
    django.setup()
    from tests.bench.rows import REQUESTS  # noqa: PLC0415  Django is set up only now

    REQUESTS[kind](*map(int, numbers))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
