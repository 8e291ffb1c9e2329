"""What makes each edge of connecting an account happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.storage.models import ConnectedAccount, Grant, Identity
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.paths.walker import (
    BrowserWalker,
    Ways,
    nothing,
    refuses,
    worker_dies,
)

GOOGLE = "google-oauth2"
COMPLETE = "/me/v1/connected-accounts/complete"
NO_CODE = {"type": "x", "title": "Bad", "detail": "The code is not valid.", "status": 400}


class ConnectAccountPath(BrowserWalker):
    """Xpto, who is signed in, connects the Google account of qwerty."""

    kind = "connect_account"

    def site(self) -> AbstractContextManager[Any]:
        return site()

    def before(self) -> None:
        self.xpto = self.tenant.add_user(email=XPTO, password="a good one")
        self.qwerty = self.tenant.add_user(email=QWERTY, connection=GOOGLE, signed_up=False)
        self.browser.sign_in(XPTO)
        self.session = self.browser.client.session.session_key

    def check(self, row: Row) -> None:
        connected = self.end == "connected"
        identified = self.takes("account_identified")
        assert (row.code == "") == identified, f"{row.state} with the code {row.code!r}"
        assert self.browser.user_id == row.user_id.__str__(), "Whoever connects stays signed in."
        kept = [
            (each.owner.subject, each.connection, each.remote_id, each.provider_user_id, each.owner_verified)
            for each in ConnectedAccount.objects.all()
        ]
        there = self.tenant.connected_accounts(self.xpto)
        # An operator who abandons it while it is being completed is told that it may have happened.
        in_flight = self.takes("abandon", "completing_connection")
        assert len(there) == int(connected or in_flight)
        expected = [
            (self.xpto.user_id, GOOGLE, each.id, each.provider_user_id if identified else "", True)
            for each in there
            if not in_flight
        ]
        assert kept == expected
        assert self.tenant.ledger.count("account_connected") == len(there)
        assert self.tenant.ledger.count("connect_code_reused") == 0, "A code was sent twice."
        about_the_session = {"sub", "sid", "grant", "auth_time", "acr", "amr", "organization", "standing"}
        assert {key: value for key, value in row.result.items() if key not in about_the_session} == (
            {"connection": GOOGLE, "account": there[0].id}
            | ({"provider_user_id": self.qwerty.identities[0].user_id} if identified else {})
            if connected
            else {}
        )
        # A new session key, because the session gained rights (docs/security-checklist.md S8).
        if connected and not self.takes("retry"):
            assert self.browser.client.session.session_key != self.session
        assert Identity.objects.count() == Grant.objects.filter(ended_at=None).count() == 1

    # Stimuli.

    def start(self) -> None:
        answer = self.browser.post("/auth/connect/", {"connection": GOOGLE, "next": "/profile/"})
        self.location = answer["Location"]

    def choose(self) -> str:
        """Choose the account at its provider; return the callback, not yet opened."""
        return self.browser.visitor.connect(self.url(), as_account=QWERTY)

    def come_back(self) -> None:
        self.browser.get(self.choose())

    def come_back_declined(self) -> None:
        self.browser.get(self.browser.visitor.decline(self.url()))

    def come_back_with_an_error(self) -> None:
        callback = self.browser.visitor.decline(self.url())
        self.browser.get(callback.replace("error=access_denied", "error=server_error"))

    def come_back_as_nobody(self) -> None:
        callback, session = self.choose(), self.browser.client.cookies.pop("sessionid")
        self.browser.get(callback)
        self.browser.client.cookies["sessionid"] = session

    def come_back_late(self) -> None:
        callback = self.choose()
        self.clock.advance(601)
        self.browser.get(callback)

    stimuli: ClassVar[Ways] = {
        ("created", "start"): start,
        ("awaiting_callback", "callback"): come_back,
        ("awaiting_callback", "cancel"): come_back_declined,
        ("awaiting_callback", "mismatch"): come_back_as_nobody,
        ("awaiting_callback", "fail"): come_back_with_an_error,
        ("awaiting_callback", "expire"): come_back_late,
    }
    results: ClassVar[Ways] = {
        ("requesting_connection", "connection_requested"): nothing,
        ("requesting_connection", "fail"): refuses("POST", "/me/v1/connected-accounts/connect", json=NO_CODE),
        ("requesting_connection", "retry"): worker_dies("request_connection"),
        ("completing_connection", "connection_completed"): nothing,
        ("completing_connection", "fail"): refuses("POST", COMPLETE, json=NO_CODE),
        ("completing_connection", "retry"): worker_dies(
            "complete_connection", unless_next=frozenset({"fail"})
        ),
        ("identifying_account", "account_identified"): nothing,
        ("identifying_account", "fail"): refuses("GET", "/_provider/{connection}/userinfo", 403, {}),
        ("identifying_account", "retry"): worker_dies("identify_account"),
    }
