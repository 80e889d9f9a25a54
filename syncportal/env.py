"""Reads settings from the environment and `.env`. A wrong value ends the start with one line that says what to do."""

import os
import re
import sys
from pathlib import Path
from urllib.parse import urlsplit

import environ

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]", re.ASCII)
OLD_NAMES = {  # today's name: the name it had, which is still read
    "GRAPH_RATE_LIMIT_SHARES": "GRAPH_BUDGET_SHARES",
}


def refuse(message: str) -> SystemExit:
    """The end of a start with a wrong setting: one line on standard error, exit status 1."""
    return SystemExit(f"SyncPortal cannot start: {message}")


def env_file() -> Path:
    """The file of settings: a named one has to be there, `.env` may be missing."""
    named = os.environ.get("SYNCPORTAL_ENV_FILE", "")
    if named and not Path(named).exists():
        raise refuse(f"SYNCPORTAL_ENV_FILE names a file that is not there: {named}")
    return Path(named) if named else BASE_DIR / ".env"


def take_over_old_names() -> None:
    """Read a renamed setting under its old name too, with a warning line. The new name wins where both are set."""
    for name, old in OLD_NAMES.items():
        if old in os.environ:
            sys.stderr.write(f"SyncPortal: the setting {old} is now called {name}. Please rename it.\n")
            os.environ.setdefault(name, os.environ.pop(old))


env = environ.Env()
environ.Env.read_env(env_file())
take_over_old_names()


def hosts(name: str, default: list[str]) -> list[str]:
    """Bare host names from the environment, in lower case."""
    values = [str(value).strip().lower() for value in env.list(name, default=default)]
    wrong = [value for value in values if not HOST.fullmatch(value)]
    if wrong:
        raise refuse(f"{name} takes host names separated by commas, without https:// and port, and has {wrong[0]!r}.")
    return values


def origin(name: str, default: str) -> str:
    """An https origin (scheme, host, port) from the environment, without a trailing slash."""
    value = str(env.str(name, default)).rstrip("/")
    try:
        parts = urlsplit(value)
    except ValueError:
        raise refuse(f"{name} must be an origin like {default}.") from None
    if parts.scheme != "https" or not parts.hostname or parts.path or parts.query:
        raise refuse(f"{name} must be an origin like {default}, and it is {value!r}.")
    return value


def number(name: str, default: int, least: int, most: int = 1_000_000) -> int:
    """A whole number from the environment, within bounds."""
    text = env.str(name, str(default)).strip()
    if not text.isdecimal() or not least <= int(text) <= most:
        raise refuse(f"{name} must be a whole number from {least} to {most}, and it is {text!r}.")
    return int(text)


def key(name: str, files: dict[str, Path]) -> str:
    """A key from the environment, or from its file; empty if it is in neither."""
    if value := str(env.str(name, "")):
        return value
    try:
        return files[name].read_text().strip()
    except (KeyError, FileNotFoundError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "it is not a text file"
        raise refuse(f"the file of {name} cannot be read: {files[name]} ({reason}).") from None


def public_folder(name: str, default: Path, *, private: list[Path]) -> Path:
    """A folder whose files anybody may read: absolute, and neither one of the private folders nor above one."""
    text = env.str(name, str(default)).strip()
    folder = Path(text).resolve()
    if not Path(text).is_absolute() or any(each.resolve().is_relative_to(folder) for each in private):
        raise refuse(
            f"{name} must be an absolute path to a folder of its own, for example {default}: its files are public, "
            "and it must not contain the database or the keys."
        )
    return folder


def is_address(value: str, schemes: set[str]) -> bool:
    """Whether it is a URL of one of these schemes; a bare / in a password makes the rest look like a wrong port."""
    try:
        parts = urlsplit(value)
        return parts.scheme in schemes and parts.port != 0
    except ValueError:
        return False
