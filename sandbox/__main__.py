"""`python -m sandbox`: run until stopped."""

from __future__ import annotations

import argparse
import errno
import signal
import sys
import threading
from pathlib import Path

from sandbox.app import Sandbox


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=sys.modules["sandbox"].__doc__)
    parser.add_argument("--directory", type=Path, required=True, help="directory for the sandbox's state")
    parser.add_argument("--https-port", type=int, default=8443)
    parser.add_argument("--http-port", type=int, default=8400)
    parser.add_argument("--smtp-port", type=int, default=8425)
    parser.add_argument(
        "--allow-localhost-redirects",
        action="store_true",
        help="accept redirect URIs like http://portal.localhost:8000/..., which Entra refuses",
    )
    parser.add_argument(
        "--pages-over-http",
        action="store_true",
        help="discovery names the http address for sign-in pages, for browsers that do not know the certificate authority",
    )
    parser.add_argument(
        "--in-memory", action="store_true", help="keep no state on disk: faster, but a restart loses it"
    )
    return parser.parse_args()


def main() -> int:
    arguments = _arguments()
    # Set before anything listens, so that an early signal also stops the sandbox.
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    try:
        sandbox = Sandbox(
            arguments.directory,
            arguments.https_port,
            arguments.http_port,
            arguments.smtp_port,
            allow_localhost_redirects=arguments.allow_localhost_redirects,
            pages_over_http=arguments.pages_over_http,
            in_memory=arguments.in_memory,
        )
        sandbox.start()
    except OSError as problem:
        in_use = problem.errno == errno.EADDRINUSE
        print(f"sandbox: {'a port is in use' if in_use else 'cannot start'}: {problem}", file=sys.stderr)
        return 1
    print(f"Entra, Graph, UMP  {sandbox.entra_url}", flush=True)
    print(f"Pages, mailbox     {sandbox.people_url}", flush=True)
    print(f"SMTP               localhost:{sandbox.smtp_port}", flush=True)
    stopped.wait()
    sandbox.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
