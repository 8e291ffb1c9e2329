"""The callbacks of connecting and linking take bad input as that of a sign-in does, and destroy nothing."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from stateful_oauth.flows.engine.identifiers import new_state
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.account_attempts import Connecting, Linking
from tests.support.crashes import at
from tests.support.error_pages import error_code, shown
from tests.support.link_pages import asked
from tests.support.rows import check_rows, nothing_working, rejections

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def site(tenant):
    accounts_site.prepare(tenant)
    with accounts_site.site():
        yield
    check_rows()
    nothing_working()


@pytest.fixture(params=[Connecting, Linking], ids=["connect", "link"])
def attempt(request, tenant, browser):
    made = request.param(tenant, browser)
    made.row = lambda: FlowTransaction.objects.get(kind=made.kind)
    return made


def query(*pairs):
    return urlencode(pairs)


BAD_FORMS = {
    "nothing": (lambda name, code, state: "", "state_missing"),
    "no state": (lambda name, code, state: query((name, code)), "state_missing"),
    "an error without state": (lambda name, code, state: "error=access_denied", "state_missing"),
    "neither code nor error": (lambda name, code, state: query(("state", state)), "response_incomplete"),
    "an empty code": (lambda name, code, state: query((name, ""), ("state", state)), "response_incomplete"),
    "the other flow's code": (
        lambda name, code, state: query(({"code": "connect_code"}.get(name, "code"), code), ("state", state)),
        "response_incomplete",
    ),
    "both code and error": (
        lambda name, code, state: query((name, code), ("error", "access_denied"), ("state", state)),
        "parameter_invalid",
    ),
    "two states": (
        lambda name, code, state: query((name, code), ("state", state), ("state", state)),
        "parameter_repeated",
    ),
    "two codes": (
        lambda name, code, state: query((name, code), (name, "x"), ("state", state)),
        "parameter_repeated",
    ),
    "two errors": (
        lambda name, code, state: query(("error", "a"), ("error", "b"), ("state", state)),
        "parameter_repeated",
    ),
    "a state of a megabyte": (
        lambda name, code, state: query((name, code), ("state", "A" * 1_000_000)),
        "parameter_invalid",
    ),
    "a code too long": (
        lambda name, code, state: query((name, "c" * 2049), ("state", state)),
        "parameter_invalid",
    ),
    "NUL in the code": (
        lambda name, code, state: query((name, code + "\0"), ("state", state)),
        "parameter_invalid",
    ),
    "letters beyond ASCII": (
        lambda name, code, state: query((name, "çödé"), ("state", state)),
        "parameter_invalid",
    ),
    "a state that is not ours": (
        lambda name, code, state: query((name, code), ("state", "not ours!")),
        "transaction_unknown",
    ),
    "another letter in the state": (
        lambda name, code, state: query((name, code), ("state", state.swapcase())),
        "transaction_unknown",
    ),
}


@pytest.mark.parametrize(("damage", "code"), BAD_FORMS.values(), ids=list(BAD_FORMS))
def test_a_damaged_callback_has_its_code_and_the_right_one_still_finishes(attempt, browser, damage, code):
    good = attempt.callback
    bad = damage(attempt.code, good.fields[attempt.code], good.fields["state"])
    before = (attempt.row().state, attempt.row().version)
    assert shown(browser, browser.get(f"{attempt.address}?{bad}")) == (code, 400)
    assert (attempt.row().state, attempt.row().version) == before
    assert browser.get(good)["Location"] == "/accounts/?tab=2"
    assert attempt.happened() == 1


def test_a_forged_state_with_the_right_row_in_it_is_unknown(attempt, browser):
    forged = new_state(attempt.row().pk)
    response = browser.get(f"{attempt.address}?{attempt.code}=x&state={forged}")
    assert error_code(response) == "transaction_unknown"
    assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"


@pytest.mark.security("B8")
def test_the_callback_of_another_flow_refuses_it(attempt, browser):
    """The kind is a column of the row, and not what the address happens to hold."""
    fields = attempt.callback.fields
    for address, name in (
        ("/auth/callback/", "code"),
        ("/auth/connect/callback/", "connect_code"),
        ("/auth/link/callback/", "code"),
    ):
        if address == attempt.address:
            continue
        response = browser.get(f"{address}?{query((name, fields[attempt.code]), ('state', fields['state']))}")
        assert error_code(response) == "wrong_flow"
    assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"


def test_an_unknown_tenant_is_a_404(attempt, browser):
    path = str(attempt.callback).partition("/auth/")[2]
    response = browser.get(f"/auth/nobody/{path}")
    assert response.status_code == 404
    assert response["Referrer-Policy"] == "no-referrer"


@pytest.mark.security("S1")
@pytest.mark.parametrize("cookie", ["none", "another"])
def test_another_browser_is_refused_and_burns_nothing(attempt, browser, tenant, cookie):
    other = Browser(tenant)
    if cookie == "another":
        other.sign_in(attempt.user.user_id)
    refused = other.get(attempt.callback)
    assert error_code(refused) == ("other_browser" if cookie == "another" else "browser_unknown")
    assert attempt.happened() == 0
    assert rejections(attempt.row().pk)[-1][0] == "callback"
    assert str(attempt.row().pk) not in other.opens(refused).content.decode()
    assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"


@pytest.mark.security("S5")
@pytest.mark.parametrize(
    "header", [{"HTTP_SEC_PURPOSE": "prefetch"}, {"HTTP_PURPOSE": "prefetch"}, {"HTTP_X_MOZ": "prefetch"}]
)
def test_a_prefetched_callback_of_an_account_claims_nothing(attempt, browser, header):
    response = browser.get(attempt.callback, **header)
    assert (response.status_code, response["Cache-Control"]) == (204, "no-store")
    assert attempt.happened() == 0
    assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"


@pytest.mark.parametrize("method", ["post", "put", "delete", "head"])
def test_other_methods_on_an_account_callback_are_refused(attempt, browser, method):
    response = browser._ask(method, str(attempt.callback), {})
    assert response.status_code == 405
    assert response["Referrer-Policy"] == "no-referrer"
    assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"


@pytest.mark.security("S11", "S12")
def test_the_answer_has_the_headers_that_suit_it(attempt, browser):
    response = browser.get(attempt.callback)
    assert response.content == b""
    assert response["Cache-Control"] == "no-store"
    assert response["Referrer-Policy"] == "no-referrer"
    assert response["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]


@pytest.mark.security("S6")
def test_an_account_callback_that_comes_too_late_expires_the_attempt(attempt, browser, clock, tenant):
    clock.advance(601)
    response = browser.get(attempt.callback)
    assert shown(browser, response) == ("transaction_expired", 410)
    assert attempt.happened() == 0
    assert (attempt.row().state, attempt.row().secrets) == ("expired", None)
    assert error_code(browser.get(attempt.callback)) == "transaction_expired"


@pytest.mark.security("S5")
def test_an_account_callback_delivered_twice_happens_once(attempt, browser):
    for _ in range(3):
        assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"
    assert attempt.happened() == 1
    assert attempt.row().state == attempt.done


def test_a_second_time_while_the_first_is_worked_on(attempt, browser, clock):
    seen = []

    def click_again():
        seen.append(browser.get(attempt.callback))

    with at("effect.after", attempt.effect, click_again):
        assert browser.get(attempt.callback)["Location"] == "/accounts/?tab=2"
    assert seen[0]["Location"] == f"/auth/progress/{attempt.row().pk}/"
    assert browser.opens(seen[0])["Location"] == "/accounts/?tab=2"
    assert attempt.happened() == 1


def test_an_account_callback_after_signing_out_does_nothing(attempt, browser):
    browser.post("/auth/logout/")
    assert error_code(browser.get(attempt.callback)) == "browser_unknown"
    assert browser.user_id is None
    assert attempt.happened() == 0


@pytest.mark.security("S4")
@pytest.mark.parametrize("issuer", ["https://evil.example/", "https://tenant.example", ""])
@pytest.mark.parametrize("answer", ["code", "error"])
def test_an_account_callback_of_another_issuer_is_refused(attempt, browser, issuer, answer):
    fields = attempt.callback.fields
    first = (attempt.code, fields[attempt.code]) if answer == "code" else ("error", "access_denied")
    bad = query(first, ("state", fields["state"]), ("iss", issuer))
    assert shown(browser, browser.get(f"{attempt.address}?{bad}")) == ("issuer_mismatch", 403)
    assert attempt.happened() == 0
    assert attempt.row().state == "mismatched"


@pytest.mark.security("S9")
@pytest.mark.parametrize(
    "target",
    ["//evil.example/", "https://evil.example/", "\\\\evil.example", "javascript:alert(1)", "/%09/evil"],
)
def test_a_planted_next_leads_an_account_callback_nowhere_else(attempt, browser, target):
    row = attempt.row()
    row.inputs["next"] = target
    row.save()
    location = browser.get(attempt.callback)["Location"]
    assert location == "/profile/" or location == target == "/%09/evil"


@pytest.mark.security("S10")
def test_a_spoofed_host_changes_no_address(attempt, browser):
    response = browser.get(attempt.callback, HTTP_HOST="evil.example")
    assert response["Location"] == "/accounts/?tab=2"
    assert "evil" not in response["Location"]


# Who is signed in, between start and callback.


@pytest.fixture
def connecting(tenant, browser):
    made = Connecting(tenant, browser)
    made.row = lambda: FlowTransaction.objects.get(kind="connect_account")
    return made


@pytest.mark.security("L10", "B31")
def test_another_user_signed_in_meanwhile(connecting, browser, tenant):
    eve = tenant.add_user(email="eve@example.com", password="x")
    browser.visitor.close_browser()
    browser.sign_in(eve.user_id)
    now = browser.user_id
    assert shown(browser, browser.get(connecting.callback)) == ("user_changed", 403)
    assert tenant.connected_accounts(eve) == []
    assert browser.user_id == now, "Whoever is signed in stays so."
    assert connecting.row().state == "mismatched"
    assert connecting.happened() == 0


def test_the_session_is_gone_and_the_cookie_is_not(connecting, browser):
    """The session ran out, while its owner was at the provider."""
    del browser.client.cookies["sessionid"]
    response = browser.get(connecting.callback)
    assert shown(browser, response) == ("user_changed", 403)
    assert "Sign in again" in browser.opens(response).content.decode()
    assert connecting.happened() == 0


def test_the_same_user_signed_in_again_meanwhile(connecting, browser, tenant):
    """A fresh sign-in ends the refresh token of the start: the session's present one finishes it."""
    browser.sign_in(connecting.user.user_id)
    assert browser.get(connecting.callback)["Location"] == "/accounts/?tab=2"
    assert connecting.happened() == 1


