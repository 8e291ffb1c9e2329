"""The shop's own tests, with the fixtures that the package brings."""

import pytest

pytestmark = pytest.mark.django_db


def test_a_customer_sees_her_basket(auth0_accounts, auth0_browser):
    response = auth0_browser.sign_in(auth0_accounts["Ada"].email, next_url="/basket/")
    assert response["Location"] == "/basket/"
    assert auth0_browser.opens(response).content.startswith(b"basket of auth0-")


def test_a_lost_answer_is_an_error_page_and_no_500(auth0_accounts, auth0_browser, auth0_faults):
    auth0_faults.call_fails("answer lost", to="/oauth/token")
    response = auth0_browser.sign_in(auth0_accounts["Ada"].email)
    assert "/konto/error/code_exchange_lost/" in response["Location"]


def test_a_worker_that_dies_before_the_exchange_costs_the_customer_one_more_click(
    auth0_accounts, auth0_browser, auth0_faults, auth0_clock
):
    browser, ada = auth0_browser, auth0_accounts["Ada"].email
    callback = browser.authorize(browser.start(), ada)
    with auth0_faults.worker_dies("effect.before"):
        browser.get(callback)
    auth0_clock.advance(31)
    assert "code_exchange_lost" in browser.get(callback)["Location"]
    assert browser.sign_in(ada)["Location"] == "/basket/"


def test_customer_who_cannot_be_delivered_to_is_refused(auth0_tenant, auth0_browser):
    auth0_tenant.add_user(email="banned@nowhere.invalid")
    response = auth0_browser.sign_in("banned@nowhere.invalid")
    assert "/konto/error/account_refused/" in response["Location"]
