"""Many who connect and link at once: one thing happens, once, and everybody gets an answer that says so."""

from __future__ import annotations

from contextlib import suppress

import pytest

from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Identity
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.crashes import at
from tests.support.deliveries import answer_of, copies
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working, show
from tests.support.together import together

pytestmark = pytest.mark.database

XPTO = accounts_site.XPTO
DELIVERIES = 16


@pytest.fixture(autouse=True)
def site(tenant):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield
    check_rows()
    nothing_working()


def everything():
    return "\n".join(show(pk) for pk in FlowTransaction.objects.order_by("pk").values_list("pk", flat=True))


def test_one_callback_of_a_connection_many_times(tenant, browser):
    user = tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="100", signed_up=False)
    browser.sign_in(user.user_id)
    form = {"connection": "google-oauth2", "next": "/accounts/"}
    location = browser.post("/auth/connect/", form)["Location"]
    callback = browser.visitor.connect(location, as_account="google-oauth2|100")
    tabs = copies(browser, tenant, DELIVERIES)
    answers = together([lambda tab=tab: answer_of(tab, callback) for tab in tabs])
    assert {answer["Location"] for answer in answers} == {"/accounts/"}, everything()
    assert tenant.requests["/me/v1/connected-accounts/complete"] == 1
    assert tenant.ledger.count("connect_completed") == 1
    assert ConnectedAccount.objects.get().provider_user_id == "100"


def test_one_account_connected_in_two_tabs(tenant, browser):
    """Both are told at once whose account theirs is: one row, with the id that the provider gave last."""
    from threading import Barrier, BrokenBarrierError

    from stateful_oauth.flows.engine.crash_points import observed

    user = tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="100", signed_up=False)
    browser.sign_in(user.user_id)
    form, callbacks = {"connection": "google-oauth2", "next": "/accounts/"}, []
    for _ in range(2):
        location = browser.post("/auth/connect/", form)["Location"]
        callbacks.append(browser.visitor.connect(location, as_account="google-oauth2|100"))
    tabs = copies(browser, tenant, 2)
    told, written = Barrier(2), Barrier(2)

    def meet(point, step):
        with suppress(BrokenBarrierError):
            if (point, step) == ("effect.after", "identify_account"):
                told.wait(5)
            elif (point, step) == ("settle.before_commit", "account_identified"):
                written.wait(1)  # the other one waits for this one's commit, and never comes here

    with observed(meet):
        answers = together([lambda t=t, c=c: answer_of(t, c) for t, c in zip(tabs, callbacks, strict=True)])
    assert {answer["Location"] for answer in answers} == {"/accounts/"}, everything()
    [remote] = tenant.connected_accounts(user)
    row = ConnectedAccount.objects.get()
    assert (row.remote_id, row.provider_user_id) == (remote.id, "100"), everything()


def test_one_callback_of_a_link_many_times(tenant, browser):
    social = tenant.add_user(email=XPTO, connection="google-oauth2")
    Browser(tenant).sign_in(social.user_id)
    newcomer = tenant.add_user(email=XPTO, password="x")
    question = asked(browser, browser.sign_in(newcomer.user_id, next_url="/profile/?tab=2"))
    location = browser.post(f"{question.address}confirm/")["Location"]
    callback = browser.authorize(location, social.user_id)
    exchanges = tenant.ledger.count("code_exchanged")
    tabs = copies(browser, tenant, DELIVERIES)
    answers = together([lambda tab=tab: answer_of(tab, callback) for tab in tabs])
    assert {answer["Location"] for answer in answers} == {"/profile/?tab=2"}, everything()
    assert tenant.ledger.count("code_exchanged") == exchanges + 1
    assert tenant.ledger.count("identity_linked") == 1
    assert AccountLink.objects.count() == 1
    assert len({tab.user_id for tab in tabs}) == 1


def test_one_callback_of_a_sign_in_that_links_many_times(tenant, browser):
    tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    callback = browser.authorize(browser.start("/profile/"), google.user_id)
    tabs = copies(browser, tenant, DELIVERIES)
    answers = together([lambda tab=tab: answer_of(tab, callback) for tab in tabs])
    assert {answer["Location"] for answer in answers} == {"/profile/"}, everything()
    assert tenant.ledger.count("identity_linked") == 1
    assert AccountLink.objects.count() == 1


@pytest.mark.security("B47")
@pytest.mark.parametrize("meet", ["find_candidates", "read_profiles", "link_accounts", "merge_metadata"])
@pytest.mark.parametrize("round_", range(2))
def test_one_newcomer_signs_in_for_the_first_time_in_two_browsers(tenant, meet, round_):
    """Each of them would link it, and they meet at the worst moment."""
    from threading import Barrier, BrokenBarrierError

    from stateful_oauth.flows.engine.crash_points import observed

    password = tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"colour": "red"})
    browsers = [Browser(tenant), Browser(tenant)]
    callbacks = [browser.authorize(browser.start("/profile/"), google.user_id) for browser in browsers]
    barrier = Barrier(2)

    def wait_for_the_other(point, step):
        if (point, step) == ("effect.after", meet):
            with suppress(BrokenBarrierError):  # the other one has found out already, and never comes here
                barrier.wait(5)

    with observed(wait_for_the_other):
        answers = together(
            [lambda b=b, c=c: answer_of(b, c) for b, c in zip(browsers, callbacks, strict=True)]
        )
    assert tenant.ledger.count("identity_linked") == 1, everything()
    links = list(AccountLink.objects.values_list("primary_subject", "secondary_subject", "unlinked_at"))
    assert links == [(password.user_id, google.user_id, None)], everything()
    assert [identity.subject for identity in Identity.objects.all()] == [password.user_id]
    where = {answer["Location"].partition("?")[0] for answer in answers}
    assert "/profile/" in where
    assert where <= {"/profile/", "/auth/error/newcomer_gone/"}, everything()
    for browser in browsers:
        if browser.user_id is None:
            browser.sign_in(google.user_id)
        assert browser.client.session["stateful_oauth"]["sub"] == password.user_id
    assert tenant.users.get(password.user_id).user_metadata == {"colour": "red"}


