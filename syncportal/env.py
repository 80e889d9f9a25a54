"""Reads settings from the environment and `.env`. A wrong value ends the start with one line that says what to do.

Values are taken as they stand, without the blanks around them: nothing in them is interpolated. No refusal repeats a value:
it may be a password that stands beside the wrong name, or a part of an address.
"""

import difflib
import os
import re
import sys
from collections.abc import Iterator, Mapping
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import environ

from registrations.clean_text import unseen_in
from syncportal import env_file

BASE_DIR = Path(__file__).resolve().parent.parent
HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:]+\]", re.ASCII)
EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\]+@[^\s@<>,;:\"()\[\]\\/]+")
OLD_NAMES = {  # today's name: the name it had, which is still read
    "GRAPH_RATE_LIMIT_SHARES": "GRAPH_BUDGET_SHARES",
}
FILE = "SYNCPORTAL_ENV_FILE"
NOT_OURS = {  # read by Celery itself, and they would win over REDIS_URL in Celery alone
    "CELERY_BROKER_URL": "REDIS_URL",
    "CELERY_BROKER_READ_URL": "REDIS_URL",
    "CELERY_BROKER_WRITE_URL": "REDIS_URL",
}
TYPING_ERROR = 0.885  # of difflib's ratio: a variable of the environment so like a setting's name is meant to be it
MISNAMED = 0.8  # the same for a name in the file, which is ours alone: DATABASE is meant to be DATABASE_URL
DATABASE_ADDRESS = re.compile(
    r"(?:^|[='\"\s])(?:jdbc:)?(?:postgres|postgresql|psql|pgsql|sqlite|mysql|mariadb|oracle|mssql)(?:\+\w+)?:",
    re.IGNORECASE,
)

_known: set[str] = set()  # the names that have been read so far
_lines: dict[str, int] = {}  # the names that the file sets, and their lines


def refuse(message: str) -> SystemExit:
    """The end of a start with a wrong setting: one line on standard error, exit status 1."""
    return SystemExit(f"SyncPortal cannot start: {message}")


def file_path() -> Path:
    """The file of settings, whether it is there or not."""
    return Path(os.environ.get(FILE, "") or BASE_DIR / ".env")


def load_file() -> None:
    """Put the file's settings into the environment, which wins. A named file has to be there, `.env` may be missing."""
    try:
        found = env_file.read(file_path())
    except FileNotFoundError:
        if os.environ.get(FILE):
            raise refuse(f"{FILE} names a file that is not there: {file_path()}") from None
        return
    except env_file.EnvFileError as error:
        raise refuse(str(error)) from None
    for name, (value, line) in found.items():
        _lines[name] = line
        os.environ.setdefault(name, value)


def take_over_old_names() -> None:
    """Read a renamed setting under its old name too, with a warning line. The new name wins where both are set."""
    for name, old in OLD_NAMES.items():
        if old in os.environ:
            _warn(f"the setting {old} is now called {name}. Please rename it.")
            os.environ.setdefault(name, os.environ.pop(old))


def refuse_foreign_names() -> None:
    """End the start if a variable is set that a library reads in place of our setting."""
    for foreign, name in NOT_OURS.items():
        if os.environ.get(foreign):
            raise refuse(f"{foreign} is set, and Celery would use it in place of {name}. Unset it.")


def refuse_misnamed_database() -> None:
    """End the start if there is no DATABASE_URL, and another name was probably meant to be it.

    Without this the start would fall back to an empty SQLite file. The name and its value may hold a password: neither is
    written. To be called only where DATABASE_URL is not set.
    """
    for name, line in _lines.items():
        if _is_like_database_url(name, MISNAMED) or DATABASE_ADDRESS.search(os.environ[name]):
            raise refuse(
                f"{file_path()}, line {line} sets an unknown name to a database, or to what looks like one. "
                "The nearest known name is DATABASE_URL, which is not set."
            )
    for name in sorted(os.environ.keys() - _lines.keys()):
        if _is_like_database_url(name, TYPING_ERROR):
            raise refuse(f"the environment sets {name}, which is unknown, and DATABASE_URL is not set.")


def _is_like_database_url(name: str, cutoff: float) -> bool:
    return bool(difflib.get_close_matches(name.upper(), ["DATABASE_URL"], n=1, cutoff=cutoff))


def warn_of_unknown_names() -> None:
    """One warning line for each name that is no setting: all of the file's, and the environment's that look mistyped.

    To be called once all settings are read. A name in the file may be a part of a secret that stands on the wrong line, so
    its line's number stands for it.
    """
    known = _known | {FILE, *OLD_NAMES.values()}
    for name, line in _lines.items():
        if name == FILE:
            _warn(f"{file_path()}, line {line} sets {FILE}, which can only be set in the environment.")
        elif name not in known:
            _warn(f"{file_path()}, line {line} sets an unknown name. The nearest known one is {_nearest(name, 0.0)}.")
    for name in sorted(os.environ.keys() - known - _lines.keys()):
        if nearest := _nearest(name, TYPING_ERROR):
            _warn(f"the environment sets {name}, which is unknown. The nearest known name is {nearest}.")


