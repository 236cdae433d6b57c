"""What the server refuses by itself, before anything is asked of the engine."""

from stepwell.errors import EngineRefusal, UsageError


class ForeignOrigin(EngineRefusal, code="foreign_origin"):
    """A browser sent the request for a page of somebody else, or without the token of its session."""


class ForeignHost(EngineRefusal, code="foreign_host"):
    """The `Host` header names another machine than the one that an open server answers for."""


class NoSuchRoute(EngineRefusal, code="no_such_route"):
    """Nothing is served at this path."""


class MethodRefused(EngineRefusal, code="method_not_allowed"):
    """The path is served, but not with this method; `allow` are those that it is served with."""

    own = ("allow",)
    allow: tuple[str, ...] = ()


class MalformedRequest(UsageError, code="malformed_request"):
    """The body of a request is no JSON, or is nested too deep."""


class HeadersTooLarge(UsageError, code="headers_too_large"):
    """The headers of a request are larger than any that are meant."""


class UnsupportedMedia(UsageError, code="unsupported_media_type"):
    """The body of a request is not sent as `application/json` in UTF-8, or it is compressed."""


class InvalidRequest(UsageError, code="invalid_request"):
    """A parameter or field of a request is missing, unknown or of another type; `errors` says which."""

    own = ("errors",)
    errors: tuple[tuple[str, str], ...] = ()


class DeadlinePassed(EngineRefusal, code="deadline_passed", retryable=True):
    """The server did not answer within the time that it gives a request; what was begun may still happen."""


class NoKey(UsageError, code="no_key"):
    """A server was to listen beyond this machine, and the database has no API key."""
