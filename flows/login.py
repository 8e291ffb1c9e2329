"""Sign-in: the authorization code flow (RFC 6749 §4.1) with PKCE, `nonce` and, when on, PAR (RFC 9126)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from stateful_oauth.flows import identifiers
from stateful_oauth.flows.effects import Event, LostAnswer, effect
from stateful_oauth.flows.errors import InvalidInput
from stateful_oauth.flows.facts import GrantIssued
from stateful_oauth.flows.login_effects import (
    AccountResolved,
    authorization_request,
    exchange_code,
    push_request,
    resolve_account,
)
from stateful_oauth.flows.machine import FinalState, FlowMachine, WaitingState, WorkingState
from stateful_oauth.flows.outcomes import (
    Abandoned,
    Cancelled,
    Expired,
    Failed,
    Mismatched,
    Outcome,
    RedirectTo,
    SignedIn,
)
from stateful_oauth.flows.secret import Secret

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.flows.authorization_response import AuthorizationResponse
    from stateful_oauth.flows.openid import PushedAuthorizationResponse
    from stateful_oauth.flows.ports import Provider
    from stateful_oauth.flows.transaction import Json, Transaction

# What a caller's `parameters` must not contain: the flow owns these.
OWNED_PARAMETERS = frozenset(
    {"client_id", "client_secret", "client_assertion", "client_assertion_type", "code_challenge",
     "code_challenge_method", "nonce", "redirect_uri", "request", "request_uri", "response_mode",
     "response_type", "scope", "state"}
)  # fmt: skip

_AGE = re.compile(r"[0-9]{1,9}")  # seconds; nobody means more than 31 years

# RFC 6749 §4.1.2.1 and OpenID Connect Core §3.1.2.6, by what the user or the operator can do about them.
_RESPONSE_ERRORS = {
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


class LoginFlow(FlowMachine):
    """One attempt to sign in."""

    kind = "login"
    version = 1
    browser_events = ("callback",)
    judged_events = ("cancel", "mismatch", "fail")

    # States, in the order in which a sign-in passes them.
    created = WaitingState(initial=True)
    pushing_request = WorkingState()
    awaiting_callback = WaitingState()
    exchanging_code = WorkingState()
    resolving_account = WorkingState()
    signed_in = FinalState(SignedIn)

    cancelled = FinalState(Cancelled)
    mismatched = FinalState(Mismatched)
    failed = FinalState(Failed)
    expired = FinalState(Expired)
    abandoned = FinalState(Abandoned)

    # Effects.
    push_request = effect(
        push_request,
        produces=("request_pushed", "fail"),
        time_limit=5,
        lost_answer=LostAnswer.REPEAT,  # a pushed request that nobody uses expires by itself
    )
    exchange_code = effect(
        exchange_code,
        produces=("code_exchanged", "mismatch", "fail"),
        time_limit=10,
        lost_answer=LostAnswer.GIVE_UP,  # sending a code twice revokes what it bought (RFC 6749 §4.1.2)
        lost_code="code_exchange_lost",
    )
    resolve_account = effect(
        resolve_account,
        produces=("account_resolved", "fail"),
        time_limit=0,
        lost_answer=LostAnswer.NOT_POSSIBLE,
    )

    # Edges.
    start = created.to(pushing_request, cond="pushes_request", on="push_request") | created.to(
        awaiting_callback, unless="pushes_request"
    )
    request_pushed = pushing_request.to(awaiting_callback, on="keep_request_uri")
    callback = awaiting_callback.to(exchanging_code, on="exchange_code")
    code_exchanged = exchanging_code.to(resolving_account, on="resolve_account")
    account_resolved = resolving_account.to(signed_in, on="sign_in")

    cancel = awaiting_callback.to(cancelled)
    mismatch = awaiting_callback.to(mismatched) | exchanging_code.to(mismatched)
    fail = (
        created.to(failed)
        | pushing_request.to(failed)
        | awaiting_callback.to(failed)
        | exchanging_code.to(failed)
        | resolving_account.to(failed)
    )
    expire = awaiting_callback.to(expired)
    retry = pushing_request.to(pushing_request, on="push_request")
    abandon = pushing_request.to(abandoned) | awaiting_callback.to(abandoned) | exchanging_code.to(abandoned)

    # Guards and actions.
    def pushes_request(self) -> bool:
        """Whether the authorization request is pushed first."""
        return bool(self.step.transaction.inputs.get("par"))

    def keep_request_uri(self, payload: PushedAuthorizationResponse) -> None:
        """Keep the reference for the redirect."""
        self.step.keep_secrets(request_uri=payload.request_uri)

    def sign_in(self, payload: AccountResolved) -> None:
        """Note who signed in, and the grant if there is one."""
        identity, tokens = payload.identity, payload.tokens
        session: dict[str, Json] = {"sub": identity.subject, "sid": identity.sid}
        inputs = self.step.transaction.inputs
        # A refresh token that nobody asked for is not kept: what is not there cannot leak.
        if tokens.refresh_token is not None and "offline_access" in inputs["scope"].split():
            grant = GrantIssued(
                id=identifiers.new_transaction_id(self.step.now),
                identity=identity,
                user_id=payload.user_id,
                refresh_token=tokens.refresh_token,
                scope=tokens.scope if tokens.scope is not None else inputs["scope"],
                audience=inputs["parameters"].get("audience", ""),
            )
            self.step.record(grant)
            session["grant"] = str(grant.id)
        self.step.belongs_to(payload.user_id)
        self.step.keep_result(**session)

    @classmethod
    def check_inputs(
        cls, inputs: Mapping[str, Any], provider: Provider
    ) -> tuple[dict[str, Json], dict[str, Secret]]:
        """Take `redirect_uri`, `scope`, and optionally `next`, `parameters` and `subject`.

        Args:
            inputs: `parameters` are extra authorization parameters (texts or whole numbers; None is left
                out); `subject` is the `sub` that must come back.

        Raises:
            InvalidInput: `parameter_reserved` for a parameter that the flow owns, `scope_invalid` for a scope
                without `openid`, and `input_invalid` for a value that nothing could be asked with.
        """
        parameters = checked_parameters(inputs.get("parameters") or {})
        if "openid" not in str(inputs["scope"]).split():
            raise InvalidInput("scope_invalid", "Add `openid` to the scope: without it there is no ID token.")
        if not _can_be_kept(str(inputs.get("subject"))):
            raise InvalidInput("input_invalid", "The subject holds a character that no database keeps.")
        kept: dict[str, Json] = {
            "redirect_uri": inputs["redirect_uri"],
            "scope": inputs["scope"],
            "parameters": parameters,
            "issuer": provider.issuer,
        }
        kept |= {name: inputs[name] for name in ("next", "subject") if inputs.get(name)}
        if not _can_be_kept(str(kept.get("next"))):
            del kept["next"]  # a visitor wrote it; no address of a page looks like that
        if provider.uses_pushed_authorization_requests():
            kept["par"] = True
        return kept, {
            "nonce": Secret(identifiers.new_nonce()),
            "code_verifier": Secret(identifiers.new_code_verifier()),
        }

    @classmethod
    def route(cls, event: Event, transaction: Transaction, provider: Provider) -> Event:
        """Check the issuer first (RFC 9207 §2.4), then turn an error response into its event."""
        if event.name != "callback":
            return event
        response: AuthorizationResponse = event.payload
        if response.issuer is None:
            if provider.sends_issuer():
                return Event("mismatch", response, "issuer_missing")
        elif response.issuer != transaction.inputs["issuer"]:
            return Event("mismatch", response, "issuer_mismatch")
        if response.error == "access_denied":
            return Event("cancel", response, "access_denied")
        if response.error is not None:
            return Event("fail", response, _RESPONSE_ERRORS.get(response.error, "provider_error"))
        return event

    @classmethod
    def waiting_outcome(cls, transaction: Transaction, provider: Provider) -> Outcome:
        """Send the browser to the provider."""
        request_uri = transaction.secrets.get("request_uri")
        if request_uri is not None:
            url = provider.pushed_authorization_url(request_uri)
        else:
            url = provider.authorization_url(authorization_request(transaction))
        return cls.describe(RedirectTo, transaction, url=url)

    @classmethod
    def describe(cls, outcome: type[Outcome], transaction: Transaction, **fields: Any) -> Outcome:
        """Add who signed in."""
        if outcome is SignedIn:
            fields |= {"user_id": transaction.user_id, "session": transaction.result}
        return super().describe(outcome, transaction, **fields)


def checked_parameters(given: Mapping[Any, Any]) -> dict[str, str]:
    """Return extra authorization parameters as they are sent, without those that are None.

    Raises:
        InvalidInput: `parameter_reserved` or `input_invalid`; the message names the parameter.
    """
    asked = {name: value for name, value in given.items() if value is not None}
    if owned := sorted(OWNED_PARAMETERS & asked.keys()):
        raise InvalidInput(
            "parameter_reserved", f"Remove {', '.join(owned)} from the parameters: the flow sets them."
        )
    parameters = {}
    for name, value in asked.items():
        # `str()` would make something of a list or of True, too, but nothing that a provider understands.
        if not isinstance(name, str) or not isinstance(value, (str, int)) or isinstance(value, bool):
            raise InvalidInput("input_invalid", f"{name} must be a text or a whole number.")
        try:
            text = str(value)
        except ValueError:  # Python writes no number of more than 4300 digits
            raise InvalidInput("input_invalid", f"{name} is too long.") from None
        if not _can_be_kept(name + text):
            raise InvalidInput("input_invalid", f"{name!a} holds a character that no database keeps.")
        if name == "max_age" and not _AGE.fullmatch(text):
            raise InvalidInput("input_invalid", "max_age must be a whole number of at most 9 digits.")
        parameters[name] = text
    return parameters


def _can_be_kept(text: str) -> bool:
    """Whether PostgreSQL takes the text into JSON: no NUL, and no half of a surrogate pair."""
    try:
        return b"\0" not in text.encode()
    except UnicodeEncodeError:
        return False
