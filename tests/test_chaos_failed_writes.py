"""Which writes the database rejects."""

import pytest

from tests.chaos.failed_writes import Write


@pytest.mark.parametrize(("count", "numbers"), [(1, [1]), (3, [1]), (4, [1, 3]), (40, [1, 21])])
def test_the_first_write_and_one_in_the_middle_are_rejected(count: int, numbers: list[int]) -> None:
    assert Write("registrations_operation", "UPDATE", count, bulk=False).numbers == numbers
