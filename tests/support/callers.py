"""Callers of the engine that are no HTTP requests: a browser by name, and an operator."""

from __future__ import annotations

from stateful_oauth.django.actions.callers import SystemCaller
from stateful_oauth.flows.engine.identifiers import digest
from stateful_oauth.flows.engine.outcomes import Outcome
from stateful_oauth.flows.engine.transaction import BROWSER, Actor
from stateful_oauth.flows.oauth.inputs import LinkingChoices
from stateful_oauth.flows.oauth.openid import VerifiedIdentity
from stateful_oauth.flows.oauth.sign_in import KnownUser


class Person:
    """A browser, told apart from others by its name. `None` is one that sends no cookie.

    `told` is what the engine told it in a settle transaction: whoever is told `SignedIn` gets a session.
    """

    actor = BROWSER

    def __init__(
        self, name: str | None = "ada's laptop", *, is_new_browser: bool = False, is_navigation: bool = False
    ) -> None:
        self.browser = None if name is None else digest(name)
        self.browsers = () if name is None else (digest(name),)
        self.is_navigation = is_navigation
        self.is_new_browser = is_new_browser
        self.user_id: str | None = None
        self.told: list[Outcome] = []

    def link_check_due(self, identity: VerifiedIdentity) -> bool:
        return SystemCaller().link_check_due(identity)

    def linking_choices(self, tenant: str) -> LinkingChoices:
        return SystemCaller().linking_choices(tenant)

    def check_may_sign_in(self, identity: VerifiedIdentity) -> None:
        SystemCaller().check_may_sign_in(identity)

    def standing_of(self, identity: VerifiedIdentity) -> str:
        return SystemCaller().standing_of(identity)

    def session_of(self, subject: str) -> dict[str, str]:
        return {"sub": subject}

    def resolve_account(self, identity: VerifiedIdentity, *, tenant: str) -> KnownUser:
        return SystemCaller().resolve_account(identity, tenant=tenant)

    def accounts_linked(self, *, primary: str, secondary: str) -> None:
        SystemCaller().accounts_linked(primary=primary, secondary=secondary)

    def without_request(self) -> SystemCaller:
        return SystemCaller()

    def settled(self, outcome: Outcome) -> None:
        self.told.append(outcome)


class Operator(SystemCaller):
    """Somebody on call, at the admin page."""

    def __init__(self, reason: str = "the customer called") -> None:
        self.actor = Actor("operator", "7", reason)
