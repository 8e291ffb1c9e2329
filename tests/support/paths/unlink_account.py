"""What makes each edge of unlinking an account happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.storage.models import AccountLink, Identity
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import XPTO, site
from tests.support.paths.walker import BrowserWalker, Ways, nothing, refuses, worker_dies

GOOGLE = "google-oauth2"
BAD = {"statusCode": 400, "error": "Bad Request", "message": "No.", "errorCode": "invalid_body"}


class UnlinkAccountPath(BrowserWalker):
    """Xpto takes the Google account apart that was linked without asking."""

    kind = "unlink_account"

    def site(self) -> AbstractContextManager[Any]:
        return site()

    def before(self) -> None:
        self.xpto = self.tenant.add_user(email=XPTO, password="a good one")
        self.social = self.tenant.add_user(email=XPTO, connection=GOOGLE)
        self.has_an_account(self.social)
        Browser(self.tenant).sign_in(self.social.user_id)
        self.link = AccountLink.objects.get()
        self.browser.sign_in(self.xpto.user_id)

    def check(self, row: Row) -> None:
        unlinked = self.end == "unlinked"
        assert (row.code == "") == unlinked, f"{row.state} with the code {row.code!r}"
        self.link.refresh_from_db()
        assert (self.link.unlinked_at is not None) == unlinked
        # Who gives it up while it is in flight is told that it may have happened.
        happened = unlinked or self.takes("abandon")
        assert len(self.tenant.users.get(self.xpto.user_id).identities) == (1 if happened else 2)
        assert self.tenant.ledger.count("identity_unlinked") == int(happened)
        # The account that stands alone again is its former user's.
        there = {self.xpto.user_id} | ({self.social.user_id} if unlinked else set())
        assert set(Identity.objects.values_list("subject", flat=True)) == there
        if unlinked:
            owner = Identity.objects.select_related("user").get(subject=self.social.user_id).user
            assert owner.get_username() == self.social.user_id
        assert self.browser.user_id is not None

    def start(self) -> None:
        self.browser.post("/auth/unlink/", {"link": str(self.link.pk), "next": "/profile/"})

    stimuli: ClassVar[Ways] = {("created", "start"): start}
    results: ClassVar[Ways] = {
        ("unlinking", "account_unlinked"): nothing,
        ("unlinking", "fail"): refuses(
            "DELETE", "/api/v2/users/{id}/identities/{provider}/{user_id}", json=BAD
        ),
        ("unlinking", "retry"): worker_dies("unlink", unless_next=frozenset({"fail"})),
    }
