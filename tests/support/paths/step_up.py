"""What makes each edge of a step-up happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.django import wiring
from stateful_oauth.storage.models import Grant, Identity
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import XPTO, site
from tests.support.paths.walker import BrowserWalker, Ways, loses, nothing, refuses, worker_dies


class StepUpPath(BrowserWalker):
    """Xpto is signed in, and authenticates once more."""

    kind = "step_up"

    def site(self) -> AbstractContextManager[Any]:
        return site(LINKING="off", PUSHED_AUTHORIZATION_REQUESTS=self.pushes)

    def before(self) -> None:
        self.tenant.settings.par = self.pushes
        self.tenant.add_user(email=XPTO, password="a good one")
        self.browser.sign_in(XPTO)
        self.clock.advance(1000)
        self.user, self.session = self.browser.user_id, self.browser.client.session.session_key
        self.exchanged = self.tenant.ledger.count("code_exchanged")

    def check(self, row: Row) -> None:
        stepped_up, details = self.end == "stepped_up", self.browser.client.session["stateful_oauth"]
        assert (row.code == "") == stepped_up, f"{row.state} with the code {row.code!r}"
        assert self.browser.user_id == self.user, "A step-up signs nobody in and nobody out."
        assert (self.browser.client.session.session_key != self.session) == stepped_up
        assert ("auth_time" in details) == stepped_up
        sent = self.tenant.ledger.count("code_exchanged") - self.exchanged
        assert sent == int(self.takes("callback"))
        assert Identity.objects.count() == Grant.objects.filter(ended_at=None).count() == 1
        assert details["grant"] == str(Grant.objects.get(ended_at=None).pk)

    # Stimuli.

    def start(self) -> None:
        answer = self.browser.post("/auth/step-up/", {"max_age": "0", "next": "/profile/"})
        self.location = answer["Location"]

    def fail_to_start(self) -> None:
        # A process that has not read the provider's metadata yet.
        wiring.provider.cache_clear()
        wiring.engine.cache_clear()
        self.tenant.faults.add("/.well-known/openid-configuration", "lost_request")
        self.start()

    def authenticate(self) -> str:
        """Authenticate at the tenant; return the callback, not yet opened."""
        return self.browser.visitor.authorize(self.url(), as_user=XPTO)

    def come_back(self) -> None:
        self.browser.get(self.authenticate())

    def come_back_declined(self) -> None:
        self.browser.get(self.browser.visitor.decline(self.url()))

    def come_back_from_another_issuer(self) -> None:
        self.browser.get(self.authenticate() + "&iss=https%3A%2F%2Fevil.example%2F")

    def come_back_with_an_error(self) -> None:
        callback = self.browser.visitor.decline(self.url())
        self.browser.get(callback.replace("error=access_denied", "error=server_error"))

    def come_back_late(self) -> None:
        callback = self.authenticate()
        self.clock.advance(601)
        self.browser.get(callback)

    # What effects find.

    def nonce_is_wrong(self) -> None:
        self.tenant.id_token_hook = lambda claims, header: claims.update(nonce="of another step-up")

    stimuli: ClassVar[Ways] = {
        ("created", "start"): start,
        ("created", "fail"): fail_to_start,
        ("awaiting_callback", "callback"): come_back,
        ("awaiting_callback", "cancel"): come_back_declined,
        ("awaiting_callback", "mismatch"): come_back_from_another_issuer,
        ("awaiting_callback", "fail"): come_back_with_an_error,
        ("awaiting_callback", "expire"): come_back_late,
    }
    results: ClassVar[Ways] = {
        ("pushing_request", "request_pushed"): nothing,
        ("pushing_request", "fail"): refuses("POST", "/oauth/par", json={"error": "invalid_request"}),
        ("pushing_request", "retry"): worker_dies("push_request"),
        ("exchanging_code", "code_exchanged"): nothing,
        ("exchanging_code", "mismatch"): nonce_is_wrong,
        ("exchanging_code", "fail"): loses("/oauth/token"),
    }
