"""Random requests to every callback and page: never an error of ours, and nothing moves."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Grant, Identity
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.hostile import NAMES, TEXTS, mutated, raw_query
from tests.support.link_pages import asked

pytestmark = [pytest.mark.django_db(transaction=True)]

XPTO = accounts_site.XPTO
PATHS = ("callback/", "connect/callback/", "link/callback/", "default/callback/", "nobody/callback/")


class Waiting:
    """A browser with one attempt of every flow that waits for its callback."""

    def __init__(self, tenant: Any) -> None:
        self.browser, self.visits = Browser(tenant), []
        social = tenant.add_user(email=XPTO, connection="google-oauth2")
        Browser(tenant).sign_in(social.user_id)
        newcomer = tenant.add_user(email=XPTO, password="x")
        address = asked(self.browser, self.browser.sign_in(newcomer.user_id)).address
        proof = self.browser.post(f"{address}confirm/")["Location"]
        self.visits.append(self.browser.authorize(proof, social.user_id))
        self.visits.append(self.browser.authorize(self.browser.start(), newcomer.user_id))
        signed_in = Browser(tenant)
        signed_in.sign_in("ada@example.com")
        tenant.add_user(email="c@example.com", connection="github", signed_up=False)
        started = signed_in.post("/auth/connect/", {"connection": "github"})["Location"]
        self.visits.append(signed_in.visitor.connect(started, as_account="c@example.com"))
        self.browsers = [self.browser, signed_in, Browser(tenant)]
        for each in self.browsers:
            each.client.raise_request_exception = True

    @staticmethod
    def picture() -> list[Any]:
        """What must not move."""
        rows = FlowTransaction.objects.order_by("pk").values_list("pk", "state", "version")
        counts = [model.objects.count() for model in (Identity, Grant, ConnectedAccount, AccountLink)]
        return [*rows, counts]


@pytest.fixture
def waiting(tenant):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield Waiting(tenant)


@pytest.mark.security("S1", "S4")
def test_random_callbacks_move_no_row_and_send_no_code(waiting, tenant, rng, rounds):
    before, sent = waiting.picture(), tenant.requests["/oauth/token"]
    for _ in rounds(1200):
        fields = dict(rng.choice(waiting.visits).fields)
        if rng.random() < 0.8:
            fields["state"] = mutated(rng, fields["state"])
            pairs = list(fields.items())
        else:  # the right `state` in a form that no answer has
            pairs = [*fields.items(), (rng.choice(["state", "code", "connect_code", "error"]), "again")] * 2
        for _ in range(rng.choice([0, 0, 1, 3])):
            name = rng.choice(NAMES)
            if name != "state":
                pairs.append((name, rng.choice(TEXTS)))
        browser = rng.choice(waiting.browsers)
        address = f"/auth/{rng.choice(PATHS)}?{raw_query(rng, pairs)}"
        ask = rng.choice([browser.get] * 5 + [browser.head, browser.post])
        response = ask(address)
        assert response.status_code < 500, address
        assert response["Referrer-Policy"] == "no-referrer", address
    assert waiting.picture() == before
    assert tenant.requests["/oauth/token"] == sent
    for visit, browser in zip(waiting.visits, (*[waiting.browser] * 2, waiting.browsers[1]), strict=True):
        response = browser.get(visit)
        assert "/error/" not in response["Location"], "and the right answer still arrives"


def test_random_requests_to_every_page_are_answered(waiting, rng, rounds):
    before = waiting.picture()
    keys = [str(row.pk) for row in FlowTransaction.objects.all()] + [str(uuid.uuid4()), "a", "0" * 36]
    pages = (
        "login/",
        "restart/",
        "logout/",
        "connect/",
        "disconnect/",
        "unlink/",
        "error/{}/",
        "progress/{}/",
        "link/{}/",
        "link/{}/confirm/",
        "link/{}/cancel/",
        "{}/login/",
    )
    stranger = waiting.browsers[2]
    for _ in rounds(500):
        page = rng.choice(pages)
        where = rng.choice(
            [*keys, rng.choice(TEXTS).replace("/", "") or "a", "access_denied", "internal_error"]
        )
        pairs = [(rng.choice(NAMES), rng.choice(TEXTS)) for _ in range(rng.randrange(4))]
        address = f"/auth/{page.format(where)}?{raw_query(rng, pairs)}".replace("\0", "%00").replace("\n", "")
        form = {name or "a": text for name, text in pairs}
        response = stranger.get(address) if rng.random() < 0.6 else stranger.post(address, form)
        # The page of an error code has the code's own status.
        assert response.status_code < 500 or page == "error/{}/", (page, address, response.status_code)
        assert "<b id=pwn" not in response.content.decode("utf-8", "replace")
    rows = [row for row in waiting.picture() if row in before]
    assert rows == before[:-1] + rows[len(before) - 1 :]
