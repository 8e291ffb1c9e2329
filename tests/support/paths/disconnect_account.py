"""What makes each edge of disconnecting an account happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.storage.models import ConnectedAccount, FlowTransaction, Grant
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import QWERTY, XPTO, site
from tests.support.paths.walker import BrowserWalker, Ways, nothing, worker_dies

GOOGLE = "google-oauth2"


class DisconnectAccountPath(BrowserWalker):
    """Xpto disconnects the Google account of qwerty, and keeps another one."""

    kind = "disconnect_account"

    def site(self) -> AbstractContextManager[Any]:
        return site()

    def before(self) -> None:
        self.xpto = self.tenant.add_user(email=XPTO, password="a good one")
        for email in (QWERTY, "other@gmail.com"):
            self.tenant.add_user(email=email, connection=GOOGLE, signed_up=False)
        self.browser.sign_in(XPTO)
        for email in ("other@gmail.com", QWERTY):
            self.browser.connect(GOOGLE, email)
        self.first, self.second = ConnectedAccount.objects.order_by("pk").values_list("remote_id", flat=True)

    def check(self, row: Row) -> None:
        assert (row.code == "") == (self.end == "disconnected"), f"{row.state} with the code {row.code!r}"
        kept = list(ConnectedAccount.objects.order_by("pk").values_list("remote_id", flat=True))
        assert kept == ([self.first] if self.end == "disconnected" else [self.first, self.second])
        # Who gives it up while it is in flight is told that it may have happened. The next list tells.
        happened = self.end == "disconnected" or self.takes("abandon")
        there = [each.id for each in self.tenant.connected_accounts(self.xpto)]
        assert there == ([self.first] if happened else [self.first, self.second])
        assert self.tenant.ledger.count("account_disconnected") == int(happened)
        assert self.browser.user_id is not None
        assert FlowTransaction.objects.filter(kind="connect_account", state="connected").count() == 2

    def start(self) -> None:
        self.browser.post("/auth/disconnect/", {"account": self.second, "next": "/profile/"})

    def grant_is_over(self) -> None:
        """A refusal would say nothing of an attempt before it; without a grant nobody can ask."""
        self.tenant.revoke_refresh_tokens(self.xpto.user_id)
        Grant.objects.update(access_tokens="")

    stimuli: ClassVar[Ways] = {("created", "start"): start}
    results: ClassVar[Ways] = {
        ("disconnecting", "account_disconnected"): nothing,
        ("disconnecting", "fail"): grant_is_over,
        ("disconnecting", "retry"): worker_dies("disconnect", unless_next=frozenset({"fail"})),
    }
