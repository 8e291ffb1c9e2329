"""Comparing what is known here with the tenant: users, links and grants, row by row, in pages.

Only what is certain is repaired: a link whose primary Auth0 shows without the identity is closed. A user that
Auth0 does not show may mean the wrong Management domain, so that is left to an operator.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Final, TypeVar

from django.db import transaction

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.flows.engine.errors import FlowError, RateLimited
from stateful_oauth.storage.accounts import accounts_of, keep_in_step
from stateful_oauth.storage.reconciling import (
    drop_earlier_differences,
    known_rows,
    list_difference,
    listed_keys,
)
from stateful_oauth.storage.undone_links import close_undone_link

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime, timedelta

    from stateful_oauth.flows.oauth.accounts import UserProfile
    from stateful_oauth.flows.oauth.ports import Management
    from stateful_oauth.storage.reconciling import KnownRow

DIFFERENCES_KEPT: Final = 1000  # listed; all are counted
_READ_ACCOUNTS: Final = "read:me:connected_accounts"
_TOKEN_REJECTED: Final = "my_account_token_rejected"  # noqa: S105 - an error code
# The grant lives, or is in use just now; it lists no accounts.
_NOT_ABOUT_ACCOUNTS: Final = (
    "audience_not_granted",
    "scope_not_granted",
    "step_up_required",
    "grant_in_use",
    "grant_missing",
)
_TIME_LIMIT: Final = 10.0  # seconds for a call
_WAIT_UNKNOWN: Final = 1.0  # seconds, where a 429 does not say how long


Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs from the tenant.

    Attributes:
        what: `link_undone`, `primary_gone`, `user_gone`, `user_blocked`, `grant_dead`, `account_gone` or
            `account_unknown`.
        key: The part and the row's primary key, for example `links:12`.
        subject: The `sub` that it is about.
        repaired: Whether this run has put it right.
        linked_to: Of a user that is gone: the `sub` of the user that has its account now. Empty if not found.
    """

    what: str
    key: str
    subject: str
    repaired: bool = False
    linked_to: str = ""


@dataclass(slots=True)
class ReconcileReport:
    """What a comparison found.

    Attributes:
        compared: How many rows were compared.
        counts: How many rows differ, by what differs.
        repaired: How many of them were put right.
        differences: The first `DIFFERENCES_KEPT` of them.
        after: The last row that was compared: where the next run goes on. Empty if none was.
        latest: The last difference.
        stopped: The code of the error that ended the run early, or an empty string.
    """

    compared: int = 0
    counts: dict[str, int] = field(default_factory=dict)
    repaired: int = 0
    differences: list[Difference] = field(default_factory=list)
    after: str = ""
    latest: Difference | None = field(default=None, repr=False)
    stopped: str = ""

    @property
    def needs_operator(self) -> int:
        """How many rows differ still."""
        return sum(self.counts.values()) - self.repaired

    def as_json(self) -> dict[str, Any]:
        """Return the report as what `json.dumps` takes."""
        return {name: value for name, value in asdict(self).items() if name != "latest"}

    def add(self, difference: Difference) -> None:
        """Count a difference, and list it."""
        self.counts[difference.what] = self.counts.get(difference.what, 0) + 1
        self.repaired += difference.repaired
        self.latest = difference
        if len(self.differences) < DIFFERENCES_KEPT:
            self.differences.append(difference)


def reconcile(
    tenant: str,
    *,
    after: str = "",
    since: timedelta | None = None,
    limit: int | None = None,
    longest_wait: float = 60.0,
    dry_run: bool = False,
    grants: bool = False,
    progress: Callable[[int], None] | None = None,
) -> ReconcileReport:
    """Compare the links and users of a tenant with Auth0: one call to the Management API for a row.

    A user with connected accounts takes a second call, and so does one that is gone.

    Never call it inside a request: it waits where Auth0 limits the rate.

    Args:
        tenant: Its alias.
        after: `ReconcileReport.after` of an earlier run.
        since: Only rows that are not older.
        limit: How many rows to compare.
        longest_wait: Seconds to wait for rate limits at one row; the run stops where Auth0 asks for more.
        dry_run: Repair nothing.
        grants: Use each grant to list its user's connected accounts. This refreshes tokens, so that an answer
            that is lost on the way may end a grant. Not in a dry run.
        progress: Is called after each row with the number of rows so far.

    Raises:
        ValueError: `after` names no row, the tenant has no access to the Management API, or `grants` is
            asked of a dry run.
        StoreUnavailable: The database does not answer.
    """
    provider = wiring.provider(tenant)
    if not conf.tenant(tenant).management_client_id:
        raise ValueError("Set MANAGEMENT_CLIENT_ID: the comparison reads Auth0's Management API.")
    if grants and dry_run:
        raise ValueError("--grants cannot be a dry run: a grant is tried by using it.")
    report, oldest = ReconcileReport(after=after), None if since is None else wiring.clock.now() - since
    on_list, started = listed_keys(tenant), wiring.clock.now()
    for row in known_rows(tenant, provider.issuer, after=after, since=oldest, grants=grants):
        if limit is not None and report.compared >= limit:
            break
        asked_at, differing = wiring.clock.now(), report.needs_operator
        try:
            if row.key.startswith("grants:"):
                _compare_grant(report, row, tenant, longest_wait)
            else:
                _compare(report, row, tenant, longest_wait, dry_run=dry_run)
        except FlowError as error:
            report.stopped = error.code
            break
        left = report.latest if report.needs_operator > differing else None
        if not dry_run and (left is not None or row.key in on_list):
            _list(tenant, row, left, asked_at)
        report.after, report.compared = row.key, report.compared + 1
        if progress is not None:
            progress(report.compared)
    else:
        if not (dry_run or after or since):
            drop_earlier_differences(tenant, before=started)
    return report


