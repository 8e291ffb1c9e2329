"""What is merged after a link: nothing that the primary has by then, however often it is tried."""

from __future__ import annotations

import pytest

from stateful_oauth.django.sweeps.sweeping import recover_due
from stateful_oauth.storage.models import FlowTransaction
from tests.support.accounts_site import XPTO, site
from tests.support.crashes import at
from tests.support.rows import check_rows, nothing_working
from tests.support.waiting import waited

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

USER = "/api/v2/users/{id}"
KEYS = {"LINKING_APP_METADATA_KEYS": ("plan", "roles", "limits")}


@pytest.fixture
def pair(tenant):
    """The first account has nothing; the newcomer has much that it might leave behind."""
    first = tenant.add_user(email=XPTO, password="a good one")
    newcomer = tenant.add_user(
        email=XPTO,
        connection="google-oauth2",
        user_metadata={"colour": "red", "address": {"city": "Here", "zip": "1"}},
        app_metadata={"plan": "gold", "roles": ["admin"], "limits": {"seats": 9}, "secret": "theirs"},
    )
    with site(**KEYS):
        yield first, newcomer


WRITTEN = {
    "user_metadata": {"colour": "blue", "address": {"city": "There"}},
    "app_metadata": {"plan": "free", "roles": []},
}
LEFT = {
    "user_metadata": WRITTEN["user_metadata"],
    "app_metadata": {**WRITTEN["app_metadata"], "limits": {"seats": 9}},
}


def write(tenant, account):
    """Another application writes to the account that stays."""
    tenant.users.patch(account.user_id, WRITTEN)


def has(tenant, account):
    user = tenant.users.get(account.user_id)
    return {"user_metadata": user.user_metadata or {}, "app_metadata": user.app_metadata or {}}


@pytest.mark.parametrize("step", ["link_accounts", "merge_metadata"])
def test_what_was_written_after_the_snapshot_stays(tenant, browser, pair, step):
    first, newcomer = pair
    with at("effect.before", step, lambda: write(tenant, first)):
        assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    assert has(tenant, first) == LEFT
    check_rows()


@pytest.mark.parametrize("kind", ["rate_limit", "lost_request", "html", "server_error", "unreachable"])
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_every_try_of_a_merge_reads_the_metadata_again(tenant, browser, clock, pair, kind, method):
    """Rate-limited, or lost: what is written meanwhile is not replaced."""
    first, newcomer = pair
    written = []

    def fail():
        options = {"reset": 300.0} if kind == "rate_limit" else {}
        tenant.faults.add(USER, kind, method=method, **options)

    def write_once():
        if not written:
            written.append(True)
            write(tenant, first)

    with at("effect.before", "merge_metadata", fail), at("claim.after_commit", "retry", write_once):
        response = browser.sign_in(newcomer.user_id)
    clock.advance(400)
    recover_due()
    waited(browser, response, clock)
    assert FlowTransaction.objects.filter(kind="account_linking", state="linked").exists()
    assert has(tenant, first) == LEFT
    nothing_working()


def test_a_merge_whose_answer_was_lost_is_not_written_again(tenant, browser, pair):
    """The second try finds everything there; what the user has changed since stays as it is."""
    first, newcomer = pair
    tenant.faults.add(USER, "lost_answer", method="PATCH")
    with at("claim.after_commit", "retry", lambda: write(tenant, first)):
        assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    found = has(tenant, first)
    assert found["user_metadata"] == WRITTEN["user_metadata"]
    assert (found["app_metadata"]["plan"], found["app_metadata"]["roles"]) == ("free", [])
    assert "secret" not in found["app_metadata"]


def test_keys_that_the_project_names_no_longer_are_not_written(tenant, browser, clock, pair):
    first, newcomer = pair
    tenant.faults.add(USER, "rate_limit", method="PATCH", reset=300.0)
    response = browser.sign_in(newcomer.user_id)
    clock.advance(400)
    with site(LINKING_APP_METADATA_KEYS=("plan",)):
        waited(browser, response, clock)
    assert has(tenant, first)["app_metadata"] == {"plan": "gold"}


def test_a_first_level_member_is_never_mixed(tenant, browser, pair):
    """A PATCH replaces it with everything that is nested in it, so that it is left alone as a whole."""
    first, newcomer = pair
    tenant.users.patch(first.user_id, {"user_metadata": {"address": {"street": "Mine"}}})
    assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    assert has(tenant, first)["user_metadata"] == {"colour": "red", "address": {"street": "Mine"}}


def test_nothing_to_merge_costs_no_call(tenant, browser):
    tenant.add_user(email=XPTO, password="a good one")
    newcomer = tenant.add_user(email=XPTO, connection="google-oauth2")
    with at("effect.before", "merge_metadata", tenant.requests.clear):
        assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    assert tenant.requests[USER] == 0


def test_metadata_beyond_the_limit_of_a_profile_keeps_the_link_and_says_so(tenant, browser, pair):
    tenant.settings.profile_limit = 20
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    row = FlowTransaction.objects.get(kind="account_linking")
    assert (row.state, row.code) == ("linked", "metadata_refused")
    assert tenant.ledger.count("identity_linked") == 1


def test_what_another_application_overwrites_at_the_same_time_is_merged_once_more(tenant, browser, pair):
    """It empties the metadata right after the merge, from what it had read before."""
    first, newcomer = pair
    patch, emptied = tenant.users.patch, []

    def interleaved(user_id, changes):
        user = patch(user_id, changes)
        if not emptied:
            emptied.append(True)
            patch(user_id, {"user_metadata": {}, "app_metadata": {}})
            patch(user_id, {"user_metadata": {"colour": "blue"}})
        return user

    tenant.users.patch = interleaved
    assert browser.sign_in(newcomer.user_id)["Location"] == "/profile/"
    found = has(tenant, first)
    assert found["user_metadata"] == {"colour": "blue", "address": {"city": "Here", "zip": "1"}}
    assert found["app_metadata"]["plan"] == "gold"


def test_what_is_overwritten_again_and_again_is_merged_only_once_more(tenant, browser, pair):
    patch, writes = tenant.users.patch, []

    def interleaved(user_id, changes):
        writes.append(changes)
        patch(user_id, changes)
        return patch(user_id, {"user_metadata": {}, "app_metadata": {}})

    tenant.users.patch = interleaved
    assert browser.sign_in(pair[1].user_id)["Location"] == "/profile/"
    assert len(writes) == 2
