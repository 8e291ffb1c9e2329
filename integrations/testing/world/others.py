"""Rules of what others change at the provider: administrators, other applications, the tenant's Action."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import hypothesis.strategies as st

from stateful_oauth.django.conf import conf
from stateful_oauth.django.sweeps.reconciling import reconcile
from stateful_oauth.emulator.errors import Refusal
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.configuration import Configuration
from stateful_oauth.testing.world.invariants.accounts import kept_links
from stateful_oauth.testing.world.strategies import account_numbers, faults, numbers
from stateful_oauth.testing.world.trace import Step, step

if TYPE_CHECKING:
    from collections.abc import Mapping

    from stateful_oauth.emulator import User
    from stateful_oauth.emulator.action_api import ActionApi, ActionEvent
    from stateful_oauth.testing.world.faults import Fault

ACTIONS: Final = (
    "nothing",
    "deny at login",
    "deny at exchange",
    "deny at refresh",
    "throw at exchange",
    "revoke at refresh",
    "claim a verified email",
)


class Others(BaseStateMachine):
    """Rules of administrators of the tenant, and of other applications that use it."""

    @precondition(lambda self: not_twice(self) and len(self.site.tenant.people.users) > 1)
    @rule(primary=numbers(), secondary=numbers())
    def link_elsewhere(self, primary: int, secondary: int) -> None:
        """Link two users at the provider, as an administrator or another application does."""
        users = [*self.site.tenant.people.users.values()]
        first: User = self.pick(primary, users)
        second: User = self.pick(secondary, [each for each in users if each is not first])
        self.trace.note(f"At the provider, another application links {second.user_id} to {first.user_id}.")
        self._link(first, second)

    @precondition(lambda self: not_twice(self) and linked_users(self))
    @rule(user=numbers(), swap=st.booleans())
    def unlink_elsewhere(self, user: int, swap: bool = False) -> None:
        """Unlink an identity at the provider; to swap, link the former primary to it after that."""
        primary: User = self.pick(user, linked_users(self))
        identity = primary.identities[-1]
        pair = (primary.user_id, f"{identity.provider}|{identity.user_id}")
        self.trace.note(f"At the provider, an administrator unlinks {pair[1]} from {pair[0]}.")
        if pair in {(link["primary_subject"], link["secondary_subject"]) for link in kept_links()}:
            self.memory.undone[pair] = self.site.clock.now()
        self.memory.deleted.add(pair[1])  # what it had is gone, as of a user who was deleted and came back
        freed = self.site.tenant.users.unlink(pair[0], identity.provider, identity.user_id)
        self.memory.others_changed = True
        if swap and freed is not None and len(primary.identities) == 1:
            self.trace.note(f"  and links {pair[0]} to {pair[1]}.")
            self._link(freed, primary)

    def _link(self, primary: User, secondary: User) -> None:
        pairs = {(primary.user_id, f"{each.provider}|{each.user_id}") for each in secondary.identities}
        main = secondary.identities[0]
        try:
            self.site.tenant.users.link(primary.user_id, main.provider, main.user_id)
        except Refusal as refusal:
            self.trace.note(f"  refused: {refusal}")
            return
        self.memory.linked_elsewhere |= pairs
        self.memory.deleted.add(secondary.user_id)
        self.memory.others_changed = True

    @precondition(not_twice)
    @rule(account=account_numbers(), what=st.sampled_from(ACTIONS))
    def change_action(self, account: int, what: str) -> None:
        """Give the tenant an Action that does something for one user, or none."""
        who = self.accounts[account % len(self.accounts)]
        self.trace.note(f"At the provider, the Action does for {who.name}: {what}.")
        self.set_action(None if what == "nothing" else _action(who.user_id, what))

    @precondition(lambda self: not_twice(self) and compares(self))
    @rule(faults=faults())
    def compare_with_provider(self, faults: tuple[Fault, ...] = ()) -> None:
        """Run `flows_reconcile`."""
        self.trace.note("The comparison with the provider runs.")
        self.act("comparison", lambda: reconcile(self.alias, longest_wait=3600), faults)

    def compare_at_rest(self) -> None:
        """Compare once more, whole and undisturbed, when others have changed something."""
        self.set_action(None)
        if self.memory.others_changed and compares(self):
            self.trace.note("The comparison with the provider runs to its end.")
            report = self.act("comparison", lambda: reconcile(self.alias, longest_wait=3600))
            self.memory.compared = not report.stopped


def linked_users(world: BaseStateMachine) -> list[User]:
    """Return the users at the provider who have linked identities."""
    return [user for user in world.site.tenant.people.users.values() if len(user.identities) > 1]


def compares(world: BaseStateMachine) -> bool:
    """Whether the site can ask the Management API."""
    return bool(conf.tenant(world.alias).management_client_id)


def _action(user_id: str, what: str) -> Any:
    does, _, stage = what.partition(" at ")

    def action(event: ActionEvent, api: ActionApi) -> None:
        if event.user.user_id != user_id or (stage and event.stage != stage):
            return
        match does:
            case "deny":
                api.deny("The Action says no.")
            case "throw":
                raise RuntimeError("The Action is broken.")
            case "revoke":
                api.revoke_refresh_token("The Action revokes it.")
            case _:
                api.set_id_token_claim("email_verified", True)

    return action


_LINKING: Final = step(
    "settle_in",
    configuration=Configuration(
        linking="automatic",
        trusted=("Username-Password-Authentication", "google-oauth2"),
        par=False,
        rotation=False,
        scope="openid profile email offline_access",
        tries=3,
    ),
)
_ADA, _ADA_GOOGLE, _XPTO, _MALLORY = 0, 1, 2, 6


def _sign_in(account: int, browser: int = 0) -> Step:
    return step("sign_in", browser=browser, account=account, faults=())


def _unlink(*, swap: bool) -> Step:
    return step("unlink_elsewhere", user=0, swap=swap)


_LINKED: Final = (_LINKING, _sign_in(_ADA), _sign_in(_ADA_GOOGLE, browser=1))
_COMPARE: Final = step("compare_with_provider", faults=())

CORPUS: Final[Mapping[str, tuple[Step, ...]]] = {
    "a link is undone elsewhere, and its account comes back": (
        *_LINKED, _unlink(swap=False), _sign_in(_ADA_GOOGLE, browser=2),
    ),
    "a link is undone elsewhere, and the comparison finds it": (*_LINKED, _unlink(swap=False), _COMPARE),
    "a link is undone elsewhere, and nothing else happens": (*_LINKED, _unlink(swap=False)),
    "primary and secondary are swapped elsewhere": (
        *_LINKED, _unlink(swap=True), _sign_in(_ADA_GOOGLE, browser=2),
    ),
    "users are linked elsewhere, and sign in": (
        _LINKING, _sign_in(_ADA), _sign_in(_XPTO, browser=1),
        step("link_elsewhere", primary=0, secondary=0), _sign_in(_ADA), _sign_in(_XPTO), _COMPARE,
    ),
    "a user is deleted elsewhere, and the comparison lists it": (
        _LINKING, _sign_in(_XPTO), step("administer_tenant", account=_XPTO, what="delete"), _COMPARE,
    ),
    "a user is blocked elsewhere, and the comparison lists it": (
        _LINKING, _sign_in(_XPTO), step("administer_tenant", account=_XPTO, what="block"), _COMPARE,
        step("administer_tenant", account=_XPTO, what="unblock"), _COMPARE,
    ),
    **{
        f"an Action: {what}": (
            _LINKING, _sign_in(_XPTO), step("change_action", account=_XPTO, what=what),
            step("use_grant", browser=0, what="token", faults=()), _sign_in(_XPTO),
            step("change_action", account=_XPTO, what="nothing"), _sign_in(_XPTO),
        )
        for what in ACTIONS[1:]
    },
    "an Action says that an email is verified": (
        _LINKING, step("change_action", account=_MALLORY, what="claim a verified email"), _sign_in(_MALLORY),
    ),
}  # fmt: skip
