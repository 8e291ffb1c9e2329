"""What makes each edge of ending a grant happen, in the real engine, store and tenant."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, ClassVar

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.definition import Edge
from stateful_oauth.storage.models import Grant
from stateful_oauth.testing.walker import operator_abandons
from stateful_oauth.testing.world.living_tokens import known_families, living_families
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import XPTO, site
from tests.support.paths.walker import BrowserWalker, Ways, nothing


class EndGrantPath(BrowserWalker):
    """Xpto signs out, and a sweep revokes the refresh token."""

    kind = "end_grant"

    @classmethod
    def possible(cls, path: tuple[Edge, ...]) -> bool:
        """The first sweep makes the first attempt: nothing is found before."""
        return path[1].event in ("retry", "abandon")

    def site(self) -> AbstractContextManager[Any]:
        return site(LINKING="off")

    def before(self) -> None:
        self.tenant.add_user(email=XPTO, password="a good one")
        self.browser.sign_in(XPTO)
        if self.takes("fail"):
            self.tenant.settings.discovery_overrides["revocation_endpoint"] = None
        wiring.provider.cache_clear()
        wiring.engine.cache_clear()

    def after(self) -> None:
        """No browser can look how it stands."""
        assert "transaction_unknown" in self.follow()["Location"]

    def check(self, row: Row) -> None:
        assert (row.code == "") == (self.end == "ended"), f"{row.state} with the code {row.code!r}"
        assert Grant.objects.get().refresh_token is None
        # An operator who abandons it while it is in flight is told that it may have happened.
        happened = self.end == "ended" or (self.end == "abandoned" and self.takes("retry"))
        assert living_families(self.tenant) == set() if happened else len(living_families(self.tenant)) == 1
        assert known_families(self.tenant) == set()
        assert self.tenant.ledger.count("refresh_revoked") == int(happened)

    def sign_out(self) -> None:
        self.browser.post("/auth/logout/")

    def operator_abandons(self) -> AbstractContextManager[None] | None:
        return operator_abandons("revoke")(self) if self.takes("retry") else None

    stimuli: ClassVar[Ways] = {("created", "start"): sign_out, ("revoking", "abandon"): BrowserWalker.abandon}
    results: ClassVar[Ways] = {
        ("revoking", "retry"): nothing,
        ("revoking", "grant_ended"): nothing,
        ("revoking", "fail"): nothing,
        ("revoking", "abandon"): operator_abandons,
    }
