"""Step-up: the signed-in user authenticates once more, and the session says so."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.storage.models import FlowTransaction, Grant, Identity
from tests.support.accounts_site import XPTO, prepare, site
from tests.support.error_pages import Form, error_code

pytestmark = [pytest.mark.database_in_ci]

GOOGLE = "google-oauth2"
MFA = "http://schemas.openid.net/pape/policies/2007/06/multi-factor"


@pytest.fixture(autouse=True)
def settled():
    with site(LINKING="off", SCOPE="openid profile email"):
        yield


@pytest.fixture
def xpto(tenant, browser, clock):
    """A browser in which Xpto signed in a while ago."""
    prepare(tenant)
    tenant.add_user(email=XPTO, password="a good one", user_id="auth0|xpto")
    browser.sign_in(XPTO, "/profile/")
    clock.advance(1000)
    return browser


def start(browser, **form) -> str:
    return browser.post("/auth/step-up/", {"next": "/payments/", **form})["Location"]


def asked(location) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}


def row() -> FlowTransaction:
    return FlowTransaction.objects.get(kind="step_up")


def details(browser) -> dict:
    return browser.client.session["stateful_oauth"]


@pytest.mark.security("S8")
def test_session_is_renewed_with_the_new_authentication(xpto, clock):
    before, user = xpto.client.session.session_key, xpto.user_id
    response = xpto.get(xpto.authorize(start(xpto), XPTO))
    assert response["Location"] == "/payments/"
    assert xpto.user_id == user
    assert xpto.client.session.session_key != before
    assert details(xpto)["auth_time"] == int(clock.now().timestamp())
    assert details(xpto)["sub"] == "auth0|xpto"
    assert (row().state, str(row().user_id)) == ("stepped_up", user)
    assert Identity.objects.count() == 1


def test_old_session_key_is_worth_nothing_afterwards(xpto, another_browser):
    old = xpto.client.cookies["sessionid"].value
    xpto.get(xpto.authorize(start(xpto), XPTO))
    thief = another_browser()
    thief.client.cookies["sessionid"] = old
    assert thief.user_id is None


def test_what_else_the_session_holds_stays(xpto):
    session = xpto.client.session
    session["basket"] = "three apples"
    session.save()
    xpto.get(xpto.authorize(start(xpto), XPTO))
    assert xpto.client.session["basket"] == "three apples"


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ({}, {"max_age": "0", "prompt": "login"}),
        ({"max_age": "0"}, {"max_age": "0", "prompt": "login"}),
        ({"max_age": "300"}, {"max_age": "300"}),
        ({"max_age": "300", "acr_values": MFA}, {"max_age": "300", "acr_values": MFA}),
        ({"connection": GOOGLE}, {"max_age": "0", "prompt": "login", "connection": GOOGLE}),
        ({"max_age": "-1", "acr_values": "\x07", "connection": "a b"}, {"max_age": "0", "prompt": "login"}),
    ],
    ids=str,
)
def test_what_the_provider_is_asked(xpto, form, expected):
    sent = asked(start(xpto, **form))
    names = ("max_age", "prompt", "acr_values", "connection")
    assert {name: sent[name] for name in names if name in sent} == expected
    assert sent["redirect_uri"] == "https://app.example/auth/step-up/callback/"


def test_recent_authentication_is_enough_for_a_longer_max_age(xpto, clock):
    """The user still has a session at the provider, which is 1000 seconds old."""
    xpto.get(xpto.authorize(start(xpto, max_age="3600"), XPTO))
    assert details(xpto)["auth_time"] == int(clock.now().timestamp()) - 1000


@pytest.mark.security("T13")
def test_answer_without_a_new_authentication_is_refused(tenant, xpto, clock):
    before = details(xpto)
    tenant.id_token_hook = lambda claims, header: claims.update(auth_time=int(clock.now().timestamp()) - 1000)
    assert error_code(xpto.get(xpto.authorize(start(xpto), XPTO))) == "id_token_auth_time"
    assert (details(xpto), row().state) == (before, "failed")


def test_long_way_back_is_no_old_authentication(xpto, clock):
    callback = xpto.authorize(start(xpto), XPTO)
    clock.advance(300)
    assert xpto.get(callback)["Location"] == "/payments/"


@pytest.mark.security("T12")
def test_requested_class_is_demanded_and_kept(tenant, xpto):
    assert error_code(xpto.get(xpto.authorize(start(xpto, acr_values="urn:other"), XPTO))) == "id_token_acr"
    tenant.id_token_hook = lambda claims, header: claims.update(acr="urn:other", amr=["mfa"])
    xpto.get(xpto.authorize(start(xpto, acr_values="urn:other"), XPTO))
    assert (details(xpto)["acr"], details(xpto)["amr"]) == ("urn:other", ["mfa"])


def test_class_of_before_is_forgotten(tenant, xpto):
    """What the user did then says nothing about this time."""
    tenant.id_token_hook = lambda claims, header: claims.update(acr="urn:other", amr=["mfa"])
    xpto.get(xpto.authorize(start(xpto), XPTO))
    tenant.id_token_hook = None
    xpto.get(xpto.authorize(start(xpto), XPTO))
    assert not {"acr", "amr"} & details(xpto).keys()


def test_another_account_signs_nobody_in(tenant, xpto):
    tenant.add_user(email="other@example.com", password="a good one")
    before, user = details(xpto), xpto.user_id
    location = start(xpto)
    xpto.visitor.close_browser()
    refused = xpto.get(xpto.authorize(location, "other@example.com"))
    assert error_code(refused) == "subject_mismatch"
    assert (details(xpto), xpto.user_id, row().state) == (before, user, "mismatched")
    page = xpto.opens(refused)
    assert "You were not confirmed" in page.content.decode()
    assert Identity.objects.count() == 1


def test_failed_step_up_is_offered_again_with_the_same_demands(xpto):
    refused = xpto.get(xpto.visitor.decline(start(xpto, max_age="60", acr_values=MFA, connection=GOOGLE)))
    assert error_code(refused) == "access_denied"
    form = Form.of(xpto.opens(refused))
    assert form.action == "/auth/step-up/"
    wanted = {"max_age": "60", "acr_values": MFA, "connection": GOOGLE, "next": "/payments/"}
    assert {name: form.fields[name] for name in wanted} == wanted
    again = asked(form.submit(xpto)["Location"])
    assert (again["max_age"], again["acr_values"], again["connection"]) == ("60", MFA, GOOGLE)


def test_another_user_at_the_callback_is_refused(tenant, xpto):
    """Somebody else has signed in here since."""
    tenant.add_user(email="other@example.com", password="a good one")
    callback = xpto.authorize(start(xpto), XPTO)
    xpto.visitor.close_browser()
    xpto.sign_in("other@example.com")
    user, exchanged = xpto.user_id, tenant.ledger.count("code_exchanged")
    assert error_code(xpto.get(callback)) == "user_changed"
    assert (xpto.user_id, row().state) == (user, "mismatched")
    assert tenant.ledger.count("code_exchanged") == exchanged, "Nothing is asked for somebody else."


def test_another_browser_gains_nothing_from_a_step_up(xpto, another_browser):
    callback = xpto.authorize(start(xpto), XPTO)
    stranger = another_browser()
    stranger.get("/auth/login/")
    error_code(stranger.get(callback))
    assert stranger.user_id is None
    assert row().state != "stepped_up"


def test_signing_out_during_the_exchange_brings_no_session_back(xpto):
    from tests.support.crashes import at

    callback = xpto.authorize(start(xpto), XPTO)
    with at("effect.after", "exchange_code", xpto.client.session.delete):
        assert error_code(xpto.get(callback)) == "user_changed"
    assert xpto.user_id is None
    assert row().state == "mismatched"


@pytest.mark.security("S18")
def test_second_delivery_exchanges_nothing_and_keeps_the_session(tenant, xpto):
    callback = xpto.authorize(start(xpto), XPTO)
    xpto.get(callback)
    exchanged, user = tenant.ledger.count("code_exchanged"), xpto.user_id
    assert xpto.get(callback)["Location"] == "/payments/"
    assert (tenant.ledger.count("code_exchanged"), xpto.user_id) == (exchanged, user)


def test_second_delivery_gives_the_session_to_a_browser_that_lost_it(xpto):
    callback, user = xpto.authorize(start(xpto), XPTO), xpto.user_id
    lost = xpto.client.cookies["sessionid"].value
    xpto.get(callback)
    renewed = details(xpto)
    xpto.client.cookies["sessionid"] = lost
    assert xpto.get(callback)["Location"] == "/payments/"
    without_claims = {name: value for name, value in renewed.items() if name != "claims"}
    assert (xpto.user_id, details(xpto)) == (user, without_claims), "Claims come with a sign-in only."


def test_second_delivery_after_signing_out_gives_none(xpto):
    callback = xpto.authorize(start(xpto), XPTO)
    xpto.get(callback)
    xpto.post("/auth/logout/")
    xpto.get(callback)
    assert xpto.user_id is None


def test_an_expired_step_up_changes_nothing_in_the_session(xpto, clock):
    before, callback = details(xpto), xpto.authorize(start(xpto), XPTO)
    clock.advance(601)
    assert error_code(xpto.get(callback)) == "transaction_expired"
    assert (details(xpto), row().state) == (before, "expired")


def test_lost_answer_of_the_exchange_fails_and_leaves_the_session(tenant, xpto):
    before, callback = details(xpto), xpto.authorize(start(xpto), XPTO)
    tenant.faults.add("/oauth/token", "lost_answer")
    assert error_code(xpto.get(callback)) == "code_exchange_lost"
    assert (details(xpto), row().state) == (before, "failed")


def test_pushed_request_leads_through_as_well(tenant, xpto):
    tenant.settings.par = True
    with site(LINKING="off", SCOPE="openid profile email", PUSHED_AUTHORIZATION_REQUESTS=True):
        location = start(xpto)
        assert "max_age" not in asked(location), "The request is in the back channel."
        assert xpto.get(xpto.authorize(location, XPTO))["Location"] == "/payments/"


def test_user_who_is_not_signed_in_is_asked_to_sign_in(tenant, browser):
    refused = browser.post("/auth/step-up/", {"next": "/payments/"})
    assert error_code(refused) == "sign_in_needed"
    assert Form.of(browser.opens(refused)).fields["next"] == "/payments/"
    assert not FlowTransaction.objects.exists()


def test_grant_of_the_session_stays_when_none_is_issued(tenant, browser, clock):
    prepare(tenant)
    tenant.add_user(email=XPTO, password="a good one")
    with site(LINKING="off"):
        browser.sign_in(XPTO)
        grant = details(browser)["grant"]
    browser.get(browser.authorize(start(browser), XPTO))
    assert details(browser)["grant"] == grant
    assert Grant.objects.get(ended_at=None).pk == Grant.objects.get(pk=grant).pk


def test_new_grant_takes_the_place_of_the_old_one(tenant, browser):
    prepare(tenant)
    tenant.add_user(email=XPTO, password="a good one")
    with site(LINKING="off"):
        browser.sign_in(XPTO)
        grant = details(browser)["grant"]
        browser.get(browser.authorize(start(browser), XPTO))
    assert details(browser)["grant"] != grant
    assert str(Grant.objects.get(ended_at=None).pk) == details(browser)["grant"]


def test_finished_row_keeps_no_subject_and_no_grant_in_its_inputs(xpto):
    xpto.get(xpto.authorize(start(xpto), XPTO))
    kept = set(row().inputs)
    assert {"next", "max_age"} <= kept <= {"next", "max_age", "acr_values", "connection"}


@pytest.mark.parametrize("engine", ["db", "cached_db", "cache", "signed_cookies"])
def test_every_session_engine_is_renewed(tenant, browser, settings, engine):
    settings.SESSION_ENGINE = f"django.contrib.sessions.backends.{engine}"
    prepare(tenant)
    tenant.add_user(email=XPTO, password="a good one")
    browser.sign_in(XPTO)
    assert browser.get(browser.authorize(start(browser), XPTO))["Location"] == "/payments/"
    assert "auth_time" in details(browser)


def test_expired_step_up_of_a_signed_in_user_is_no_proof(xpto, clock):
    callback = xpto.authorize(start(xpto), XPTO)
    clock.advance(601)
    assert error_code(xpto.get(callback)) == "transaction_expired"


def test_user_who_used_another_account_is_asked_which_one(xpto, tenant):
    """The provider has a session of the other account now, and would not ask by itself."""
    tenant.add_user(email="ypto@example.com", password="a good one", user_id="auth0|ypto")
    refused = xpto.get(xpto.authorize(start(xpto, max_age="300", acr_values=""), "ypto@example.com"))
    assert error_code(refused) == "subject_mismatch"
    location = Form.of(xpto.opens(refused)).press(xpto, "another")["Location"]
    assert asked(location)["prompt"] == "login"
    assert xpto.get(xpto.authorize(location, XPTO))["Location"] == "/payments/"
