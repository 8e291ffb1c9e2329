"""Both accounts of a link, for the page of a transaction that links them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext as _

from stateful_oauth.storage.models import Identity, identity_digest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from stateful_oauth.storage.models import FlowTransaction


@dataclass(frozen=True, slots=True)
class LinkedAccount:
    """One of the accounts.

    Attributes:
        role: What the link does with it.
        subject: Its Auth0 user id, with which you find it in the tenant.
        user: The Django user of its identity, as text, or an empty string.
    """

    role: str
    subject: str
    connection: str
    email: str
    user: str


def accounts_of(row: FlowTransaction) -> list[LinkedAccount]:
    """Return the accounts that a linking or an unlinking is about, while it is not over; else none."""
    if row.state_kind == "final" or row.kind not in ("account_linking", "unlink_account"):
        return []
    inputs: Mapping[str, Any] = row.inputs  # read for these flows only
    found = [*(_of_linking(inputs) if row.kind == "account_linking" else _of_unlinking(inputs))]
    digests = [identity_digest(str(inputs.get("issuer", "")), each[1]) for each in found]
    known = Identity.objects.filter(digest__in=digests).select_related("user")
    users = {identity.subject: f"{identity.user} ({identity.user_id})" for identity in known}
    return [LinkedAccount(*each, users.get(each[1], "")) for each in found]


def _of_linking(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    newcomer, primary = inputs.get("newcomer") or {}, inputs.get("primary", "")
    if newcomer:
        yield (_("secondary: the account that signed in"), *_named(newcomer))
    candidates = inputs.get("candidates") or ()
    for each in candidates:
        if primary and each.get("user_id") == primary:
            yield (_("primary: the account that stays"), *_named(each))
        elif not primary:
            yield (_("candidate: the primary, if the user proves to own it"), *_named(each))
    if primary and primary not in {each.get("user_id") for each in candidates}:
        yield (_("primary: the account that stays"), primary, "", "")


def _of_unlinking(inputs: Mapping[str, Any]) -> Iterator[tuple[str, str, str, str]]:
    primary = inputs.get("primary") or inputs.get("subject") or ""
    if primary:
        yield (_("primary: the account that stays"), primary, "", "")
    if secondary := inputs.get("secondary"):
        yield (_("secondary: the account that is unlinked"), secondary, inputs.get("connection", ""), "")


def _named(account: Mapping[str, Any]) -> tuple[str, str, str]:
    return (account.get("user_id", ""), account.get("connection", ""), account.get("email", ""))