# A link that waits is nobody's but its own.


@pytest.fixture
def linking(tenant, browser):
    made = Linking(tenant, browser)
    made.row = lambda: FlowTransaction.objects.get(kind="account_linking")
    return made


@pytest.mark.security("L13", "B46")
def test_an_unrelated_sign_in_does_not_honour_it(linking, browser, tenant):
    browser.visitor.close_browser()
    browser.sign_in(linking.user.user_id)
    assert browser.user_id is not None
    assert linking.row().state == "awaiting_callback"
    assert linking.happened() == 0
    assert len(tenant.users.get(linking.user.user_id).identities) == 1


def test_the_first_proof_is_of_no_use_once_another_is_asked_for(linking, browser):
    """Each time a browser is sent to the provider it is with another `state` and `nonce`."""
    old = linking.callback
    fields = old.fields
    declined = browser.get(
        f"{linking.address}?{query(('error', 'access_denied'), ('state', fields['state']))}"
    )
    page = asked(browser, declined)
    browser.post(f"{page.address}confirm/")
    assert error_code(browser.get(old)) == "transaction_unknown"
    assert linking.happened() == 0


def test_a_double_click_on_confirm_leads_on(linking, browser):
    again = browser.post(f"{linking.page.address}confirm/")
    assert again["Location"] == linking.page.address
    page = browser.opens(again)
    assert page.status_code == 200
    assert linking.location.replace("&", "&amp;") in page.content.decode(), "The page leads to the provider."
    assert browser.get(linking.callback)["Location"] == "/accounts/?tab=2"


