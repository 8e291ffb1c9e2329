"""What makes each edge of an account linking happen, in the real engine, store and tenant."""

from __future__ import annotations

import uuid
from contextlib import AbstractContextManager
from typing import Any, ClassVar

from django.contrib.auth import get_user_model

from stateful_oauth.flows.engine.definition import Edge
from stateful_oauth.storage.models import AccountLink, FlowTransaction, Grant, Identity, identity_digest
from stateful_oauth.testing.world.observations import Row
from tests.support.accounts_site import VICTIM, site
from tests.support.paths.walker import (
    BrowserWalker,
    Ways,
    blocked,
    loses,
    meanwhile,
    nothing,
    refuses,
    worker_dies,
)

GOOGLE, ISSUER = "google-oauth2", "https://tenant.example/"
BAD = {"statusCode": 400, "error": "Bad Request", "message": "No.", "errorCode": "invalid_body"}
FAIL = frozenset({"fail"})


class AccountLinkingPath(BrowserWalker):
    """Somebody has an account, and signs in with another one of the same address for the first time.

    Where the first one has a password they are linked without asking; otherwise after a proof.
    """

    kind = "account_linking"

    def site(self) -> AbstractContextManager[Any]:
        self.tenant.settings.par = self.pushes
        confirmations = sum(edge.event == "confirm" for edge in self.path)
        gives_up = any(edge.event == "mismatch" and edge.target == "mismatched" for edge in self.path)
        return site(
            PUSHED_AUTHORIZATION_REQUESTS=self.pushes,
            LINKING_APP_METADATA_KEYS=("plan",),
            LINKING_TRIES=confirmations if gives_up else 3,
        )

    @classmethod
    def possible(cls, path: tuple[Edge, ...]) -> bool:
        """Where somebody else has linked them, nothing is left to merge, and so nothing is refused."""
        taken = {(edge.source, edge.event) for edge in path}
        return not {("reading_profiles", "accounts_linked"), ("merging_metadata", "fail")} <= taken

    def before(self) -> None:
        asks = self.path[0].event == "pending_link"
        add = self.tenant.add_user
        metadata = {"user_metadata": {"colour": "red"}, "app_metadata": {"plan": "gold", "roles": ["admin"]}}
        social = add(email=VICTIM, connection=GOOGLE, **({} if asks else metadata))
        password = add(email=VICTIM, password="a good one", **(metadata if asks else {}))
        self.first, self.newcomer = (social, password) if asks else (password, social)
        self.other = add(email="other@example.com", connection=GOOGLE)
        self.who = self.first
        self.has_an_account(self.first)

    def check(self, row: Row) -> None:
        end = self.end
        whole = end == "linked" and not self.takes("fail", "merging_metadata")
        assert (row.code == "") == whole, f"{row.state} with the code {row.code!r}"
        assert FlowTransaction.objects.get(kind="login").state == "link_pending"
        self.check_session()
        self.check_rows()
        self.check_tenant()

    def check_session(self) -> None:
        signed_in = {"linked": self.first, "kept_apart": self.newcomer}.get(self.end)
        assert (self.browser.user_id is None) == (signed_in is None)
        proved = self.takes("primary_verified")
        has_grant = self.end == "kept_apart" or (self.end == "linked" and proved)
        grants = Grant.objects.filter(ended_at=None).values_list("identity__subject", flat=True)
        # A refresh token of an account that is gone is of no use, and nobody has one of the first account.
        assert list(grants) == ([signed_in.user_id] if signed_in and has_grant else [])
        if signed_in:
            details = self.browser.client.session["stateful_oauth"]
            assert details["sub"] == signed_in.user_id
            assert ("grant" in details) == has_grant
            owner = Identity.objects.get(subject=signed_in.user_id).user
            assert self.browser.user_id == str(owner.pk) == str(self.row().user_id)

    def check_rows(self) -> None:
        noted = self.takes("accounts_linked")
        links = AccountLink.objects.exclude(primary_subject=self.other.user_id)
        kept = links.values_list("primary_subject", "secondary_subject", "rule", "unlinked_at")
        rule = "verified_email" if self.path[0].event == "start" else "confirmation"
        pair = (self.first.user_id, self.newcomer.user_id)
        assert list(kept) == ([(*pair, rule, None)] if noted else [])
        there = {self.first.user_id}
        if self.end == "kept_apart":
            there.add(self.newcomer.user_id)
        assert set(Identity.objects.values_list("subject", flat=True)) == there

    def check_tenant(self) -> None:
        ledger, linked = self.tenant.ledger, self.takes("accounts_linked")
        # An operator who abandons it while it is being linked is told that it may have happened.
        happened = linked or self.takes("abandon", "linking")
        assert ledger.count("identity_linked", user_id=self.first.user_id) == int(happened)
        assert ledger.count("identity_unlinked") == ledger.count("code_reused") == 0
        first = self.tenant.people.users.get(self.first.user_id)
        if first is None:
            return  # it was deleted
        assert len(first.identities) == (2 if happened else 1)
        merges = self.takes("accounts_linked", "linking") and not self.takes("fail", "merging_metadata")
        assert (first.user_metadata or {}) == ({"colour": "red"} if merges else {})
        assert (first.app_metadata or {}) == ({"plan": "gold"} if merges else {}), (
            "Only what the project named."
        )

    # Stimuli.

    def sign_in(self) -> None:
        self.browser.sign_in(self.newcomer.user_id, next_url="/profile/")

    def page(self) -> str:
        return f"/auth/link/{self.row().pk}/"

    def confirm(self) -> None:
        assert self.browser.get(self.page()).status_code == 200, "The page asks."
        self.location = self.browser.post(f"{self.page()}confirm/")["Location"]

    def keep_apart(self) -> None:
        self.browser.post(f"{self.page()}cancel/")

    def authorize(self) -> str:
        return self.browser.authorize(self.url(), self.who.user_id)

    def come_back(self) -> None:
        self.browser.get(self.authorize())
        self.who = self.first

    def come_back_declined(self) -> None:
        self.browser.get(self.browser.visitor.decline(self.url()))

    def come_back_from_another_issuer(self) -> None:
        self.browser.get(self.authorize() + "&iss=https%3A%2F%2Fevil.example%2F")

    def come_back_blocked(self) -> None:
        with blocked(self.tenant, self.first):
            self.browser.get(self.authorize())

    def come_late(self) -> None:
        self.clock.advance(601)
        self.follow()

    # What effects find.

    def somebody_else_signs_in(self) -> None:
        self.who = self.other

    def link_elsewhere(self) -> None:
        self._link(self.first)

    def link_to_another(self) -> None:
        self._link(self.other)

    def _link(self, primary: Any) -> None:
        identity = self.newcomer.identities[0]
        self.tenant.users.link(primary.user_id, identity.provider, identity.user_id)

    def delete_the_first(self) -> None:
        self.tenant.delete_user(self.first.user_id)

    def delete_the_newcomer(self) -> None:
        self.tenant.delete_user(self.newcomer.user_id)

    def block_the_newcomer(self) -> None:
        self.tenant.block_user(self.newcomer.user_id)

    def lose_the_newcomer(self) -> None:
        """Leave no account to sign in as: who has proved the primary could go on without the newcomer."""
        self.block_the_newcomer() if self.takes("primary_verified") else self.delete_the_newcomer()

    def give_the_newcomer_away(self) -> None:
        """As `lose_the_newcomer`, by a link to another account."""
        self.block_the_newcomer() if self.takes("primary_verified") else self.link_to_another()

    def deactivate_the_first(self) -> None:
        get_user_model().objects.filter(username=self.first.user_id).update(is_active=False)

    def keep_a_link_of_the_newcomer(self) -> None:
        """Another browser has linked the newcomer meanwhile, so that there is no account to go on with.

        After the proof there is a second one to go on with, so that is linked, too.
        """
        for secondary in (self.newcomer, self.first) if self.takes("primary_verified") else (self.newcomer,):
            self.keep_a_link_of(secondary)

    def give_the_newcomer_a_link(self) -> Any:
        """As `keep_a_link_of_the_newcomer`, but not before the sign-in, which would close it as undone."""
        if self.takes("pending_link") or self.takes("retry"):
            return self.keep_a_link_of_the_newcomer()
        effect = "link_accounts" if self.takes("profiles_read") else "read_profiles"
        return meanwhile(effect, type(self).keep_a_link_of_the_newcomer)(self)

    def keep_a_link_of(self, secondary: Any) -> None:
        digests = [identity_digest(ISSUER, each.user_id) for each in (self.other, secondary)]
        main = secondary.identities[0]
        AccountLink.objects.create(
            primary_digest=digests[0], primary_subject=self.other.user_id,
            secondary_digest=digests[1], secondary_subject=secondary.user_id,
            tenant="default", connection=main.connection, provider=main.provider,
            provider_user_id=main.user_id, rule="confirmation", transaction_id=uuid.uuid4(),
            linked_at=self.clock.now(),
        )  # fmt: skip

    stimuli: ClassVar[Ways] = {
        ("created", "start"): sign_in,
        ("created", "pending_link"): sign_in,
        ("awaiting_confirmation", "confirm"): confirm,
        ("awaiting_confirmation", "cancel"): keep_apart,
        ("awaiting_confirmation", "expire"): come_late,
        ("awaiting_callback", "callback"): come_back,
        ("awaiting_callback", "decline"): come_back_declined,
        ("awaiting_callback", "cancel"): keep_apart,
        ("awaiting_callback", "mismatch"): come_back_from_another_issuer,
        ("awaiting_callback", "fail"): come_back_blocked,
        ("awaiting_callback", "expire"): come_late,
        ("wrong_account", "confirm"): confirm,
        ("wrong_account", "cancel"): keep_apart,
        ("wrong_account", "expire"): come_late,
    }
    results: ClassVar[Ways] = {
        ("pushing_request", "request_pushed"): nothing,
        ("pushing_request", "fail"): refuses("POST", "/oauth/par", json={"error": "invalid_request"}),
        ("pushing_request", "retry"): worker_dies("push_request"),
        ("verifying_primary", "primary_verified"): nothing,
        ("verifying_primary", "mismatch"): somebody_else_signs_in,
        ("verifying_primary", "fail"): loses("/oauth/token"),
        ("reading_profiles", "profiles_read"): nothing,
        ("reading_profiles", "accounts_linked"): meanwhile("read_profiles", link_elsewhere),
        ("reading_profiles", "retry"): worker_dies("read_profiles"),
        ("reading_profiles", "fail", "keeping_apart"): meanwhile("read_profiles", delete_the_first),
        ("reading_profiles", "fail", "failed"): meanwhile("read_profiles", lose_the_newcomer),
        ("linking", "accounts_linked"): nothing,
        ("linking", "retry"): worker_dies("link_accounts", unless_next=FAIL),
        ("linking", "fail", "keeping_apart"): refuses("POST", "/api/v2/users/{id}/identities", json=BAD),
        ("linking", "fail", "failed"): meanwhile("link_accounts", give_the_newcomer_away),
        ("merging_metadata", "metadata_merged"): nothing,
        ("merging_metadata", "retry"): worker_dies("merge_metadata", unless_next=FAIL),
        ("merging_metadata", "fail"): refuses("PATCH", "/api/v2/users/{id}", json=BAD),
        ("resolving_primary", "account_resolved"): nothing,
        ("resolving_primary", "fail"): meanwhile("merge_metadata", deactivate_the_first),
        ("keeping_apart", "account_resolved"): nothing,
        ("keeping_apart", "fail"): give_the_newcomer_a_link,
    }
