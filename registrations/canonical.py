"""The form in which two values are compared. What Microsoft compares exactly is still sent as it was generated."""

from urllib.parse import urlsplit

DEFAULT_SCOPE = ".default"
DEFAULT_PORTS = {"https": 443, "http": 80}


def guid(text: str) -> str:
    """A GUID as Microsoft's services write it: without braces, in lower case."""
    return text.strip().strip("{}").strip().lower()


def host(text: str) -> str:
    """A host or domain in lower case, without the dot that ends an absolute name (RFC 1034, section 3.1)."""
    return text.strip().lower().removesuffix(".")


def scope(text: str) -> str:
    """The scope of an API, api://HOST-OR-GUID/.default: its resource without braces and in lower case, no slash at the end."""
    scheme, mark, rest = text.strip().rpartition("://")
    resource, *path = rest.rstrip("/").split("/")
    if not path:
        return text
    if path[-1].lower() == DEFAULT_SCOPE:
        path[-1] = DEFAULT_SCOPE
    return f"{scheme.lower()}{mark}{'/'.join([guid(resource), *path])}"


def url(text: str) -> str:
    """A URL with scheme and host in lower case, without its scheme's own port and without slashes at the end.

    What cannot be read as a URL stays as it is.
    """
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        return text
    if not parts.hostname:
        return text
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    userinfo, at, _ = parts.netloc.rpartition("@")
    own = "" if port is None or port == DEFAULT_PORTS.get(parts.scheme) else f":{port}"
    return parts._replace(netloc=f"{userinfo}{at}{host(name)}{own}", path=parts.path.rstrip("/")).geturl()
