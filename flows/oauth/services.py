"""What the flows of this package use besides the engine: `FlowContext.services`, one instance per tenant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, cast

from stateful_oauth.flows.engine.context import EffectContext, FlowContext

if TYPE_CHECKING:
    from stateful_oauth.flows.engine.ports import Caller
    from stateful_oauth.flows.oauth.access_tokens import AccessTokens
    from stateful_oauth.flows.oauth.ports import AccountCaller, AccountDirectory, CodeMemory, Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class OAuthServices:
    """The services of one tenant.

    Attributes:
        tokens: Access tokens of grants.
        accounts: Who is known here.
        codes: Which codes were sent.
    """

    provider: Provider
    tokens: AccessTokens
    accounts: AccountDirectory
    codes: CodeMemory


OAuthContext: TypeAlias = FlowContext[OAuthServices]
OAuthEffectContext: TypeAlias = EffectContext[OAuthServices]


def account_caller(caller: Caller) -> AccountCaller:
    """Return the caller of a flow that signs users in: every caller of this package's flows is one."""
    return cast("AccountCaller", caller)
