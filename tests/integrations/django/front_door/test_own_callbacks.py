"""The callback of a project's own flow: what the provider declines or refuses never goes on as a success."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from django.urls import include, path

from stateful_oauth.django import callback_view, complete, flow_view, start_flow
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing import Browser
from tests.support import own_payments

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.urls(__name__)]


@flow_view
def pay(request, kind):
    return start_flow(request, kind, {})


@callback_view
def paid(request, kind):
    return complete(request, kind=kind)


urlpatterns = [
    path("pay/<str:kind>/", pay),
    path("paid/<str:kind>/", paid),
    path("auth/", include("stateful_oauth.django.urls")),
]


@pytest.fixture
def come_back(settings, tenant):
    """Start a payment, and return from the bank with an answer; the transaction as it is then."""
    flows = ["tests.support.own_payments.PAYMENT", "tests.support.own_payments.PaymentThatJudgesNothing"]
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "FLOWS": flows}
    own_payments.CONFIRMED.clear()
    browser = Browser(tenant)

    def visit(kind="tests.payment", **answer):
        bank = browser.post(f"/pay/{kind}/")["Location"]
        (state,) = parse_qs(urlsplit(bank).query)["state"]
        browser.get(f"/paid/{kind}/?{urlencode({'state': state, **answer})}")
        return FlowTransaction.objects.get(kind=kind)

    return visit


def test_a_receipt_of_a_projects_flow_is_confirmed(come_back):
    assert come_back(receipt="r-1").state == "paid"
    assert own_payments.CONFIRMED == ["r-1"]


@pytest.mark.parametrize(
    ("error", "state", "code"),
    [
        ("access_denied", "cancelled", "access_denied"),
        ("server_error", "failed", "provider_error"),
        ("something_new", "failed", "provider_error"),
    ],
)
def test_an_error_ends_a_flow_that_has_no_route(come_back, error, state, code):
    row = come_back(error=error)
    assert (row.state, row.code, own_payments.CONFIRMED) == (state, code, [])


@pytest.mark.parametrize("error", ["access_denied", "server_error"])
def test_an_error_expires_a_flow_that_judges_nothing(come_back, error):
    row = come_back("tests.careless", error=error)
    assert (row.state, own_payments.CONFIRMED) == ("expired", [])


@pytest.mark.security("S22")
@pytest.mark.parametrize("as_form", [False, True], ids=["under another state", "as a form"])
def test_receipt_that_another_browser_has_shown_is_never_confirmed(come_back, tenant, as_form):
    """The parameter that a flow declares is a code, as `code` is."""
    victim = Browser(tenant)
    navigation = {"HTTP_SEC_FETCH_MODE": "navigate", "HTTP_SEC_FETCH_DEST": "document"}
    shown = {"receipt": "r-of-the-victim", "state": "A" * 54}
    if as_form:
        form = "application/x-www-form-urlencoded"
        victim.client.post("/paid/tests.payment/", urlencode(shown), form, secure=True, **navigation)
    else:
        victim.get(f"/paid/tests.payment/?{urlencode(shown)}", **navigation)
    row = come_back(receipt="r-of-the-victim")
    assert (row.state, own_payments.CONFIRMED) == ("awaiting_callback", [])