def _nearest(name: str, cutoff: float) -> str:
    found = difflib.get_close_matches(name.upper(), sorted(_known), n=1, cutoff=cutoff)
    return found[0] if found else ""


def _warn(sentence: str) -> None:
    sys.stderr.write(f"SyncPortal: {sentence}\n")


class _AsTheyStand(Mapping[str, str]):
    """The environment for django-environ, which takes a leading $ for the name of another variable unless it is escaped."""

    def __getitem__(self, name: str) -> str:
        return os.environ[name].replace("$", r"\$")

    def __iter__(self) -> Iterator[str]:
        return iter(os.environ)

    def __len__(self) -> int:
        return len(os.environ)


class _Environment(environ.Env):  # type: ignore[misc]
    """django-environ's reader, on values that are never interpolated."""

    ENVIRON = _AsTheyStand()


_env = _Environment()
_env.escape_proxy = True  # takes the backslash off again
load_file()
take_over_old_names()
refuse_foreign_names()


def text(name: str, default: str) -> str:
    """A setting as it stands, without blanks around it. Raises SystemExit for what cannot be seen."""
    _known.add(name)
    return _visible(name, str(_env.str(name, default)).strip())


def _visible(name: str, value: str) -> str:
    if unseen_in(value):
        raise refuse(f"{name} has an invisible character. Type its value again.")
    return value


def is_set(name: str) -> bool:
    """Whether the environment or the file sets it, even to nothing."""
    _known.add(name)
    return name in os.environ


def names(name: str, default: list[str]) -> list[str]:
    """The entries of a setting that takes several, separated by commas."""
    return [entry.strip() for entry in text(name, ",".join(default)).split(",") if entry.strip()]


def hosts(name: str, default: list[str]) -> list[str]:
    """Bare host names from the environment, in lower case."""
    values = [entry.lower() for entry in names(name, default)]
    for place, value in enumerate(values, start=1):
        if not HOST.fullmatch(value):
            raise refuse(
                f"{name} takes host names separated by commas, without https:// and port, and entry {place} is none."
            )
    return values


def networks(name: str) -> list[IPv4Network | IPv6Network]:
    """The IP addresses and networks of a setting that takes several."""
    found = []
    for place, value in enumerate(names(name, []), start=1):
        try:
            found.append(ip_network(value))
        except ValueError:
            raise refuse(
                f"{name} takes IP addresses or networks such as 10.0.0.5 and 10.1.0.0/24, separated by commas, "
                f"and entry {place} is neither."
            ) from None
    return found


def email(name: str, default: str) -> str:
    """One e-mail address, which may have a name before it."""
    value = text(name, default)
    address = parseaddr(value)[1]
    if not EMAIL.fullmatch(address) or not (value == address or value.endswith(f"<{address}>")):
        raise refuse(f"{name} is not an address like SyncPortal <syncportal@example.com>.")
    return value


def origin(name: str, default: str) -> str:
    """An https origin (scheme, host, port) from the environment, without a trailing slash."""
    value = text(name, default).rstrip("/")
    refusal = refuse(f"{name} must be an origin like {default}.")
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        raise refusal from None
    host = parts.hostname or ""
    exact = {f"{parts.scheme}://{parts.netloc}", value}
    if parts.scheme != "https" or len(exact) > 1 or port == 0 or "@" in parts.netloc:
        raise refusal
    if not HOST.fullmatch(f"[{host}]" if ":" in host else host):
        raise refusal
    return value


def number(name: str, default: int, least: int, most: int = 1_000_000) -> int:
    """A whole number from the environment, within bounds."""
    value = text(name, str(default))
    if not value.isdecimal() or len(value) > len(str(most)) or not least <= int(value) <= most:
        raise refuse(f"{name} must be a whole number from {least} to {most}.")
    return int(value)


def key(name: str, files: dict[str, Path]) -> str:
    """A key from the environment, or from its file; empty if it is in neither."""
    if value := text(name, ""):
        return value
    try:
        return _visible(name, files[name].read_text(encoding="utf-8-sig").strip())
    except (KeyError, FileNotFoundError):
        return ""
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "") or "it is not a text file"
        raise refuse(f"the file of {name} cannot be read: {files[name]} ({reason}).") from None


def public_folder(name: str, default: Path, *, private: list[Path]) -> Path:
    """A folder whose files anybody may read: absolute, and neither one of the private folders nor above one."""
    value = text(name, str(default))
    folder = Path(value).resolve()
    if not Path(value).is_absolute() or any(each.resolve().is_relative_to(folder) for each in private):
        raise refuse(
            f"{name} must be an absolute path to a folder of its own, for example {default}: its files are public, "
            "and it must not contain the database or the keys."
        )
    return folder
