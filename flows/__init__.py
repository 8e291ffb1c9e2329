"""What authors of flows import: states, effects, events, outcomes and errors.

    from stateful_oauth.flows import Event, FinalState, FlowMachine, LostAnswer, WaitingState, effect

Every name is loaded when it is first used (PEP 562): settings, models and `apps.py` can import this package.
The modules below it are internal: they may move in any release. They know neither Django nor HTTP, and import
the standard library and python-statemachine only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.flows.lazy_names import lazy_names

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.context import EffectContext, FlowContext
    from stateful_oauth.flows.engine.declaration import (
        ALWAYS,
        Callback,
        FlowDeclaration,
        Restart,
        Texts,
        gettext_noop,
    )
    from stateful_oauth.flows.engine.domain_events import DomainEvent
    from stateful_oauth.flows.engine.effects import Effect, Event, LostAnswer, effect
    from stateful_oauth.flows.engine.errors import (
        AnswerLost,
        EventNotAllowed,
        FenceLost,
        FlowError,
        InvalidInput,
        Mismatch,
        Quarantined,
        RateLimited,
        ServiceRefused,
        ServiceUnreachable,
        StoreUnavailable,
    )
    from stateful_oauth.flows.engine.inputs import FlowInputs, JsonValue
    from stateful_oauth.flows.engine.machine import FinalState, FlowMachine, WaitingState, WorkingState
    from stateful_oauth.flows.engine.outcomes import (
        Abandoned,
        Cancelled,
        Expired,
        Failed,
        HandedOver,
        InProgress,
        Mismatched,
        Outcome,
        RedirectTo,
        Rejected,
    )
    from stateful_oauth.flows.engine.secret import Secret
    from stateful_oauth.flows.engine.transaction import Actor, StateKind, Transaction
    from stateful_oauth.flows.engine.transition import ChildTransaction, TransitionContext
    from stateful_oauth.flows.error_codes import ERROR_CODES, ErrorCode
    from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
    from stateful_oauth.flows.oauth.errors import (
        AccountRefused,
        IdTokenRejected,
        ProviderAnswerLost,
        ProviderUnreachable,
    )
    from stateful_oauth.flows.oauth.openid import VerifiedIdentity
    from stateful_oauth.flows.oauth.outcomes import (
        AccountName,
        ConfirmationNeeded,
        Connected,
        Disconnected,
        KeptApart,
        Linked,
        SignedIn,
        Unlinked,
    )
    from stateful_oauth.flows.oauth.services import OAuthServices

__all__ = [
    "ALWAYS",
    "ERROR_CODES",
    "Abandoned",
    "AccountName",
    "AccountRefused",
    "Actor",
    "AnswerLost",
    "AuthorizationResponse",
    "Callback",
    "Cancelled",
    "ChildTransaction",
    "ConfirmationNeeded",
    "Connected",
    "Disconnected",
    "DomainEvent",
    "Effect",
    "EffectContext",
    "ErrorCode",
    "Event",
    "EventNotAllowed",
    "Expired",
    "Failed",
    "FenceLost",
    "FinalState",
    "FlowContext",
    "FlowDeclaration",
    "FlowError",
    "FlowInputs",
    "FlowMachine",
    "HandedOver",
    "IdTokenRejected",
    "InProgress",
    "InvalidInput",
    "JsonValue",
    "KeptApart",
    "Linked",
    "LostAnswer",
    "Mismatch",
    "Mismatched",
    "OAuthServices",
    "Outcome",
    "ProviderAnswerLost",
    "ProviderUnreachable",
    "Quarantined",
    "RateLimited",
    "RedirectTo",
    "Rejected",
    "Restart",
    "Secret",
    "ServiceRefused",
    "ServiceUnreachable",
    "SignedIn",
    "StateKind",
    "StoreUnavailable",
    "Texts",
    "Transaction",
    "TransitionContext",
    "Unlinked",
    "VerifiedIdentity",
    "WaitingState",
    "WorkingState",
    "effect",
    "gettext_noop",
]

if not TYPE_CHECKING:  # or a misspelled name would be no error to a type checker
    __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "stateful_oauth.flows.engine.context": "EffectContext FlowContext",
            "stateful_oauth.flows.engine.declaration": (
                "ALWAYS Callback FlowDeclaration Restart Texts gettext_noop"
            ),
            "stateful_oauth.flows.engine.domain_events": "DomainEvent",
            "stateful_oauth.flows.engine.effects": "Effect Event LostAnswer effect",
            "stateful_oauth.flows.engine.errors": (
                "AnswerLost EventNotAllowed FenceLost FlowError InvalidInput Mismatch Quarantined "
                "RateLimited ServiceRefused ServiceUnreachable StoreUnavailable"
            ),
            "stateful_oauth.flows.engine.machine": "FinalState FlowMachine WaitingState WorkingState",
            "stateful_oauth.flows.engine.outcomes": (
                "Abandoned Cancelled Expired Failed HandedOver InProgress Mismatched Outcome "
                "RedirectTo Rejected"
            ),
            "stateful_oauth.flows.engine.inputs": "FlowInputs JsonValue",
            "stateful_oauth.flows.engine.secret": "Secret",
            "stateful_oauth.flows.engine.transaction": "Actor StateKind Transaction",
            "stateful_oauth.flows.engine.transition": "ChildTransaction TransitionContext",
            "stateful_oauth.flows.error_codes": "ERROR_CODES ErrorCode",
            "stateful_oauth.flows.oauth.authorization_response": "AuthorizationResponse",
            "stateful_oauth.flows.oauth.errors": (
                "AccountRefused IdTokenRejected ProviderAnswerLost ProviderUnreachable"
            ),
            "stateful_oauth.flows.oauth.openid": "VerifiedIdentity",
            "stateful_oauth.flows.oauth.outcomes": (
                "AccountName ConfirmationNeeded Connected Disconnected KeptApart Linked SignedIn Unlinked"
            ),
            "stateful_oauth.flows.oauth.services": "OAuthServices",
        },
    )
