"""The authorization response: the parameters that the provider sends to the callback.

RFC 6749 §4.1.2 and §4.1.2.1, RFC 9207. The order of checks follows RFC 9700: form first, then the issuer,
then the state, then the error; a flow does the last three when it knows its transaction.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.engine.transaction import readable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from stateful_oauth.flows.oauth.ports import Provider

# Characters. A state of ours has 54 of them; Auth0's codes have about 50.
_LIMITS: Final = {"state": 128, "code": 2048, "connect_code": 46, "iss": 512, "error": 128}

# RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6, by what the user or the operator can do about them.
_ERRORS: Final = {
    "access_denied": "access_denied",
    "login_required": "login_required",
    "consent_required": "interaction_required",
    "interaction_required": "interaction_required",
    "account_selection_required": "interaction_required",
    "temporarily_unavailable": "provider_busy",
    "server_error": "provider_error",
    "invalid_request": "request_rejected",
    "invalid_scope": "request_rejected",
    "unauthorized": "sign_in_refused",
    "unauthorized_client": "request_rejected",
    "unsupported_response_type": "request_rejected",
}
# What `access_denied`, and sometimes `invalid_request` and `unauthorized`, means by the words beside it
# (docs/auth0-contract.md). An Action writes its own. The first match counts; these words choose what a page
# says, and decide nothing.
_REFUSAL_ERRORS: Final = ("access_denied", "invalid_request", "unauthorized")
_REFUSAL_WORDS: Final = (
    (
        "invitation_invalid",
        re.compile(
            r"\binvitation\b.{0,40}\b(not found|expired|already|used|invalid|not valid|revoked)\b"
            r"|\b(invalid|expired|used)\b.{0,20}\binvitation\b|\baccept the current invitation\b"
        ),
    ),
    (
        "organization_refused",
        re.compile(
            r"\bnot (a part|part|a member|member) of\b.{0,80}\borganization\b"
            r"|\bnot enabled for\b.{0,40}\borganization\b"
        ),
    ),
    (
        "request_rejected",
        re.compile(
            r"^service not (found|enabled)\b|\bnot authorized to access resource server\b|\bclient-grant\b"
            r"|^grant type\b|^parameter \S{1,40} is (invalid|not allowed)\b"
            r"|\bclient\b.{0,40}\bnot (found|enabled|allowed)\b"
        ),
    ),
)
# The user's own no: nothing at all (RFC 6749 §4.1.2.1 makes the description optional), or what consent pages
# of Auth0 and the providers behind it say.
_DECLINED: Final = re.compile(
    r"\b(end-?user|user|resource owner)( or authorization server)?( has| have)? "
    r"(did not authorize|did not consent|didn't authorize|denied|declined|cancell?ed|rejected|refused"
    r"|aborted)\b"
    r"|^(permissions error|user_denied|consent (denied|declined|was declined))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorizationResponse:
    """A response of the right form: a `state`, and either a code or an error.

    Attributes:
        issuer: `iss`, or None when it was not sent.
        state: A `Secret`, because it finds the transaction and proves that the request was ours.
        error_description: One line of at most `LONGEST_DETAIL` printable characters, written by the provider,
            by an Action, or by the author of the URL: show it escaped, and keep it out of URLs and log files.
    """

    state: Secret
    code: Secret | None = None
    issuer: str | None = None
    error: str | None = None
    error_description: str = field(default="", repr=False)

    @classmethod
    def parse(
        cls, parameters: Iterable[tuple[str, Sequence[str | Secret]]], *, code_parameter: str = "code"
    ) -> AuthorizationResponse:
        """Read a query or form body.

        Args:
            parameters: Pairs of name and all its values, as `QueryDict.lists()` gives them. Values that are
                secrets already are in no variable in clear, here or at the caller's.
            code_parameter: `code`, or what the flow declares: `connect_code` for a connected account (My
                Account API).

        Raises:
            FlowError: `parameter_repeated`, `parameter_invalid`, `state_missing` or `response_incomplete`.
        """
        found: dict[str, Secret] = {}
        limits = {code_parameter: _LIMITS["code"], **_LIMITS}
        for name, values in parameters:
            if name not in limits and name != "error_description":
                continue
            if len(values) != 1:
                raise FlowError("parameter_repeated", f"{name} was sent {len(values)} times.")
            found[name] = values[0] if isinstance(values[0], Secret) else Secret(values[0])
        for name, limit in limits.items():
            if name in found and not _is_well_formed(found[name].reveal(), limit):
                raise FlowError("parameter_invalid", f"{name} is too long or not printable ASCII.")
        if not found.get("state"):
            raise FlowError("state_missing")
        code, error = found.get(code_parameter), _text(found, "error")
        if not code and not error:
            raise FlowError("response_incomplete", f"Neither {code_parameter} nor error was sent.")
        if code and error:
            raise FlowError("parameter_invalid", f"Both {code_parameter} and error were sent.")
        return cls(
            state=found["state"],
            code=code or None,
            issuer=_text(found, "iss") if "iss" in found else None,
            error=error or None,
            error_description=readable(_text(found, "error_description")),
        )

    def issuer_flaw(self, issuer: str, provider: Provider) -> str:
        """Return the code of what is wrong with `iss`, or an empty string (RFC 9207 §2.4).

        Compared before anything else, errors included: an answer of another provider says nothing about this
        transaction.
        """
        if self.issuer is None:
            return "issuer_missing" if provider.sends_issuer() else ""
        return "" if self.issuer == issuer else "issuer_mismatch"

    @property
    def is_proof(self) -> bool:
        """Whether it carries a code: who holds one can finish the attempt, so only one browser may see it."""
        return self.code is not None

    @property
    def error_code(self) -> str:
        """Return the code that `error` stands for, or an empty string when there is none.

        `access_denied` says three things: the user declined (`access_denied`), an Action, an invitation or an
        organization refused (`sign_in_refused`, `invitation_invalid`, `organization_refused`), or the request
        was wrong (`request_rejected`). Auth0 tells them apart in `error_description` only.
        """
        if self.error is None:
            return ""
        said = self.error_description.lower()
        if self.error in _REFUSAL_ERRORS:
            for code, words in _REFUSAL_WORDS:
                if words.search(said):
                    return code
        if self.error == "access_denied" and said and not _DECLINED.search(said):
            return "sign_in_refused"
        return _ERRORS.get(self.error, "provider_error")

    def refusal(self, *, declined: str, declined_code: str = "") -> Event | None:
        """Return the event that an error response stands for, with the provider's description; else None.

        Args:
            declined: The event of a user who declined. Every other error is a `fail`.
            declined_code: Its code, where it is not `access_denied`; of a refusal as well, where the
                flow does not ask who of the two said no.
        """
        code = self.error_code
        if not code:
            return None
        refused = code == "sign_in_refused" and self.error == "access_denied"
        if code == "access_denied" or (declined_code and refused):  # a code of both
            return Event(declined, self, declined_code or code, self.error_description)
        return Event("fail", self, code, self.error_description)


def _is_well_formed(value: str, limit: int) -> bool:
    return len(value) <= limit and value.isascii() and value.isprintable()


def _text(found: Mapping[str, Secret], name: str) -> str:
    """Return a parameter that is no secret, or an empty string."""
    return found[name].reveal() if name in found else ""
