"""The type of the `run` fixture: a command's name and arguments in, the JSON lines that it prints out."""

from collections.abc import Callable
from typing import Any

Run = Callable[..., list[dict[str, Any]]]
