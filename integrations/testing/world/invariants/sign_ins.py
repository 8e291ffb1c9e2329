"""Invariants of sign-ins, codes and grants, against the tenant's ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING

from stateful_oauth.django.conf import conf
from stateful_oauth.testing.world.invariants.accounts import absorbed
from stateful_oauth.testing.world.sessions import session_of
from stateful_oauth.testing.world.violations import Violation

if TYPE_CHECKING:
    from stateful_oauth.testing.world.base_state_machine import BaseStateMachine
    from stateful_oauth.testing.world.memory import Delivery


def a_code_is_exchanged_at_most_once(world: BaseStateMachine) -> None:
    """No code is sent to the token endpoint twice, and no code or connect code buys something twice."""
    name = "a code is exchanged at most once"
    ledger, gateway = world.site.tenant.ledger, world.site.gateway
    injected = world.memory.injected
    sent = {code: times for code, times in gateway.codes_sent.items() if times > 1 and code not in injected}
    reused = ledger.count("code_reused") - sum(ledger.count("code_reused", code=code) for code in injected)
    if reused:
        raise Violation(name, f"the tenant got {reused} used codes again")
    for code, times in sent.items():
        if gateway.secrets.get(code) == "code":
            raise Violation(name, f"a code was sent to the token endpoint {times} times")
    for effect, member in (("code_exchanged", "code"), ("connect_completed", "connect_code")):
        seen: set[str] = set()
        for entry in ledger.entries(effect):
            spent = entry.fields.get(member, "")
            if spent and spent in seen:
                raise Violation(name, f"{effect} happened twice for one code")
            seen.add(spent)


def a_code_that_another_browser_has_seen_is_never_used(world: BaseStateMachine) -> None:
    """What another browser navigated with, while the transaction waited, buys nothing afterwards."""
    ledger = world.site.tenant.ledger
    for code in world.memory.seen:
        if ledger.count("code_exchanged", code=code) or ledger.count("connect_completed", connect_code=code):
            raise Violation(
                "a code that another browser has seen is never used", "it was seen first, and used then"
            )


def only_a_valid_callback_signs_in(world: BaseStateMachine) -> None:
    """A signed-in user came by a valid callback in the browser that started, since it signed out."""
    for number, user in world.users.items():
        details = session_of(world.browsers[number]).get("stateful_oauth", {})
        subject = details.get("sub", "")
        if not any(_justifies(world, each, number, subject) for each in reversed(world.memory.deliveries)):
            raise Violation(
                "only a valid callback in the browser that started signs in",
                f"browser {number + 1} is signed in as user {user.pk} ({subject}): no callback explains it",
            )


def no_session_is_from_before_an_ending(world: BaseStateMachine) -> None:
    """After a user's sessions were ended, none comes of a code that was exchanged before."""
    ledger = world.site.tenant.ledger
    for number, user in world.users.items():
        ended = world.memory.ended.get(user.pk)
        if ended is None:
            continue
        subject = session_of(world.browsers[number]).get("stateful_oauth", {}).get("sub", "")
        codes = [
            each.fields.get("code", "")
            for each in world.memory.deliveries
            if _justifies(world, each, number, subject)
        ]
        if all(entry.at < ended for code in codes for entry in ledger.entries("code_exchanged", code=code)):
            raise Violation(
                "no session is from before an ending",
                f"browser {number + 1} is signed in as user {user.pk} ({subject}), whose sessions were ended"
                " since every code that explains it was exchanged",
            )


def a_sign_out_ends_the_session_at_the_provider(world: BaseStateMachine) -> None:
    """A sign-out goes on to the provider, also where no user was signed in here, or was not any more."""
    left = world.memory.left
    if left is None or not conf.logout_without_session_goes_to_provider:
        return
    if not left.location.startswith(world.site.tenant.issuer):
        raise Violation(
            "a sign-out ends the session at the provider",
            f"browser {left.browser + 1} has signed out, and was sent to {left.location}",
        )


def no_account_signs_in_as_another_user(world: BaseStateMachine) -> None:
    """An account is the same user every time, and accounts with other emails are other users."""
    known = world.memory.users
    for number, user in world.users.items():
        subject = session_of(world.browsers[number]).get("stateful_oauth", {}).get("sub", "")
        unrelated = [
            other for other in known if known[other] == user.pk and _are_unrelated(world, other, subject)
        ]
        if known.setdefault(subject, user.pk) != user.pk or unrelated:
            raise Violation(
                "no account signs in as another user",
                f"browser {number + 1} came as {subject} and is user {user.pk}: so were {unrelated}, and"
                f" {subject} was user {known[subject]} before",
            )


def _are_unrelated(world: BaseStateMachine, one: str, other: str) -> bool:
    """Whether two accounts have nothing in common: neither their email nor a link, now or ever."""
    emails = {who.user_id: who.email for who in world.accounts}
    if emails.get(one, one) == emails.get(other, other):
        return False
    return other not in absorbed(world, one) and one not in absorbed(world, other)


def _justifies(world: BaseStateMachine, delivery: Delivery, number: int, subject: str) -> bool:
    """Whether a callback explains that its browser is signed in as `subject`."""
    memory, tenant = world.memory, world.site.tenant
    since = memory.sign_outs.get(number, 0)
    owner = None if delivery.row is None else memory.owners.get(delivery.row)
    if owner is None or (delivery.browser, owner.browser) != (number, number):
        return False
    if (delivery.since, owner.since) != (since, since):
        return False
    code = tenant.issued.codes.get(delivery.fields.get("code", ""))
    if code is None or not code.used or code.ask.state != delivery.fields.get("state"):
        return False
    return code.user_id == subject or bool(
        tenant.ledger.count("identity_linked", user_id=subject, secondary=code.user_id)
    )


def no_refresh_family_is_killed_by_us(world: BaseStateMachine) -> None:
    """No refresh token is sent twice after it was rotated, and no family dies of what we did."""
    name = "no refresh family is killed by us"
    ledger = world.site.tenant.ledger
    if entries := ledger.entries("refresh_reused"):
        raise Violation(name, f"a spent refresh token was sent again: {dict(entries[0].fields)}")
    codes = world.site.tenant.issued.codes
    injected = [codes[code].family for code in world.memory.injected if code in codes]
    of_injected = {family.id for family in injected if family is not None}
    for entry in ledger.entries("family_revoked"):
        if entry.fields.get("family") in of_injected:
            continue
        if entry.fields.get("reason") not in ("admin", "revoked", "action"):
            raise Violation(name, f"the tenant revoked a family: {dict(entry.fields)}")
