"""Graph's error responses.

https://learn.microsoft.com/graph/errors
"""

from __future__ import annotations

from sandbox.model import JsonObject


class GraphError(Exception):
    """An error response: status, code, message, and sometimes details and headers."""

    def __init__(self, status: int, code: str, message: str, details: list[JsonObject] | None = None) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.details = status, code, message, details
        self.headers: dict[str, str] = {}

    def body(self, request_id: str, client_request_id: str, date: str) -> JsonObject:
        error: JsonObject = {"code": self.code, "message": self.message}
        if self.details:
            error["details"] = self.details
        error["innerError"] = {
            "date": date.rstrip("Z"),
            "request-id": request_id,
            "client-request-id": client_request_id,
        }
        return {"error": error}


def bad_request(message: str, details: list[JsonObject] | None = None) -> GraphError:
    return GraphError(400, "Request_BadRequest", message, details)


def not_found(key: str) -> GraphError:
    return GraphError(
        404,
        "Request_ResourceNotFound",
        f"Resource '{key}' does not exist or one of its queried reference-property objects are not present.",
    )


def denied(message: str = "Insufficient privileges to complete the operation.") -> GraphError:
    return GraphError(403, "Authorization_RequestDenied", message)


def unauthorized(message: str) -> GraphError:
    return GraphError(401, "InvalidAuthenticationToken", message)


def invalid_property(name: str) -> GraphError:
    return bad_request(f"Invalid property '{name}'.")


def no_backing_application(app_id: str) -> GraphError:
    """The error for a service principal whose application is missing or not replicated yet."""
    text = f"The appId '{app_id}' of the service principal does not reference a valid application object."
    return bad_request(text, [{"code": "NoBackingApplicationObject", "message": text, "target": "appId"}])


def invalid_reference() -> GraphError:
    return bad_request("Not a valid reference update.")


def conflicting_object() -> GraphError:
    text = "A conflicting object with one or more of the specified property values is present in the directory."
    return bad_request(text, [{"code": "ConflictingObjects", "message": text}])


def unique_name_taken() -> GraphError:
    return bad_request("Another object with the same value for property uniqueName already exists.")


def unsupported_query(message: str) -> GraphError:
    return GraphError(400, "Request_UnsupportedQuery", message)


def malformed_id(value: str) -> GraphError:
    """An object id that is no GUID."""
    return bad_request(f"Invalid object identifier '{value}'.")


def wrong_segment(segment: str) -> GraphError:
    return GraphError(400, "BadRequest", f"Resource not found for the segment '{segment}'.")
