"""What signing out takes back of what a browser began earlier: sessions, and what waits still."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from django.db import router

from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.storage.models import FlowTransaction, StateKinds

if TYPE_CHECKING:
    from datetime import datetime

_NO_SESSION: Final = {
    "login": ("link_pending",),
    "connect_account": ("connected",),
    "disconnect_account": ("disconnected",),
    "unlink_account": ("unlinked",),
}


def withdraw_sign_ins(browser: bytes, *, since: datetime, started_since: datetime) -> None:
    """Withdraw the sessions of what a browser signed in to lately, because somebody signed out of it.

    For a short grace a finished sign-in answers a second delivery of its callback with another session.
    Whoever signs out, by whichever view, must not come back by the back button. State and log stay.

    Args:
        browser: The digest of its binding.
        since: When the grace began.
        started_since: No sign-in that ended since then began earlier. Bounds the search by the key's time.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        pk__gte=earliest_id_at(started_since),
        browser=browser,
        state_kind=StateKinds.FINAL,
        changed_at__gte=since,
        result__has_key="sub",  # what came of other flows gives nobody a session
    )
    # Only what signs in: which transaction went on, and what was connected, is no session.
    for kind, states in _NO_SESSION.items():
        rows = rows.exclude(kind=kind, state__in=states)
    rows.update(result={})


def unbind_waiting(browser: bytes, *, nobody: bytes) -> None:
    """Unbind what waits from the browser that began it, because somebody signed out of it.

    To delete the cookie is not enough: the answer to a request that was in flight meanwhile brings it back.

    Args:
        browser: The digest of its binding.
        nobody: A digest that no browser's binding has.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    rows.filter(browser=browser, state_kind=StateKinds.WAITING).update(browser=nobody)
