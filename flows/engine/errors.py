"""Typed errors. Each carries a stable code whose meaning stands in `error_codes.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol

if TYPE_CHECKING:
    from datetime import datetime


class Remedy(Protocol):
    """A flow that helps with an error."""

    def start(self, request: Any, *, next: str | None = None) -> Any:  # noqa: A002 - Django's own name for it
        """Start the flow; return the response for a view to return."""

    async def astart(self, request: Any, *, next: str | None = None) -> Any:  # noqa: A002 - Django's own name for it
        """Do the same as `start`, for async views."""


class FlowError(Exception):
    """An error with a stable code.

    Attributes:
        code: A key of `error_codes.ERROR_CODES`.
        event: The event of the machine that records it when an effect raises it.
        remedy: What the user can do about it, where a front door knows; None elsewhere.
        detail: What the other service said about it: text from outside, kept in the log of the transaction.
            It is no part of the message, which tracebacks and log files show.
    """

    event = "fail"
    remedy: Remedy | None = None

    def __init__(self, code: str, message: str = "", *, detail: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code, self.detail = code, detail


class Mismatch(FlowError):
    """In the right browser, but the answer is not about what was asked for."""

    event = "mismatch"


class ServiceRefused(FlowError):
    """The service answered, and the answer is a refusal: the effect did not happen."""


class ServiceUnreachable(FlowError):
    """The request was never sent (no connection): the effect did not happen.

    Code: `CODE`, which a subclass may set: `service_unreachable` here; or the given one.
    """

    CODE: ClassVar[str] = "service_unreachable"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(code or self.CODE, message)


class RateLimited(ServiceRefused):
    """The service refused with 429 before doing anything. Code: `rate_limited`.

    Attributes:
        retry_at: When the service takes requests again, or None when it did not say.
    """

    CODE: Final = "rate_limited"

    def __init__(self, retry_at: datetime | None, message: str = "") -> None:
        super().__init__(self.CODE, message)
        self.retry_at = retry_at


class AnswerLost(FlowError):
    """The request was sent and no usable answer came: whether the effect happened is unknown.

    Code: `CODE`, which a subclass may set (`answer_lost` here), or the given one, when something came that is
    no answer, say. What follows is declared by the effect, see `effects.LostAnswer`; where no code was given,
    its `lost_code` is kept.
    """

    CODE: ClassVar[str] = "answer_lost"

    def __init__(self, message: str = "", *, code: str = "") -> None:
        super().__init__(code or self.CODE, message)


def unfinished(code: str) -> FlowError:
    """Return what recovery finds: a worker that did not come back, or one that waits for a busy service.

    Args:
        code: Of the attempt before, which the row keeps.
    """
    if code == RateLimited.CODE:
        return RateLimited(None)  # the service did answer
    return AnswerLost("The worker did not come back.")


class Overloaded(FlowError):
    """Nothing was claimed or sent, because too many calls are in flight, or those before have failed.

    Code: `busy` or `service_failing`.

    Attributes:
        seconds: After which to try again.
    """

    def __init__(self, code: str, seconds: float) -> None:
        super().__init__(code, f"Try again in {seconds:.0f} s.")
        self.seconds = seconds


class InvalidInput(FlowError, ValueError):
    """The caller started a flow with inputs that it must not have."""


class StoreUnavailable(FlowError):
    """The database did not accept the change. Code: `store_unavailable`."""

    def __init__(self, message: str = "") -> None:
        super().__init__("store_unavailable", message)


class EventNotAllowed(FlowError):
    """The machine has no such transition from here, or none for what the event holds: it moves nothing.

    Code: `event_not_allowed`, or what the machine says.
    """

    def __init__(self, message: str = "", *, code: str = "event_not_allowed") -> None:
        super().__init__(code, message)


class Quarantined(FlowError):
    """This release does not know the row's definition or state. Code: `quarantined`."""

    def __init__(self, message: str = "") -> None:
        super().__init__("quarantined", message)


class FenceLost(FlowError):
    """Another worker moved the row since it was read: the result in hand is dropped. Code: `fence_lost`."""

    CODE: Final = "fence_lost"

    def __init__(self, message: str = "") -> None:
        super().__init__(self.CODE, message)
