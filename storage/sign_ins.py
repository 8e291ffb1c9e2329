"""What signing out takes back of what a browser began earlier: sessions, and what waits still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import router
from django.db.models import Q

from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.flows.engine.transaction import UNBOUND
from stateful_oauth.storage.accounts import links_of
from stateful_oauth.storage.models import FlowTransaction, StateKinds

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime


def withdraw_sign_ins(
    browsers: Collection[bytes],
    ends: Mapping[str, Sequence[str]],
    *,
    since: datetime,
    started_since: datetime,
) -> None:
    """Withdraw the sessions of what a browser signed in to lately, because the user signed out there.

    For a short grace a finished sign-in answers a second delivery of its callback with another session.
    Whoever signs out, by whichever view, must not come back by the back button. State and log stay.

    Args:
        browsers: The digests of the bindings that the browser has, or had.
        ends: By kind of flow, the final states whose outcome gives the browser a session.
        since: When the grace began.
        started_since: No sign-in that ended since then began earlier. Bounds the search by the key's time.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        pk__gte=earliest_id_at(started_since),
        browser__in=browsers,
        state_kind=StateKinds.FINAL,
        changed_at__gte=since,
    )
    # What came of other flows, or which transaction went on, gives no session.
    gives_session = Q(*(Q(kind=kind, state__in=states) for kind, states in ends.items()), _connector=Q.OR)
    rows.filter(gives_session).update(result={})


def unbind_open(browsers: Collection[bytes]) -> None:
    """Unbind what waits or works from the browser that began it, because the user signed out there.

    To delete the cookie is not enough: the answer to a request that was in flight meanwhile brings it back.
    A worker that has one of these rows in hand finds out when it settles (`TransactionStore.save`).

    Args:
        browsers: The digests of the bindings that the browser has, or had.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction))
    # One statement each, because each has an index of its own.
    for kind in (StateKinds.WAITING, StateKinds.WORKING):
        rows.filter(browser__in=browsers, state_kind=kind).update(browser=UNBOUND)


def end_waiting_questions(browsers: Collection[bytes], *, issuer: str, subject: str, now: datetime) -> None:
    """End the questions of browsers whether accounts are to be linked, because somebody else signed in there.

    The proof belongs to the question: who signs in at the same browser for another reason has answered none.
    A question stays where its newcomer is who signed in, or is linked to them by now: two tabs of one person
    ask the same. The others are over, and the next look, of the browser or of a sweep, expires them.

    Args:
        browsers: Digests of the browser's bindings.
        issuer: Of the account that signed in; empty for a user without one.
        subject: Its `sub`.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        kind="account_linking", browser__in=browsers, state_kind=StateKinds.WAITING, deadline__gt=now
    )
    asked = {
        key: (inputs["issuer"], inputs["newcomer"]["user_id"])
        for key, inputs in rows.values_list("pk", "inputs")
    }
    others = {key: newcomer for key, newcomer in asked.items() if newcomer != (issuer, subject)}
    if others:
        linked = {(issuer, link.secondary_subject) for link in links_of(issuer, subject)}
        over = [key for key, newcomer in others.items() if newcomer not in linked]
        rows.filter(pk__in=over).update(deadline=now)
