"""What can be wrong with a request, and how either protocol says so."""

from enum import Enum

RETRY_AFTER_S = 1


class Fault(Enum):
    """A kind of failure: gRPC's name of the code, HTTP status.

    TF Serving translates its codes in the same way; only a body above the limit has a status of its own here.
    """

    INVALID = ("INVALID_ARGUMENT", 400)
    NOT_FOUND = ("NOT_FOUND", 404)
    NOT_OFFERED = ("UNIMPLEMENTED", 501)
    WRONG_METHOD = ("UNIMPLEMENTED", 405)
    TOO_LARGE = ("RESOURCE_EXHAUSTED", 413)
    BUSY = ("RESOURCE_EXHAUSTED", 503)
    NOT_READY = ("UNAVAILABLE", 503)
    SLOW_CLIENT = ("DEADLINE_EXCEEDED", 408)
    TIMEOUT = ("DEADLINE_EXCEEDED", 504)
    FAILED = ("INTERNAL", 500)

    @property
    def grpc_code(self) -> str:
        """Name in grpc.StatusCode."""
        return self.value[0]

    @property
    def http_status(self) -> int:
        """Status of the HTTP response."""
        return self.value[1]

    @property
    def worth_retrying(self) -> bool:
        """Whether the same request may well be answered a moment later."""
        return self in (Fault.BUSY, Fault.NOT_READY)


class RefusedImageError(Exception):
    """An image that gets no mask; the message says why."""


class RequestError(Exception):
    """A request that is not answered; the message is for whoever sent it."""

    def __init__(self, fault: Fault, message: str) -> None:
        super().__init__(message)
        self.fault = fault
