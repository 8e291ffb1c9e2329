"""What makes each edge of the login machine happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.emulator import DATABASE, User
from stateful_oauth.storage.models import FlowTransaction, Grant, Identity
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import site
from tests.support.crashes import at
from tests.support.paths.walker import (
    BrowserWalker,
    Ways,
    loses,
    nothing,
    refuses,
    worker_dies,
)

ADA = "ada@example.com"


class LoginPath(BrowserWalker):
    """Ada signs in with her password."""

    kind = "login"

    def site(self) -> AbstractContextManager[Any]:
        self.tenant.settings.par = self.pushes
        links = self.takes("account_unknown")
        return site(LINKING="automatic" if links else "off", PUSHED_AUTHORIZATION_REQUESTS=self.pushes)

    def check(self, row: Row) -> None:
        signed_in, sent = self.end == "signed_in", self.takes("callback")
        assert (row.code == "") == self.needs_no_code(), f"{row.state} with the code {row.code!r}"
        assert (self.browser.user_id is not None) == signed_in, "Signed in and signed_in are not the same."
        ledger = self.tenant.ledger
        assert self.tenant.requests["/oauth/token"] - ledger.count("m2m_token_issued") == int(sent)
        assert ledger.count("code_exchanged") == int(sent)
        assert ledger.count("identity_linked") == 0
        assert Grant.objects.filter(ended_at=None).count() == int(signed_in)
        was_there = self.takes("fail", "resolving_account")
        assert Identity.objects.count() == int(signed_in or was_there)
        if signed_in:
            # Whoever was looked for and not found is not looked for again; where nobody could look, they are.
            assert Identity.objects.get().link_checked == self.takes("no_candidates")
            assert self.browser.client.session["stateful_oauth"]["sub"] == self.ada().user_id
        children = FlowTransaction.objects.filter(kind="account_linking")
        assert list(children.values_list("state", flat=True)) == (
            ["awaiting_confirmation"] if self.end == "link_pending" else []
        )
        if self.end == "link_pending":
            assert row.result == {"linking": str(children.get().pk)}

    def needs_no_code(self) -> bool:
        """Where nobody could look for accounts, the sign-in says why not."""
        looked = not self.takes("fail", "finding_candidates")
        return self.end == "link_pending" or (self.end == "signed_in" and looked)

    def ada(self) -> User:
        return next(user for user in self.tenant.users.by_email(ADA) if user.user_id.startswith("auth0|"))

    # Stimuli.

    def start(self) -> None:
        self.location = self.browser.start("/profile/")

    def fail_to_start(self) -> None:
        self.tenant.faults.add("/.well-known/openid-configuration", "lost_request")
        self.browser.start("/profile/")

    def sign_in(self) -> str:
        """Sign in at the tenant; return the callback, not yet opened."""
        return self.browser.visitor.authorize(self.url(), as_user=ADA, connection=DATABASE)

    def come_back(self) -> None:
        self.browser.get(self.sign_in())

    def come_back_declined(self) -> None:
        self.browser.get(self.browser.visitor.decline(self.url()))

    def come_back_from_another_issuer(self) -> None:
        self.browser.get(self.sign_in() + "&iss=https%3A%2F%2Fevil.example%2F")

    def come_back_blocked(self) -> None:
        self.tenant.block_user(self.ada().user_id)
        self.browser.get(self.sign_in())

    def come_back_late(self) -> None:
        callback = self.sign_in()
        self.clock.advance(601)
        self.browser.get(callback)

    # What effects find.

    def nonce_is_wrong(self) -> None:
        self.tenant.id_token_hook = lambda claims, header: claims.update(nonce="of another sign-in")

    def user_is_inactive(self) -> AbstractContextManager[Any] | None:
        """From before; or where accounts are looked for, since then: nobody looks for who may not sign in."""
        if not self.takes("account_unknown"):
            return self.has_an_account(self.ada(), active=False)
        return at("effect.before", "find_candidates", lambda: self.has_an_account(self.ada(), active=False))

    def somebody_has_her_address(self) -> None:
        self.tenant.add_user(email=ADA, connection="google-oauth2")

    stimuli: ClassVar[Ways] = {
        ("created", "start"): start,
        ("created", "fail"): fail_to_start,
        ("awaiting_callback", "callback"): come_back,
        ("awaiting_callback", "cancel"): come_back_declined,
        ("awaiting_callback", "mismatch"): come_back_from_another_issuer,
        ("awaiting_callback", "fail"): come_back_blocked,
        ("awaiting_callback", "expire"): come_back_late,
    }
    results: ClassVar[Ways] = {
        ("pushing_request", "request_pushed"): nothing,
        ("pushing_request", "fail"): refuses("POST", "/oauth/par", json={"error": "invalid_request"}),
        ("pushing_request", "retry"): worker_dies("push_request"),
        ("exchanging_code", "code_exchanged"): nothing,
        ("exchanging_code", "mismatch"): nonce_is_wrong,
        ("exchanging_code", "fail"): loses("/oauth/token"),
        ("resolving_account", "account_resolved"): nothing,
        ("resolving_account", "account_unknown"): nothing,
        ("resolving_account", "fail"): user_is_inactive,
        ("finding_candidates", "no_candidates"): nothing,
        ("finding_candidates", "pending_link"): somebody_has_her_address,
        ("finding_candidates", "fail"): refuses(
            "GET", "/api/v2/users-by-email", json={"statusCode": 400, "error": "Bad Request"}
        ),
        ("finding_candidates", "retry"): worker_dies("find_candidates"),
    }
