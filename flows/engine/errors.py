"""Typed errors. Each carries a stable code whose meaning stands in `error_codes.py`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from datetime import datetime


class FlowError(Exception):
    """An error with a stable code.

    Attributes:
        code: A key of `error_codes.ERROR_CODES`.
        event: The event of the machine that records it when an effect raises it.
    """

    event = "fail"

    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(f"{code}: {message}" if message else code)
        self.code = code


class Mismatch(FlowError):
    """In the right browser, but the issuer, nonce, organization or subject is not the one asked for."""

    event = "mismatch"


class ServiceRefused(FlowError):
    """The provider answered, and the answer is a refusal: the effect did not happen."""


class ProviderUnreachable(FlowError):
    """The request was never sent (no connection): the effect did not happen.

    Code: `provider_unreachable`.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__("provider_unreachable", message)


class RateLimited(ServiceRefused):
    """The provider refused with 429 before doing anything.

    Attributes:
        retry_at: When the provider takes requests again, or None when it did not say.
    """

    def __init__(self, retry_at: datetime | None, message: str = "") -> None:
        super().__init__("rate_limited", message)
        self.retry_at = retry_at


class AnswerLost(FlowError):
    """The request was sent and no usable answer came: whether the effect happened is unknown.

    Code: `provider_answer_lost`, or `provider_answer_invalid` when something came that is no answer.
    What follows is declared by the effect: see `effects.LostAnswer`.
    """

    CODE: Final = "provider_answer_lost"

    def __init__(self, message: str = "", *, code: str = CODE) -> None:
        super().__init__(code, message)


class IdTokenRejected(FlowError):
    """The ID token broke a rule of OpenID Connect Core §3.1.3.7."""


class AccountRefused(FlowError):
    """The project does not let this identity sign in, for example because its user is inactive."""


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
    """Somebody else moved the row since it was read: the result in hand is dropped. Code: `fence_lost`."""

    CODE: Final = "fence_lost"

    def __init__(self, message: str = "") -> None:
        super().__init__(self.CODE, message)