@pytest.mark.security("L11")
@pytest.mark.parametrize("round_", range(2))
def test_two_users_race_to_link_one_identity(tenant, round_):
    """A GitHub account with two candidates; two browsers prove one each at once: one of them is linked."""
    password = tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    github = tenant.add_user(email=XPTO, connection="github")
    browsers, callbacks = [Browser(tenant), Browser(tenant)], []
    for browser, candidate in zip(browsers, (password, google), strict=True):
        question = asked(browser, browser.sign_in(github.user_id))
        form = {"account": question.position_of(candidate.identities[0].connection)}
        location = browser.post(f"{question.address}confirm/", form)["Location"]
        callbacks.append(browser.authorize(location, candidate.user_id))
    answers = together([lambda b=b, c=c: answer_of(b, c) for b, c in zip(browsers, callbacks, strict=True)])
    assert tenant.ledger.count("identity_linked") == 1, everything()
    link = AccountLink.objects.get(unlinked_at=None)
    winner = tenant.ledger.entries("identity_linked")[0].fields["user_id"]
    assert (link.primary_subject, link.secondary_subject) == (winner, github.user_id)
    assert [answer["Location"].partition("?")[0] for answer in answers] == ["/profile/"] * 2, everything()
    subjects = [browser.client.session["stateful_oauth"]["sub"] for browser in browsers]
    assert subjects == [password.user_id, google.user_id], "Each is signed in as the one that it proved."


def test_confirming_and_keeping_apart_at_once(tenant, browser):
    social = tenant.add_user(email=XPTO, connection="google-oauth2")
    Browser(tenant).sign_in(social.user_id)
    newcomer = tenant.add_user(email=XPTO, password="x")
    question = asked(browser, browser.sign_in(newcomer.user_id))
    tabs = copies(browser, tenant, 8)
    presses = [
        lambda tab=tab, way=way: tab.post(f"{question.address}{way}/")
        for tab, way in zip(tabs, ("confirm", "cancel") * 4, strict=True)
    ]
    answers = together(presses)
    assert all(answer.status_code == 303 for answer in answers)
    assert not [a["Location"] for a in answers if "/auth/error/" in a["Location"]], everything()
    row = FlowTransaction.objects.get(kind="account_linking", state__in=["kept_apart", "awaiting_callback"])
    if row.state == "awaiting_callback":
        browser.post(f"{question.address}cancel/")
    assert tenant.ledger.count("identity_linked") == 0


def test_unlinking_at_once_from_several_tabs_happens_once(tenant, browser):
    tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    link = AccountLink.objects.get()
    tabs = copies(browser, tenant, 4)
    form = {"link": str(link.pk), "next": "/accounts/"}
    answers = together([lambda tab=tab: tab.post("/auth/unlink/", form) for tab in tabs])
    assert {answer.status_code for answer in answers} <= {303, 404}
    assert any(answer.status_code == 303 for answer in answers)
    assert tenant.ledger.count("identity_unlinked") == 1
    assert AccountLink.objects.get().unlinked_at is not None


def test_disconnecting_at_once_from_several_tabs_happens_once(tenant, browser):
    user = tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="100", signed_up=False)
    browser.sign_in(user.user_id)
    browser.connect("google-oauth2", "google-oauth2|100")
    account = ConnectedAccount.objects.get()
    tabs = copies(browser, tenant, 4)
    form = {"account": account.remote_id, "next": "/accounts/"}
    answers = together([lambda tab=tab: tab.post("/auth/disconnect/", form) for tab in tabs])
    assert {answer.status_code for answer in answers} <= {303, 404}
    assert tenant.ledger.count("account_disconnected") == 1
    assert not ConnectedAccount.objects.exists()


def test_a_link_that_lands_while_another_browser_signs_in_as_the_secondary(tenant, browser):
    """Somebody looks for candidates while the newcomer is linked elsewhere: nobody becomes a ghost."""
    password = tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    other = Browser(tenant)
    late = other.authorize(other.start(), google.user_id)
    with at("effect.before", "find_candidates", lambda: other.get(late)):
        response = browser.sign_in(google.user_id)
    assert response["Location"].partition("?")[0] == "/auth/error/newcomer_gone/"
    assert browser.user_id is None
    assert [identity.subject for identity in Identity.objects.all()] == [password.user_id]
    assert AccountLink.objects.count() == 1
