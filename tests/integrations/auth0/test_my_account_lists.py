"""Listing and deleting connected accounts by the My Account API, against the emulated tenant."""

from types import SimpleNamespace

import pytest

from stateful_oauth.auth0 import my_account
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.oauth.accounts import ConnectionInfo
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable
from tests.support.auth0_room import GMAIL, GOOGLE, problem, refused

API = "/me/v1/connected-accounts"
ACCOUNTS, CONNECTIONS, ACCOUNT = f"{API}/accounts", f"{API}/connections", f"{API}/accounts/{{id}}"
REMOTE = {
    "id": "cac_1a",
    "connection": GOOGLE,
    "access_type": "offline",
    "scopes": ["openid"],
    "created_at": "2026-11-20T12:00:00.000Z",
}
INVALID = (ProviderAnswerLost, "provider_answer_invalid")


@pytest.fixture
def token(room):
    return room.my_account_token()


@pytest.fixture
def api(room):
    return room.provider.my_account


class TestLists:
    @pytest.mark.security("B35")
    def test_accounts_are_read_from_every_page_of_the_list(self, room, token, api):
        for number in range(45):
            room.tenant.add_user(email=f"ada{number}@gmail.example", connection=GOOGLE, signed_up=False)
            room.tenant.connect_account(room.ada, f"ada{number}@gmail.example")
        found = api.accounts(token, time_limit=5)
        assert [account.id for account in found] == [
            row.id for row in room.tenant.connected_accounts(room.ada)
        ]
        assert room.requests[ACCOUNTS] == 3

    def test_accounts_of_one_connection_are_asked_by_its_escaped_name(self, room, token, api):
        room.tenant.add_connection("a&b=c")
        room.tenant.add_user(email="ada@elsewhere.example", connection="a&b=c", signed_up=False)
        other = room.tenant.connect_account(room.ada, "ada@elsewhere.example")
        room.tenant.connect_account(room.ada, GMAIL)
        assert [row.id for row in api.accounts(token, connection="a&b=c", time_limit=5)] == [other.id]
        assert len(api.accounts(token, time_limit=5)) == 2

    def test_the_connections_of_the_tenant_are_read_from_every_page(self, room, token, api):
        room.tenant.add_connection("github", scopes=["repo"])
        for number in range(25):
            room.tenant.add_connection(f"extra-{number:02}", strategy="oauth2")
        found = api.connections(token, time_limit=5)
        assert ConnectionInfo(name="github", strategy="github", scopes=("repo",)) in found
        assert ConnectionInfo(name="extra-24", strategy="oauth2") in found
        assert room.requests[CONNECTIONS] == 2

    @pytest.mark.security("B35")
    @pytest.mark.parametrize("cursors", [["a"], ["a", "b"], ["a", "b", "c", "b"]], ids=str)
    def test_a_list_that_goes_round_in_a_circle(self, room, token, api, cursors):
        """Pages that never end are an error, not a loop."""
        for number in range(100):
            cursor = (
                cursors[min(number, len(cursors) - 1)]
                if number < len(cursors)
                else cursors[number % len(cursors)]
            )
            room.fault("answer", ACCOUNTS, status=200, json={"accounts": [REMOTE], "next": cursor})
        refused(*INVALID, api.accounts, token, time_limit=5)
        assert room.requests[ACCOUNTS] <= len(cursors) + 2

    def test_a_list_without_an_end(self, room, token, api):
        for number in range(100):
            room.fault("answer", ACCOUNTS, status=200, json={"accounts": [], "next": str(number)})
        refused(*INVALID, api.accounts, token, time_limit=5)
        assert room.requests[ACCOUNTS] == 50

    def test_the_limit_is_for_all_pages_together(self, room, token, api, monkeypatch):
        """Every page may be quick, and all of them together too slow."""
        moments = iter(range(100))
        monkeypatch.setattr(my_account, "time", SimpleNamespace(monotonic=lambda: next(moments)))
        for number in range(10):
            room.fault("answer", ACCOUNTS, status=200, json={"accounts": [], "next": str(number)})
        refused(ProviderUnreachable, "provider_unreachable", api.accounts, token, time_limit=4)
        assert room.requests[ACCOUNTS] == 3

    @pytest.mark.parametrize(
        "body",
        [{}, {"accounts": None}, {"accounts": {}}, {"accounts": ["a"]}, {"accounts": [{**REMOTE, "id": "1"}]},
         {"accounts": [], "next": 7}, {"accounts": [], "next": "a" * 5000}, {"connections": []}],
        ids=lambda body: str(body)[:40],
    )  # fmt: skip
    def test_an_answer_that_is_none(self, room, token, api, body):
        room.fault("answer", ACCOUNTS, status=200, json=body)
        refused(*INVALID, api.accounts, token, time_limit=5)

    @pytest.mark.parametrize(
        "entry", [{"name": GOOGLE}, {"strategy": "a"}, {"name": "a", "strategy": "b", "scopes": 1}]
    )
    def test_a_connection_that_is_none(self, room, token, api, entry):
        room.fault("answer", CONNECTIONS, status=200, json={"connections": [entry]})
        refused(*INVALID, api.connections, token, time_limit=5)

    @pytest.mark.parametrize("last", [None, ""])
    def test_the_last_page_may_say_so(self, room, token, api, last):
        room.fault("answer", ACCOUNTS, status=200, json={"accounts": [REMOTE], "next": last})
        assert len(api.accounts(token, time_limit=5)) == 1


class TestDisconnect:
    def test_disconnecting_an_account_twice_is_done_once(self, room, token, api):
        row = room.tenant.connect_account(room.ada, GMAIL)
        for _ in range(2):  # what is not there counts as deleted
            api.disconnect(token, row.id, time_limit=5)
        assert room.tenant.connected_accounts(room.ada) == []
        assert room.tenant.ledger.count("account_disconnected") == 1

    @pytest.mark.security("B34")
    def test_b34_a_404_with_its_code_counts_as_disconnected(self, room, token, api):
        room.fault("answer", ACCOUNT, status=404, json=problem(404))
        api.disconnect(token, "cac_gone", time_limit=5)

    def test_404_of_somebody_else_is_no_answer(self, room, token, api):
        room.fault("answer", ACCOUNT, status=404, json={}, headers={"Content-Type": "text/html"})
        refused(*INVALID, api.disconnect, token, "cac_a", time_limit=5)

    @pytest.mark.security("B34")
    @pytest.mark.parametrize(
        "account_id",
        ["", "cac_", "cac_a/../../connect", "cac_a?b", "1", "cac_ä", "cac_a\n", "cac_" + "a" * 300],
    )
    def test_b34_what_is_no_id_is_not_sent(self, room, token, api, account_id):
        room.requests.clear()
        refused(ServiceRefused, "input_invalid", api.disconnect, token, account_id, time_limit=5)
        assert sum(room.requests.values()) == 0