def _list(tenant: str, row: KnownRow, left: Difference | None, now: datetime) -> None:
    what, linked_to = ("", "") if left is None else (left.what, left.linked_to)
    list_difference(tenant, row, what, now=now, linked_to=linked_to)


def _waiting(call: Callable[[], Answer], longest_wait: float) -> Answer:
    while True:
        try:
            return call()
        except RateLimited as error:
            now = wiring.clock.now()
            left = _WAIT_UNKNOWN if error.retry_at is None else (error.retry_at - now).total_seconds()
            if left > longest_wait:
                raise
            longest_wait -= max(left, _WAIT_UNKNOWN)  # so that it ends
            wiring.clock.sleep(max(left, _WAIT_UNKNOWN))


def _compare(
    report: ReconcileReport, row: KnownRow, tenant: str, longest_wait: float, *, dry_run: bool
) -> None:
    management, asked_at = wiring.provider(tenant).management, wiring.clock.now()
    profile = _waiting(partial(management.user, row.asks_for, time_limit=_TIME_LIMIT), longest_wait)
    if row.identity is None:
        _compare_user(report, row, profile, tenant, longest_wait, dry_run=dry_run)
    else:
        _compare_link(report, row, profile, asked_at, dry_run=dry_run)


def _compare_user(
    report: ReconcileReport,
    row: KnownRow,
    profile: UserProfile | None,
    tenant: str,
    longest_wait: float,
    *,
    dry_run: bool,
) -> None:
    management = wiring.provider(tenant).management
    if profile is None:
        linked_to = _now_part_of(management, row, longest_wait)
        report.add(Difference("user_gone", row.key, row.subject, linked_to=linked_to))
        return
    if row.has_accounts:
        _compare_accounts(report, row, tenant, longest_wait, dry_run=dry_run)
    if profile.blocked:  # last, because it stays on the operator's list
        report.add(Difference("user_blocked", row.key, row.subject))


def _now_part_of(management: Management, row: KnownRow, longest_wait: float) -> str:
    """Return the `sub` of the user that has the account of one that is gone, or an empty string.

    Looked for by the email of the last sign-in alone: Auth0 finds users by no linked identity.
    """
    if not row.email:
        return ""
    read = partial(management.users_by_email, row.email, time_limit=_TIME_LIMIT)
    provider, _, user_id = row.subject.partition("|")
    wanted = (provider, user_id)
    for each in _waiting(read, longest_wait):
        if wanted in {(identity.provider, identity.user_id) for identity in each.identities}:
            return each.user_id
    return ""


def _compare_accounts(
    report: ReconcileReport, row: KnownRow, tenant: str, longest_wait: float, *, dry_run: bool
) -> None:
    """Compare a user's connected accounts with those that the Management API lists."""
    before = set(accounts_of(row.issuer, row.subject).values_list("remote_id", flat=True))
    management = wiring.provider(tenant).management
    read = partial(management.connected_accounts, row.subject, time_limit=_TIME_LIMIT)
    listed = _waiting(read, longest_wait)
    if not dry_run:
        keep_in_step(row.issuer, row.subject, tenant=tenant, before=before, listed=listed)
    _count_accounts(report, row, before, {each.id for each in listed}, repaired=not dry_run)


def _count_accounts(
    report: ReconcileReport, row: KnownRow, before: set[str], listed: set[str], *, repaired: bool
) -> None:
    for what, ids in (("account_gone", before - listed), ("account_unknown", listed - before)):
        for _ in ids:
            report.add(Difference(what, row.key, row.subject, repaired))


def _compare_link(
    report: ReconcileReport, row: KnownRow, profile: UserProfile | None, asked_at: datetime, *, dry_run: bool
) -> None:
    if profile is None:
        report.add(Difference("primary_gone", row.key, row.subject))
    elif row.identity not in {(each.provider, each.user_id) for each in profile.identities}:
        repaired = not dry_run and _close(row, asked_at)
        report.add(Difference("link_undone", row.key, row.subject, repaired))


def _compare_grant(report: ReconcileReport, row: KnownRow, tenant: str, longest_wait: float) -> None:
    """Use a grant to list the user's connected accounts: a dead one ends by that, and they get in step."""
    my_account = wiring.provider(tenant).my_account
    before = set(accounts_of(row.issuer, row.subject).values_list("remote_id", flat=True))
    use = partial(
        wiring.access_tokens().used,
        row.asks_for,
        partial(my_account.accounts, time_limit=_TIME_LIMIT),
        audience=my_account.audience,
        scope=_READ_ACCOUNTS,
        time_limit=_TIME_LIMIT,
        rejected=_TOKEN_REJECTED,
    )
    try:
        listed = _waiting(use, longest_wait)
    except FlowError as error:
        if error.code == "grant_dead":
            report.add(Difference("grant_dead", row.key, row.subject, repaired=True))
        elif error.code not in _NOT_ABOUT_ACCOUNTS:
            raise
        return
    keep_in_step(row.issuer, row.subject, tenant=tenant, before=before, listed=listed)
    _count_accounts(report, row, before, {each.id for each in listed}, repaired=True)


def _close(row: KnownRow, asked_at: datetime) -> bool:
    with transaction.atomic(using=row.alias):
        return close_undone_link(
            row.issuer, row.subject, now=wiring.clock.now(), using=row.alias, proved_at=asked_at
        )
