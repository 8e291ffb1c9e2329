"""Each row of the table of repeated writes: docs/auth0-contract.md §11."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import AnswerLost, ServiceRefused
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, TransitionRecord
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import site
from tests.support.error_pages import error_code
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

IDENTITIES, IDENTITY = "/api/v2/users/{id}/identities", "/api/v2/users/{id}/identities/*"
USER, TOKEN = "/api/v2/users/{id}", "/oauth/token"
ACCOUNT, COMPLETE = "/me/v1/connected-accounts/accounts/{id}", "/me/v1/connected-accounts/complete"
CONNECT, PUSH, REVOKE = "/me/v1/connected-accounts/connect", "/oauth/par", "/oauth/revoke"
GOOGLE = "google-oauth2|100"
LOST = pytest.mark.parametrize("kind", ["lost_answer", "html", "server_error"])


def refusal(status):
    return {"status": status, "json": {"statusCode": status, "error": "No", "message": "Not Found"}}


def problem(status):
    return {"status": status, "json": {"type": "about:blank", "status": status, "title": "No"}}


def lost(tenant, endpoint, kind, *, happened, **where):
    """Lose the answer of the next call; `happened` tells whether the tenant carried it out."""
    tenant.faults.add(endpoint, kind, effect=happened, **where)


# Unlinking.


@pytest.fixture
def pair(tenant):
    """A password account, and a newcomer of the same email that has metadata."""
    first = tenant.add_user(email="pair@example.com", password="a good one")
    newcomer = tenant.add_user(
        email="pair@example.com", connection="google-oauth2", user_metadata={"colour": "red"}
    )
    return first, newcomer


@pytest.fixture
def linked(tenant, browser, pair):
    browser.sign_in(pair[1].user_id)
    return browser


def unlink(browser):
    key = AccountLink.objects.get(unlinked_at=None).pk
    return browser.post("/auth/unlink/", {"link": str(key), "next": "/accounts/"})


@LOST
def test_lost_unlinking_that_happened_is_found_in_the_identities(tenant, linked, kind):
    lost(tenant, IDENTITY, kind, happened=True)
    before = tenant.requests["/api/v2/users/{id}/identities/{provider}/{user_id}"]
    assert unlink(linked)["Location"] == "/accounts/"
    sent = tenant.requests["/api/v2/users/{id}/identities/{provider}/{user_id}"] - before
    assert sent <= 1
    assert tenant.ledger.count("identity_unlinked") == 1


@LOST
def test_lost_unlinking_that_did_not_happen_is_made_again(tenant, linked, kind):
    lost(tenant, IDENTITY, kind, happened=False)
    assert unlink(linked)["Location"] == "/accounts/"
    assert tenant.ledger.count("identity_unlinked") == 1


@pytest.mark.parametrize("status", [400, 403, 404, 409, 500])
def test_refused_unlinking_that_happened_is_unlinked(tenant, linked, status):
    tenant.faults.add(IDENTITY, "answer", effect=True, **refusal(status))
    assert unlink(linked)["Location"] == "/accounts/"
    assert not AccountLink.objects.filter(unlinked_at=None).exists()


@pytest.mark.parametrize(("status", "code"), [(400, "unlink_refused"), (403, "management_refused")])
def test_refused_unlinking_that_did_not_happen_has_the_first_code(tenant, linked, status, code):
    tenant.faults.add(IDENTITY, "answer", None, effect=False, **refusal(status))
    assert error_code(unlink(linked)) == code
    assert AccountLink.objects.filter(unlinked_at=None).exists()


# Linking.


@LOST
def test_lost_link_that_happened_is_found_in_the_identities(tenant, browser, pair, kind):
    lost(tenant, IDENTITIES, kind, happened=True)
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    assert tenant.requests[IDENTITIES] <= 1
    assert tenant.ledger.count("identity_linked") == 1


@LOST
def test_lost_link_that_did_not_happen_is_judged_and_sent_again(tenant, browser, pair, kind):
    lost(tenant, IDENTITIES, kind, happened=False)
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    assert tenant.ledger.count("identity_linked") == 1


@pytest.mark.parametrize("status", [400, 404, 409])
@pytest.mark.parametrize("happened", [True, False])
def test_refused_link_is_decided_by_the_identities(tenant, browser, clock, pair, status, happened):
    fault = tenant.faults.add(IDENTITIES, "answer", None, effect=happened, **refusal(status))
    waited(browser, browser.sign_in(pair[1].user_id), clock)
    tenant.faults.remove(fault)
    assert AccountLink.objects.exists() is happened
    assert tenant.ledger.count("identity_linked") == (1 if happened else 0)


# Merging metadata.


@LOST
def test_lost_patch_that_happened_is_found_in_the_primary(tenant, browser, pair, kind):
    lost(tenant, USER, kind, happened=True, method="PATCH")
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    assert tenant.ledger.count("metadata_patched") == 1


def test_lost_patch_whose_repetition_is_refused_keeps_the_link(tenant, browser, pair):
    lost(tenant, USER, "lost_request", happened=False, method="PATCH")
    tenant.faults.add(USER, "answer", method="PATCH", effect=False, **refusal(400))
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    assert FlowTransaction.objects.get(kind="account_linking").code == "metadata_refused"


# Disconnecting.


def disconnect(owner):
    row = ConnectedAccount.objects.get()
    return owner.post("/auth/disconnect/", {"account": row.remote_id, "next": "/accounts/"})


@LOST
@pytest.mark.parametrize("happened", [True, False])
def test_lost_disconnection_is_decided_by_the_list(tenant, owner, kind, happened):
    owner.connect("google-oauth2", GOOGLE)
    lost(tenant, ACCOUNT, kind, happened=happened, method="DELETE")
    assert disconnect(owner)["Location"] == "/accounts/"
    assert tenant.ledger.count("account_disconnected") == 1
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize("status", [400, 403, 404, 500])
def test_refused_disconnection_that_happened_is_disconnected(tenant, owner, status):
    owner.connect("google-oauth2", GOOGLE)
    tenant.faults.add(ACCOUNT, "answer", method="DELETE", effect=True, **problem(status))
    assert disconnect(owner)["Location"] == "/accounts/"
    assert not ConnectedAccount.objects.exists()


@pytest.mark.parametrize(("status", "code"), [(400, "request_rejected"), (403, "scope_not_granted")])
def test_refused_disconnection_that_did_not_happen_has_the_first_code(tenant, owner, status, code):
    owner.connect("google-oauth2", GOOGLE)
    tenant.faults.add(ACCOUNT, "answer", None, method="DELETE", effect=False, **problem(status))
    assert error_code(disconnect(owner)) == code
    assert ConnectedAccount.objects.exists()


# Completing a connection.

OFF = pytest.mark.parametrize("off", [-3600, -301, -61, 0, 61, 301, 3600])
USED = pytest.mark.parametrize("reading", [400, 403, 404, 409])


@pytest.mark.parametrize("kind", ["lost_answer", "html", "server_error", "conflict"])
@USED
def test_completion_that_happened_is_found_in_the_list(tenant, owner, kind, reading):
    tenant.settings.used_connect_code = reading
    if kind == "conflict":
        tenant.faults.add(COMPLETE, "answer", effect=True, **problem(409))
    else:
        lost(tenant, COMPLETE, kind, happened=True)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    assert ConnectedAccount.objects.get().provider_user_id == "100"
    assert tenant.ledger.count("connect_code_reused") == 0


@OFF
def test_clock_of_the_tenant_loses_no_completion(tenant, owner, clock, off):
    """By an hour: more than the doctor lets pass."""
    tenant.clock.follow(lambda: clock.timestamp() + off)
    lost(tenant, COMPLETE, "lost_answer", happened=True)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    assert ConnectedAccount.objects.get().remote_id == tenant.connected_accounts(owner.user)[0].id


@LOST
def test_lost_completion_that_did_not_happen_is_made_again(tenant, owner, kind):
    lost(tenant, COMPLETE, kind, happened=False)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    assert tenant.ledger.count("connect_completed") == 1


def test_lost_completion_whose_repetition_is_refused_is_refused(tenant, owner, clock):
    lost(tenant, COMPLETE, "lost_request", happened=False)
    tenant.faults.add(COMPLETE, "answer", effect=False, **problem(400))
    response = waited(owner, owner.connect("google-oauth2", GOOGLE, next_url="/accounts/"), clock)
    assert error_code(response) == "connect_code_rejected"
    assert not ConnectedAccount.objects.exists()


# What may simply be done again.


@LOST
@pytest.mark.parametrize("happened", [True, False])
def test_lost_connect_request_is_made_again(tenant, owner, kind, happened):
    lost(tenant, CONNECT, kind, happened=happened)
    assert owner.connect("google-oauth2", GOOGLE, next_url="/accounts/")["Location"] == "/accounts/"
    assert tenant.ledger.count("connect_completed") == 1


@LOST
@pytest.mark.parametrize("happened", [True, False])
def test_lost_push_is_made_again(tenant, kind, happened):
    tenant.settings.par = True
    lost(tenant, PUSH, kind, happened=happened)
    with site(PUSHED_AUTHORIZATION_REQUESTS=True):
        assert Browser(tenant).sign_in("ada@example.com")["Location"] == "/profile/"
    assert tenant.ledger.count("par_consumed") == 1


@pytest.fixture
def refresh_token(owner):
    from stateful_oauth.storage.grants import newest_grant

    return newest_grant("default").refresh_token


def test_lost_revocation_is_answered_like_the_first(tenant, refresh_token):
    provider = wiring.provider("default")
    lost(tenant, REVOKE, "lost_answer", happened=True)
    with pytest.raises(ProviderAnswerLost):
        provider.revoke_refresh_token(refresh_token, time_limit=5)
    provider.revoke_refresh_token(refresh_token, time_limit=5)
    assert tenant.ledger.count("refresh_revoked") == 1


def access_token(owner):
    grant = owner.client.session["stateful_oauth"]["grant"]
    return wiring.access_tokens().access_token(grant, time_limit=5)


def test_lost_refresh_without_rotation_spends_nothing(tenant, owner):
    lost(tenant, TOKEN, "lost_answer", happened=True)
    with pytest.raises(AnswerLost):
        access_token(owner)
    assert access_token(owner).value


def test_lost_refresh_with_rotation_is_never_sent_again(tenant, owner):
    tenant.clients["web"].rotation = True
    with site(REFRESH_TOKEN_ROTATION=True):
        lost(tenant, TOKEN, "lost_answer", happened=True)
        for code in ("refresh_lost", "grant_dead"):
            with pytest.raises(ServiceRefused, match=code):
                access_token(owner)
    assert tenant.ledger.count("refresh_reused") == 0


@LOST
@pytest.mark.parametrize("happened", [True, False])
def test_lost_exchange_is_never_sent_again(tenant, browser, kind, happened):
    callback = browser.visitor.authorize(browser.start(), "ada@example.com")
    lost(tenant, TOKEN, kind, happened=happened)
    for _ in range(3):
        assert error_code(browser.get(callback)) in (
            "code_exchange_lost",
            "provider_answer_invalid",
            "provider_busy",
        )
    assert tenant.ledger.count("code_reused") == 0


@pytest.mark.parametrize("fault", ["lost_answer", "html", "server_error", ""])
def test_exchange_that_the_row_forgets_is_never_sent_again(tenant, browser, fault):
    callback = browser.visitor.authorize(browser.start(), "ada@example.com")
    row = FlowTransaction.objects.get()
    if fault:
        lost(tenant, TOKEN, fault, happened=True)
    browser.get(callback)
    TransitionRecord.objects.filter(transaction=row, sequence__gt=100).delete()
    row.save()
    assert error_code(browser.get(callback)) == "code_sent_before"
    assert tenant.ledger.count("code_reused") == 0
