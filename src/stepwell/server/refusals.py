"""What the server refuses by itself, before anything is asked of the engine."""

from stepwell.errors import EngineRefusal, UsageError


class Unauthenticated(EngineRefusal, code="unauthenticated"):
    """The request has no key or session, or one that is unknown, expired or revoked."""


class Forbidden(EngineRefusal, code="forbidden"):
    """The key does not have the scope that the request needs."""


class ForeignOrigin(EngineRefusal, code="foreign_origin"):
    """A browser sent the request for a page of somebody else, or without the token of its session."""


class ForeignHost(EngineRefusal, code="foreign_host"):
    """The `Host` header names another machine than the one that an open server answers for."""


class TooManyRequests(EngineRefusal, code="too_many_requests"):
    """Too many tries in too short a time; `retry_after` is in seconds."""

    own = ("retry_after",)
    retry_after: float = 1.0


class NoSuchRoute(EngineRefusal, code="no_such_route"):
    """Nothing is served at this path."""


class MethodRefused(EngineRefusal, code="method_not_allowed"):
    """The path is served, but not with this method."""


class MalformedRequest(UsageError, code="malformed_request"):
    """The body of a request is no JSON, or is nested too deep."""


class HeadersTooLarge(UsageError, code="headers_too_large"):
    """The headers of a request are larger than any that are meant."""


class UnsupportedMedia(UsageError, code="unsupported_media_type"):
    """The body of a request is not sent as `application/json`."""


class InvalidRequest(UsageError, code="invalid_request"):
    """A parameter or field of a request is missing, unknown or of another type; `errors` says which."""

    own = ("errors",)
    errors: tuple[tuple[str, str], ...] = ()


class DeadlinePassed(EngineRefusal, code="deadline_passed", retryable=True):
    """The server did not answer within the time that it gives a request; what was begun may still happen."""


class NoKey(UsageError, code="no_key"):
    """A server was to listen beyond this machine, and the database has no API key."""
