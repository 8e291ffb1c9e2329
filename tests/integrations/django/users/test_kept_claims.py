"""Claims that the session keeps: `KEPT_CLAIMS`, read by `current_sign_in`."""

from __future__ import annotations

import json

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.test import override_settings

from stateful_oauth.django import acurrent_sign_in, current_sign_in
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.testing.browser import Browser
from tests.support.deliveries import copies
from tests.support.users_and_claims import ADA

pytestmark = pytest.mark.database_in_ci

PICTURE = "https://images.example/ada.png"


def request_of(browser):
    request = HttpRequest()
    request.session = browser.client.session
    request.user = get_user(request)
    return request


def claims_of(browser):
    return dict(current_sign_in(request_of(browser)).claims)


@pytest.fixture
def signs_in(browser, tenant):
    def sign_in(**claims) -> Browser:
        tenant.id_token_hook = lambda found, header: found.update(claims)
        assert browser.sign_in(ADA)["Location"] == "/profile/"
        return browser

    return sign_in


def test_email_name_and_picture_are_kept_by_default(signs_in):
    found = claims_of(signs_in(picture=PICTURE, nickname="ada"))
    assert found == {"email": ADA, "name": "Ada Lovelace", "picture": PICTURE}


def test_setting_names_the_claims_that_are_kept(signs_in, choose):
    roles = "https://example.com/roles"
    choose(KEPT_CLAIMS=[roles, "not there"])
    assert claims_of(signs_in(**{roles: ["admin", "support"]})) == {roles: ["admin", "support"]}


def test_next_sign_in_replaces_what_was_kept(signs_in):
    signs_in(picture=PICTURE)
    assert "picture" not in claims_of(signs_in(picture=None, name="A."))


def test_no_claim_is_kept_where_none_is_named(signs_in, choose):
    choose(KEPT_CLAIMS=())
    browser = signs_in()
    assert claims_of(browser) == {}
    assert "claims" not in browser.client.session["stateful_oauth"]


def test_large_claims_are_left_out(signs_in, choose):
    choose(KEPT_CLAIMS=["email", "picture", *"abcdef"])
    found = claims_of(signs_in(picture="data:" + "x" * 2_100, **dict.fromkeys("abcdef", "y" * 1900)))
    assert "email" in found
    assert "picture" not in found
    assert len(json.dumps(found)) <= 8_192


def test_second_delivery_gets_the_same_claims(browser, tenant):
    tenant.id_token_hook = lambda found, header: found.update(picture=PICTURE)
    address = browser.authorize(browser.start(), ADA)
    (other,) = copies(browser, tenant, 1)
    browser.get(address)
    other.get(address)
    assert claims_of(other) == claims_of(browser)
    assert claims_of(other)["picture"] == PICTURE


def test_settled_row_holds_no_claim_in_clear(signs_in):
    signs_in(picture=PICTURE)
    (row,) = FlowTransaction.objects.values()
    assert PICTURE not in str(row)
    assert "Ada Lovelace" not in str(row)


def test_claims_of_a_row_whose_key_is_gone_are_left_out(browser, tenant):
    address = browser.authorize(browser.start(), ADA)
    (other,) = copies(browser, tenant, 1)
    browser.get(address)
    with override_settings(SECRET_KEY="another-key-since"):
        row = FlowTransaction.objects.get()
        row.result["claims"] = row.result["claims"][:-4] + "AAA="
        row.save()
    other.get(address)
    assert claims_of(other) == {}


def test_claims_cannot_be_changed_by_who_reads_them(signs_in):
    found = current_sign_in(request_of(signs_in()))
    with pytest.raises(TypeError):
        found.claims["email"] = "eve@example.com"
    assert ADA not in repr(found)


def test_async_twin_knows_the_claims(signs_in):
    request = request_of(signs_in())
    assert async_to_sync(acurrent_sign_in)(request).claims["email"] == ADA
