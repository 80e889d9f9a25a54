"""Stores dataclasses as JSON files. Writes are atomic, and only the owner can read the files."""

from __future__ import annotations

import json
import os
import tempfile
import types
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

T = TypeVar("T")


@cache
def _hints(cls: type) -> dict[str, Any]:
    return get_type_hints(cls)


def _from_json(hint: Any, value: Any) -> Any:
    origin, arguments = get_origin(hint), get_args(hint)
    if value is None or hint is Any:
        return value
    if origin in (Union, types.UnionType):
        return _from_json(next(a for a in arguments if a is not type(None)), value)
    if origin is dict:
        return {key: _from_json(arguments[1], item) for key, item in value.items()}
    if origin is list:
        return [_from_json(arguments[0], item) for item in value]
    if isinstance(hint, type) and is_dataclass(hint):
        return load(hint, value)
    return value


def load(cls: type[T], data: dict[str, Any]) -> T:
    """Build a dataclass from the output of `dataclasses.asdict`. Ignores unknown keys."""
    known = {field.name for field in fields(cls)}  # type: ignore[arg-type]
    hints = _hints(cls)  # type: ignore[arg-type]
    return cls(**{key: _from_json(hints[key], value) for key, value in data.items() if key in known})


def write_private(path: Path, content: bytes) -> None:
    """Write a file that only its owner can read. After a crash it has the old or the new content, never a mix."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o600)
        os.replace(name, path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise


def write_json(path: Path, data: Any) -> None:
    write_private(path, json.dumps(data, indent=1).encode())
