"""The wizard's static files: one stylesheet, one small script, one icon, and no other."""

import hashlib
from functools import lru_cache
from pathlib import Path

from django.conf import settings
from django.http import Http404, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from django.views.decorators.http import require_safe

from onboarding.middleware import InstanceRequest

FOLDER = Path(__file__).resolve().parent.parent / "static" / "onboarding"
TYPES = {
    "portal.css": "text/css; charset=utf-8",
    "portal.js": "text/javascript; charset=utf-8",
    "favicon.svg": "image/svg+xml",
}
A_YEAR = "public, max-age=31536000, immutable"


@lru_cache(maxsize=len(TYPES))
def content(name: str) -> tuple[bytes, str]:
    """A file and the hash of its content. The hash is part of the address, so a new version has a new address."""
    body = (FOLDER / name).read_bytes()
    return body, hashlib.sha256(body).hexdigest()[:16]


def address(name: str) -> str:
    """The address of a file; caches may keep it for a year."""
    return f"{reverse('asset', settings.INSTANCE_URLCONF, args=[name])}?v={content(name)[1]}"


@require_safe
def asset(request: InstanceRequest, name: str) -> HttpResponseBase:
    """One of the known files; 404 for any other name."""
    if name not in TYPES:
        raise Http404
    body, version = content(name)
    # Without the right hash in the address, caches must revalidate, or they would keep an old file.
    caching = A_YEAR if request.GET.get("v") == version else "no-cache"
    response = HttpResponse(body, content_type=TYPES[name], headers={"ETag": f'"{version}"', "Cache-Control": caching})
    return get_conditional_response(request, etag=f'"{version}"', response=response) or response
