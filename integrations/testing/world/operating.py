"""Rules of people on call, and of administrators at the provider and at the site."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
from django.contrib.auth import get_user_model

from stateful_oauth.django.actions.callers import OperatorCaller
from stateful_oauth.django.sessions.endings import end_sessions
from stateful_oauth.flows.engine.effects import Event
from stateful_oauth.testing.world.base_state_machine import BaseStateMachine, not_twice, precondition, rule
from stateful_oauth.testing.world.strategies import account_numbers, faults, numbers

if TYPE_CHECKING:
    from stateful_oauth.testing.world.faults import Fault

OPERATOR = "7"  # the primary key of the operator


class Operating(BaseStateMachine):
    """Rules of operators and administrators."""

    @precondition(lambda self: self.seen.open())
    @rule(row=numbers(), what=st.sampled_from(("retry", "cancel", "abandon")), faults=faults())
    def operate(self, row: int, what: str, faults: tuple[Fault, ...] = ()) -> None:
        """Retry, cancel or abandon a transaction at the admin."""
        chosen = self.pick(row, self.seen.open())
        self.trace.note(f"An operator chooses {what} for {self.name_of(chosen.id)}.")
        self._operate(chosen.id, chosen.kind, chosen.tenant, what, faults)

    def _operate(self, id_: Any, kind: str, tenant: str, what: str, faults: tuple[Fault, ...] = ()) -> None:
        self.memory.touch(id_)
        caller = OperatorCaller(OPERATOR, "the customer called")

        def operate() -> object:
            if what == "retry":
                return self.engine().recover(id_, caller)
            return self.engine().dispatch(id_, Event(what), caller, kind=kind, tenant=tenant)

        self.act("operator", operate, faults)
        self.take_in(id_)

    @precondition(not_twice)
    @rule(
        account=account_numbers(),
        what=st.sampled_from(("block", "unblock", "delete", "end refresh tokens", "require MFA")),
    )
    def administer_tenant(self, account: int, what: str) -> None:
        """Do something to a user at the provider."""
        tenant, who = self.site.tenant, self.accounts[account % len(self.accounts)]
        if who.user_id not in tenant.people.users:
            return
        self.trace.note(f"At the provider, an administrator: {what} {who.name}.")
        self.memory.others_changed = True
        match what:
            case "block" | "unblock":
                tenant.block_user(who.user_id, what == "block")
            case "delete":
                tenant.delete_user(who.user_id)
                self.memory.deleted.add(who.user_id)
            case "end refresh tokens":
                tenant.revoke_refresh_tokens(who.user_id)
            case _:
                tenant.settings.mfa_always = not tenant.settings.mfa_always

    @precondition(lambda self: not_twice(self) and self.tabs)
    @rule(user=numbers(), active=st.booleans())
    def administer_site(self, user: int, active: bool) -> None:
        """Deactivate a user of the site, or activate them again."""
        model: Any = get_user_model()
        users = list(model._base_manager.order_by("pk"))  # noqa: SLF001 - public in Django
        if not users or not hasattr(users[0], "is_active"):
            return
        chosen = self.pick(user, users)
        self.trace.note(f"At the site, an administrator sets is_active of user {chosen.pk} to {active}.")
        chosen.is_active = active
        chosen.save(update_fields=["is_active"])

    @precondition(lambda self: not_twice(self) and self.tabs)
    @rule(user=numbers())
    def end_sessions(self, user: int) -> None:
        """End the sessions of a user of the site, as an operator does who signs them out everywhere."""
        model: Any = get_user_model()
        users = list(model._base_manager.order_by("pk"))  # noqa: SLF001 - public in Django
        if not users:
            return
        chosen = self.pick(user, users)
        self.trace.note(f"At the site, an operator ends the sessions of user {chosen.pk}.")
        end_sessions(chosen)
        if not chosen.has_usable_password():  # the others keep sessions that began with the password
            self.memory.ended[chosen.pk] = self.site.clock.timestamp()

    @precondition(lambda self: list(self.site.tenant.vault))
    @rule(account=numbers())
    def revoke_at_account_provider(self, account: int) -> None:
        """Have the user revoke the access at the account's own provider."""
        chosen = self.pick(account, list(self.site.tenant.vault))
        self.trace.note(f"The user revokes the access to {chosen.email} at {chosen.connection}.")
        self.site.tenant.vault.revoke_at_provider(chosen.id)
