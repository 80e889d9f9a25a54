"""The programs of the operating system that the tests use. `python -m tests.programs` installs what is missing.

It installs only as root on Debian; elsewhere it names in one line what is missing and the command that helps.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

NAMES = {
    "chromium": ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable"),
    "redis-server": ("redis-server", "valkey-server"),
    "pgbouncer": ("pgbouncer",),
}
FOLDERS = ("/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin")
PGBOUNCER_ON_DEBIAN = Path("/usr/sbin/pgbouncer")
CHROMIUM_ON_MACOS = Path("/Applications/Google Chrome.app/Contents/MacOS/Google Chrome")


def chromium() -> Path | None:
    """Chromium or Chrome."""
    return _on_path("chromium") or (CHROMIUM_ON_MACOS if CHROMIUM_ON_MACOS.exists() else None)


def redis_server() -> Path | None:
    """The server of Redis or Valkey."""
    return _on_path("redis-server")


def pgbouncer() -> Path | None:
    """PgBouncer, a pooler in front of PostgreSQL; Debian keeps it where only root's PATH leads."""
    return _on_path("pgbouncer") or (PGBOUNCER_ON_DEBIAN if PGBOUNCER_ON_DEBIAN.exists() else None)


def postgresql() -> Path | None:
    """The folder with `initdb` and `postgres`: on PATH, or where Debian and Homebrew keep them, the newest first."""
    found = shutil.which("initdb")
    if found and shutil.which("postgres"):
        return Path(found).resolve().parent
    folders = [folder for pattern in FOLDERS for folder in Path("/").glob(pattern[1:]) if (folder / "initdb").exists()]
    return max(
        folders,
        key=lambda folder: [int(part) for part in folder.parent.name.split("@")[-1:] if part.isdigit()],
        default=None,
    )


FINDERS: dict[str, Callable[[], Path | None]] = {
    "chromium": chromium,
    "pgbouncer": pgbouncer,
    "postgresql": postgresql,
    "redis-server": redis_server,
}


def needed(path: Path | None) -> Path:
    """The path; a missing program is an error, never a skipped test."""
    if path is None:
        raise FileNotFoundError(f"A program for the tests is missing: {', '.join(missing())}. {advice(missing())}")
    return path


def missing() -> list[str]:
    """Names of the Debian packages that are not there."""
    return [package for package, find in FINDERS.items() if find() is None]


def advice(packages: list[str]) -> str:
    """The command that helps on this machine."""
    if shutil.which("apt-get"):
        return f"Install with: sudo apt-get install {' '.join(packages)}"
    if shutil.which("brew"):
        return f"Install with: brew install {' '.join(packages).replace('redis-server', 'redis')}"
    return "Install with the package manager of this machine."


def main() -> int:
    """Install what is missing; 1 with one line where that is not possible."""
    packages = missing()
    if packages and os.geteuid() == 0 and shutil.which("apt-get"):
        print(f"Installing {', '.join(packages)}", flush=True)
        apt_get("update")
        apt_get("install", "--no-install-recommends", *packages)
        packages = missing()
    if packages:
        print(f"Missing for the tests: {', '.join(packages)}. {advice(packages)}", file=sys.stderr)
        return 1
    return 0


def apt_get(*arguments: str) -> None:
    """Run it without a question. What it could not do shows afterwards: nothing is raised."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    silent = subprocess.DEVNULL  # what is still missing afterwards is named in one line
    subprocess.run(["apt-get", "-qq", "-y", *arguments], env=environment, stdout=silent, stderr=silent, check=False)


def _on_path(program: str) -> Path | None:
    found = next(filter(None, map(shutil.which, NAMES[program])), None)
    return Path(found) if found else None


if __name__ == "__main__":
    sys.exit(main())