def test_a_double_click_on_keeping_apart(linking, browser):
    for _ in range(2):
        assert browser.post(f"{linking.page.address}cancel/")["Location"] == "/accounts/?tab=2"
    assert linking.row().state == "kept_apart"
    assert browser.client.session["stateful_oauth"]["sub"] == linking.newcomer.user_id


def test_confirming_after_keeping_apart_links_nothing(linking, browser):
    browser.post(f"{linking.page.address}cancel/")
    assert browser.post(f"{linking.page.address}confirm/")["Location"] == "/accounts/?tab=2"
    assert browser.get(linking.callback)["Location"] == "/accounts/?tab=2"
    assert linking.happened() == 0
    assert browser.get(linking.page.address)["Location"] == "/accounts/?tab=2"


def test_keeping_apart_after_linking_changes_nothing(linking, browser):
    browser.get(linking.callback)
    assert browser.post(f"{linking.page.address}cancel/")["Location"] == "/accounts/?tab=2"
    assert linking.row().state == "linked"
    assert linking.happened() == 1


def test_keeping_apart_while_at_the_provider(linking, browser):
    assert browser.post(f"{linking.page.address}cancel/")["Location"] == "/accounts/?tab=2"
    assert browser.client.session["stateful_oauth"]["sub"] == linking.newcomer.user_id
    assert browser.get(linking.callback)["Location"] == "/accounts/?tab=2"
    assert linking.happened() == 0


