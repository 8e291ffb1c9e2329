"""Errors of the protocol, and what an error of a provider adds to the engine's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from stateful_oauth.flows.engine.errors import AnswerLost, FlowError, ServiceRefused, ServiceUnreachable

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.secret import Secret


class ProviderUnreachable(ServiceUnreachable):
    """The request was never sent to the provider (no connection): the effect did not happen.

    Code: `provider_unreachable`, or `provider_speaks_no_tls`.
    """

    CODE: ClassVar[str] = "provider_unreachable"


class ProviderAnswerLost(AnswerLost):
    """The request was sent to the provider and no usable answer came: whether it happened is unknown.

    Code: `provider_answer_lost`, or `provider_answer_invalid` when something came that is no answer.

    Attributes:
        refresh_token: What such an answer holds all the same, or None: it has to be revoked.
    """

    CODE: ClassVar[str] = "provider_answer_lost"
    refresh_token: Secret | None = None


class RefusedWithServerError(ServiceRefused):
    """The provider refused in so many words, under a status above 499.

    Nothing was issued. Whether a refresh token that rotates was spent is unknown, and a grant that the words
    call dead may be alive.
    """


class DeniedByAction(RefusedWithServerError):
    """The tenant's own code denied the user at the token endpoint, which answered 500.

    Code: `sign_in_refused`.
    """

    def __init__(self, message: str = "", *, detail: str = "") -> None:
        super().__init__("sign_in_refused", message, detail=detail)


class IdTokenRejected(FlowError):
    """The ID token broke a rule of OpenID Connect Core §3.1.3.7."""


class AccessTokenRejected(FlowError):
    """An access token for one of the site's own APIs broke a rule (RFC 9068 §4)."""


class AccountRefused(FlowError):
    """The project does not let this identity sign in, for example because its user is inactive."""
