"""The filters of commands and tasks. A typing mistake is an error, and never means "nothing to do"."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.transaction import StateKind
from stateful_oauth.storage.sweeps import has_rows

if TYPE_CHECKING:
    from collections.abc import Sequence


def check_filters(
    *,
    kind: str | None = None,
    tenant: str | None = None,
    states: Sequence[str] = (),
    limit: int | None = None,
) -> None:
    """Accept flows and tenants of this project, and those that only rows know: of an earlier release.

    Raises:
        ValueError: There is no such flow, tenant or final state, or the limit is less than 1.
        StoreUnavailable: The database does not answer.
    """
    flows = [*wiring.flows()]
    kinds = [flow.kind for flow in flows]
    if kind is not None and kind not in kinds and not has_rows(kind=kind):
        raise ValueError(f"There is no flow {kind!r}. Use one of {', '.join(sorted(kinds))}.")
    if tenant is not None and tenant not in conf.tenant_aliases and not has_rows(tenant=tenant):
        raise ValueError(f"There is no tenant {tenant!r}. Use one of {', '.join(conf.tenant_aliases)}.")
    final = {state for flow in flows for state, is_ in flow.state_kinds.items() if is_ is StateKind.FINAL}
    for state in states:
        if state not in final and not has_rows(state=state, state_kind=StateKind.FINAL):
            raise ValueError(f"No flow ends in {state!r}. Use one of {', '.join(sorted(final))}.")
    if limit is not None and limit < 1:
        raise ValueError("The limit must be at least 1.")
