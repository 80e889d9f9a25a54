"""A WSGI application for tests of the web server: it shows what it was given, and takes its time where it is told to."""

import json
import time
from collections.abc import Callable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """The request as JSON."""
    time.sleep(float(environ.get("QUERY_STRING") or 0))
    seen = {name: value for name, value in environ.items() if isinstance(value, str)}
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    start_response("200 OK", [("Content-Type", "application/json")])
    return [json.dumps({**seen, "body": body.decode()}).encode()]
