"""`python -m tests.bench.subjects nothing|bare|bulk COUNT`: ask for so much work, within the product's environment."""

import sys

import django


def main(kind: str, count: str) -> int:
    """Make the rows and ring."""
    django.setup()
    from tests.bench.rows import REQUESTS  # noqa: PLC0415  Django is set up only now

    REQUESTS[kind](int(count))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
