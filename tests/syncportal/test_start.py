"""What a start needs, and the one line where it is missing."""

from pathlib import Path
from typing import Any

import pytest

from syncportal import start


def test_with_both_keys_the_start_goes_ahead(settings: Any) -> None:
    settings.MISSING_KEYS = []
    start.require_keys()


@pytest.mark.parametrize(
    ("files", "words"),
    [({"SECRET_KEY": Path("secret.key")}, "manage.py make_keys$"), ({}, "manage.py make_keys --print$")],
    ids=["SQLite", "PostgreSQL"],
)
def test_a_missing_key_ends_the_start_with_the_command_that_helps(
    settings: Any, files: dict[str, Path], words: str
) -> None:
    settings.KEY_FILES, settings.MISSING_KEYS = files, ["PORTAL_KEYS"]
    with pytest.raises(SystemExit, match=words):
        start.require_keys()