def test_a_link_page_that_is_stale_says_so(linking, browser, clock):
    clock.advance(601)
    for response in (browser.get(linking.page.address), browser.post(f"{linking.page.address}confirm/")):
        assert shown(browser, response) == ("transaction_expired", 410)
    assert error_code(browser.post(f"{linking.page.address}cancel/")) == "transaction_expired"
    assert browser.user_id is None


def test_the_page_is_for_its_own_browser(linking, tenant):
    other = Browser(tenant)
    for answer in (other.get(linking.page.address), other.post(f"{linking.page.address}confirm/")):
        assert error_code(answer) == "transaction_unknown"
    other.start()
    for path in ("", "confirm/", "cancel/"):
        ask = other.post if path else other.get
        assert error_code(ask(linking.page.address + path)) == "transaction_unknown"
    assert linking.row().state == "awaiting_callback"


def test_the_page_is_asked_for_and_answered_as_it_should_be(linking, tenant, browser):
    address = linking.page.address
    assert browser.get(f"{address}confirm/").status_code == 405
    assert browser.get(f"{address}cancel/").status_code == 405
    assert browser.post(address).status_code == 405
    strict = Browser(tenant, enforce_csrf_checks=True)
    strict.client.cookies = browser.client.cookies
    for path in ("confirm/", "cancel/"):
        assert strict.post(address + path).status_code == 403
    page = browser.get(address)
    assert page["X-Frame-Options"] == "DENY"
    assert "frame-ancestors 'none'" in page["Content-Security-Policy"]
    assert page["Cache-Control"] == "no-store"
    assert page["Referrer-Policy"] == "same-origin"
    assert browser.get(address, HTTP_SEC_PURPOSE="prefetch").status_code == 204


def test_a_page_that_nobody_knows(browser):
    browser.start()
    address = "/auth/link/01900000-0000-7000-8000-000000000000/"
    assert error_code(browser.get(address)) == "transaction_unknown"
    assert error_code(browser.post(f"{address}confirm/")) == "transaction_unknown"
    assert error_code(browser.post(f"{address}cancel/")) == "transaction_unknown"


def test_the_page_of_another_flow(connecting, browser):
    """A link's page is no way to look at, or to move, a connection."""
    address = f"/auth/link/{connecting.row().pk}/"
    browser.get(address)
    for path in ("confirm/", "cancel/"):
        assert error_code(browser.post(address + path)) == "wrong_flow"
    assert connecting.row().state == "awaiting_callback"
    assert browser.get(connecting.callback)["Location"] == "/accounts/?tab=2"


# An operator in between.


@pytest.mark.parametrize("event", ["cancel", "abandon"])
def test_an_operator_ends_a_link_that_waits(linking, browser, tenant, event):
    from stateful_oauth.django import wiring
    from stateful_oauth.flows.engine.effects import Event
    from tests.support.callers import Operator

    wiring.engine().dispatch(linking.row().pk, Event(event), Operator(), kind="account_linking")
    response = browser.get(linking.callback)
    if event == "cancel":
        assert linking.row().state == "kept_apart"
        assert response["Location"] == "/accounts/?tab=2", "The sign-in is finished, unlinked."
        assert browser.client.session["stateful_oauth"]["sub"] == linking.newcomer.user_id
        again = Browser(tenant)
        asked(again, again.sign_in(linking.newcomer.user_id))  # the user has not said no
    else:
        assert linking.row().state == "abandoned"
        assert shown(browser, response) == ("abandoned", 410)
        assert browser.user_id is None
    assert linking.happened() == 0
