"""What signing out takes back of what a browser began earlier: sessions, and what waits still."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import connections, router, transaction
from django.db.models import Q

from stateful_oauth.flows.account_linking.inputs import AccountLinkingInputs
from stateful_oauth.flows.engine.errors import Quarantined
from stateful_oauth.flows.engine.identifiers import earliest_id_at
from stateful_oauth.flows.engine.transaction import UNBOUND
from stateful_oauth.flows.oauth.sign_in import SignIn
from stateful_oauth.storage.accounts import links_of
from stateful_oauth.storage.models import FlowTransaction, StateKinds
from stateful_oauth.storage.rows import secrets_of

if TYPE_CHECKING:
    import uuid
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime


def withdraw_sign_ins(
    browsers: Collection[bytes],
    ends: Mapping[str, Sequence[str]],
    *,
    since: datetime,
    started_since: datetime,
) -> Mapping[uuid.UUID, tuple[int | None, str]]:
    """Withdraw the sessions of what a browser signed in to lately, because the user signed out there.

    For a short grace a finished sign-in answers a second delivery of its callback with another session.
    After a sign-out, by any view, the back button must not sign in again. State and log stay.

    Args:
        browsers: The digests of the bindings that the browser has, or had.
        ends: By kind of flow, the final states whose outcome gives the browser a session.
        since: When the grace began.
        started_since: No sign-in that ended since then began earlier. Bounds the search by the key's time.

    Returns:
        User and grant of these sign-ins, by transaction; an empty string where there is no grant. A session
        that was never fetched has a grant that no session holds.
    """
    rows = FlowTransaction.objects.using(router.db_for_write(FlowTransaction)).filter(
        pk__gte=earliest_id_at(started_since),
        browser__in=browsers,
        state_kind=StateKinds.FINAL,
        changed_at__gte=since,
    )
    # What came of other flows, or which transaction went on, gives no session.
    gives_session = Q(*(Q(kind=kind, state__in=states) for kind, states in ends.items()), _connector=Q.OR)
    columns = rows.filter(gives_session).values_list("pk", "user_id", "result")
    found = {key: (user, result.get("grant", "")) for key, user, result in columns}
    if found:
        rows.filter(pk__in=found).update(result={})
    return found


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
    """End the questions of browsers whether accounts are to be linked, because another user signed in there.

    A question is answered only by its own proof, not by a sign-in for another reason in the same browser. It
    stays if its newcomer is the user who signed in, or is linked to that user by now, because two tabs of one
    user ask the same. All others are over: the next request of the browser, or a sweep, expires them.

    A transaction that is working, or that waits for the provider, is unbound instead: otherwise its progress
    page would replace the user who has signed in since by the earlier one. The same goes for a sign-in that
    is held while candidates are looked for.

    Args:
        browsers: Digests of the browser's bindings.
        issuer: Of the account that signed in; empty for a user without one.
        subject: Its `sub`.
    """
    alias = router.db_for_write(FlowTransaction)
    signed_in = (issuer, subject)
    with transaction.atomic(using=alias, savepoint=False):
        rows = FlowTransaction.objects.using(alias).filter(browser__in=browsers)
        waiting = rows.filter(kind="account_linking", state_kind=StateKinds.WAITING, deadline__gt=now)
        working = rows.filter(kind__in=("account_linking", "login"), state_kind=StateKinds.WORKING)
        # What another worker settles at this moment is not waited for: it may wait for what is settled here.
        skips = connections[alias].features.has_select_for_update_skip_locked
        under_way = working.select_for_update(skip_locked=skips).only(
            "pk", "kind", "state", "inputs", "secrets"
        )
        asked = {}
        for key, kept in waiting.values_list("pk", "inputs"):
            inputs = AccountLinkingInputs.from_json(kept)
            asked[key] = (inputs.issuer, inputs.newcomer.user_id)
        held = {row.pk: newcomer for row in under_way if (newcomer := _held(row, signed_in)) is not None}
        others = {key: newcomer for key, newcomer in (asked | held).items() if newcomer != signed_in}
        if not others:
            return
        linked = {(issuer, link.secondary_subject) for link in links_of(issuer, subject)}
        over = {key for key, newcomer in others.items() if newcomer not in linked}
        waiting.filter(pk__in=over & asked.keys()).update(deadline=now)
        rows.filter(pk__in=over & held.keys()).update(browser=UNBOUND)


def _held(row: FlowTransaction, signed_in: tuple[str, str]) -> tuple[str, str] | None:
    """Return whose sign-in a row that is worked on keeps; None where it keeps none.

    A primary that has been chosen stays who will be signed in.
    """
    if row.kind == "account_linking":
        inputs = AccountLinkingInputs.from_json(row.inputs)
        if (inputs.issuer, inputs.primary) == signed_in:
            return signed_in
        return (inputs.issuer, inputs.newcomer.user_id)
    if row.state != "finding_candidates":
        return None  # the code has come just now
    try:
        identity = SignIn.from_secret(secrets_of(row)["sign_in"]).identity
    except (Quarantined, KeyError):
        return ("", "")  # unreadable: matches no user
    return (identity.issuer, identity.subject)
