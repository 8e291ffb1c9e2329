"""Connecting an account by the My Account API, against the emulated tenant."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost
from tests.support.auth0_room import CALLBACK, GMAIL, GOOGLE, Connecting, Room, Spoken, problem, refused

API = "/me/v1/connected-accounts"
CONNECT, COMPLETE = f"{API}/connect", f"{API}/complete"
SESSION = {
    "auth_session": "s" * 64,
    "connect_uri": "https://tenant.example/connected-accounts/connect",
    "connect_params": {"ticket": "t"},
    "expires_in": 300,
}
REMOTE = {
    "id": "cac_1a",
    "connection": GOOGLE,
    "access_type": "offline",
    "scopes": ["openid"],
    "created_at": "2026-11-20T12:00:00.000Z",
}
LOST = (ProviderAnswerLost, "provider_answer_lost")
INVALID = (ProviderAnswerLost, "provider_answer_invalid")


@pytest.fixture
def token(room):
    return room.my_account_token()


class TestConnect:
    def connect(self, room, token, **changes):
        return room.provider.my_account.connect(token, room.connect_request(**changes), time_limit=5)

    def test_starting_to_connect_gives_a_url_and_a_ticket(self, room, token):
        session = self.connect(room, token)
        assert session.expires_in == 300
        uri = urlsplit(session.connect_uri.reveal())
        assert (uri.scheme, uri.netloc, uri.path) == (
            "https",
            "tenant.example",
            "/connected-accounts/connect",
        )
        assert list(parse_qs(uri.query)) == ["ticket"]
        assert 0 < len(session.auth_session.reveal()) <= 64
        assert room.tenant.ledger.count("connect_started", user_id=room.ada, connection=GOOGLE) == 1

    def test_starting_to_connect_sends_what_the_contract_names(self, room, token):
        spoken = Spoken(room)
        self.connect(
            room, token, scopes=("openid", "profile", "openid"),
            authorization_params={"prompt": "consent", "max_age": "0", "login_hint": GMAIL},
        )  # fmt: skip
        method, url, body = spoken.said[0]
        assert (method, url) == ("POST", "https://tenant.example/me/v1/connected-accounts/connect")
        assert body.pop("code_challenge")
        assert body == {
            "connection": GOOGLE,
            "redirect_uri": CALLBACK,
            "state": "connect-state",
            "code_challenge_method": "S256",
            "scopes": ["openid", "profile"],
            "authorization_params": {"prompt": "consent", "max_age": 0, "login_hint": GMAIL},
        }

    def test_what_is_not_given_is_not_sent(self, room, token):
        spoken = Spoken(room)
        self.connect(room, token)
        assert set(spoken.said[0][2]) == {
            "connection", "redirect_uri", "state", "code_challenge", "code_challenge_method",
        }  # fmt: skip

    @pytest.mark.parametrize("connection", ["nowhere", "Username-Password-Authentication"])
    def test_a_connection_at_which_nothing_can_be_connected(self, room, token, connection):
        refused(ServiceRefused, "connection_unknown", self.connect, room, token, connection=connection)

    def test_an_address_that_is_not_allowed(self, room, token):
        elsewhere = "https://elsewhere.example/"
        refused(ServiceRefused, "request_rejected", self.connect, room, token, redirect_uri=elsewhere)

    @pytest.mark.security("B33")
    def test_b33_the_query_of_connect_uri_is_kept(self, room, token):
        uri = "https://tenant.example/connect?a=b%20c"
        room.fault(
            "answer",
            CONNECT,
            status=201,
            json={**SESSION, "connect_uri": uri, "connect_params": {"ticket": "t&u"}},
        )
        assert self.connect(room, token).connect_uri.reveal() == uri + "&ticket=t%26u"

    def test_200_is_what_the_prose_says(self, room, token):
        room.fault("answer", CONNECT, status=200, json=SESSION)
        assert self.connect(room, token).expires_in == 300

    @pytest.mark.parametrize(
        "changes",
        [{"connect_uri": None}, {"connect_uri": ""}, {"connect_uri": "http://tenant.example/"},
         {"connect_uri": "javascript:alert(1)"}, {"connect_uri": "//evil.example/"},
         {"connect_uri": "https://user@evil.example/"}, {"connect_uri": "https://tenant.example/#a"},
         {"connect_uri": "https://tenant.example/\n"}, {"connect_uri": 7}, {"auth_session": None},
         {"auth_session": "s" * 65}, {"connect_params": None}, {"connect_params": {}},
         {"connect_params": {"ticket": ""}}, {"connect_params": ["t"]}, {"expires_in": None},
         {"expires_in": 0}, {"expires_in": "300s"}, {"expires_in": True}],
        ids=str,
    )  # fmt: skip
    def test_an_answer_that_is_none(self, room, token, changes):
        room.fault("answer", CONNECT, status=201, json={**SESSION, **changes})
        refused(*INVALID, self.connect, room, token)

    def test_plain_http_only_to_this_machine_and_only_when_allowed(self, token):
        for allowed in (True, False):
            room = Room(config={"allow_insecure_http_on_loopback": allowed})
            own = room.my_account_token()
            local = {**SESSION, "connect_uri": "http://127.0.0.1:9400/connect"}
            room.fault("answer", CONNECT, status=201, json=local)
            if allowed:
                assert self.connect(room, own).connect_uri.reveal().startswith("http://127.0.0.1:9400/")
            else:
                refused(*INVALID, self.connect, room, own)


class TestComplete:
    def test_completing_a_connection_gives_the_account(self, room, token):
        account = Connecting(room, token).agree().complete()
        (row,) = room.tenant.connected_accounts(room.ada)
        assert (account.id, account.connection, account.access_type) == (row.id, GOOGLE, "offline")
        assert account.scopes == ("openid", "profile", "email")
        assert abs(account.created_at - room.now()) < timedelta(seconds=1)
        assert account.expires_at is None

    def test_what_a_connection_lets_expire(self, room, token):
        room.tenant.add_connection(GOOGLE, refresh_token_ttl=604_800)
        account = Connecting(room, token).agree().complete()
        assert account.expires_at - account.created_at == timedelta(days=7)

    def test_a_code_is_used_twice(self, room, token):
        """409 does not say whose attempt used it: the flow looks at the list."""
        connecting = Connecting(room, token).agree()
        connecting.complete()
        refused(*LOST, connecting.complete)
        assert room.tenant.ledger.count("account_connected") == 1

    def test_completing_with_another_code_is_refused(self, room, token):
        refused(ServiceRefused, "connect_code_rejected", Connecting(room, token).agree().complete,
                connect_code=Secret("another"))  # fmt: skip

    def test_a_wrong_verifier_burns_the_code(self, room, token):
        refused(ServiceRefused, "connect_code_rejected", Connecting(room, token).agree().complete,
                code_verifier=Secret("w" * 43))  # fmt: skip

    def test_completing_with_another_redirect_uri_is_refused(self, room, token):
        refused(ServiceRefused, "request_rejected", Connecting(room, token).agree().complete,
                redirect_uri="https://elsewhere.example/")  # fmt: skip

    @pytest.mark.security("B7")
    def test_b7_a_session_that_is_over(self, room, token):
        connecting = Connecting(room, token).agree()
        room.sleep(connecting.session.expires_in)
        refused(ServiceRefused, "connect_session_over", connecting.complete)

    def test_a_session_that_never_was(self, room, token):
        refused(ServiceRefused, "connect_session_over", Connecting(room, token).agree().complete,
                auth_session=Secret("never"))  # fmt: skip

    @pytest.mark.security("B31")
    def test_completing_another_users_connection_is_refused(self, room, token):
        connecting = Connecting(room, token).agree()
        room.tenant.add_user(email="bob@example.com", password="pw")
        refused(ServiceRefused, "connect_session_over", connecting.complete,
                token=room.my_account_token("bob@example.com"))  # fmt: skip

    @pytest.mark.parametrize(
        ("answer", "code"),
        [(problem(400, field="auth_session"), "connect_session_over"),
         (problem(400, "The auth_session has expired"), "connect_session_over"),
         (problem(404, "Unknown auth_session"), "connect_session_over"),
         (problem(400, field="connect_code"), "connect_code_rejected"),
         (problem(400), "connect_code_rejected"),
         (problem(400, field="redirect_uri"), "request_rejected"),
         (problem(404), "request_rejected"), (problem(401), "my_account_token_rejected"),
         (problem(403), "scope_not_granted")],
        ids=str,
    )  # fmt: skip
    def test_refusals_of_a_completion_have_their_codes(self, room, token, answer, code):
        connecting = Connecting(room, token).agree()
        room.fault("answer", COMPLETE, status=answer["status"], json=answer)
        raised = refused(ServiceRefused, code, connecting.complete)
        assert "RAW-TEXT" not in str(raised)

    @pytest.mark.parametrize(
        "changes",
        [{"id": None}, {"id": "cac_"}, {"id": "cac_a/../b"}, {"id": "abc"}, {"id": "cac_a\n"}, {"id": 7},
         {"id": "cac_" + "a" * 125}, {"connection": "a" * 129}, {"access_type": "a" * 33},
         {"connection": None}, {"connection": "a\0"}, {"created_at": None}, {"created_at": "yesterday"},
         {"created_at": "2026-11-20T12:00:00"}, {"created_at": 1}, {"scopes": "openid"}, {"scopes": [1]},
         {"created_at": "0001-01-01T00:00:00+23:59"}, {"created_at": "9999-12-31T23:59:59-23:59"},
         {"created_at": "1969-12-31T23:59:59Z"}, {"created_at": "9999-01-01T00:00:00Z"}, {"access_type": 7}],
        ids=str,
    )  # fmt: skip
    def test_an_answer_that_is_none(self, room, token, changes):
        connecting = Connecting(room, token).agree()
        room.fault("answer", COMPLETE, status=201, json={**REMOTE, **changes})
        refused(*INVALID, connecting.complete)

    @pytest.mark.parametrize(
        "text", ["soon", "9999-12-31T23:59:59.999999-01:00", "0001-01-01T00:00:00Z", "\0"]
    )
    def test_end_that_no_date_can_hold_is_not_kept(self, room, token, text):
        """It is shown to people, and decides nothing: the account is connected all the same."""
        connecting = Connecting(room, token).agree()
        room.fault("answer", COMPLETE, status=201, json={**REMOTE, "expires_at": text})
        assert connecting.complete().expires_at is None

    def test_what_may_be_missing_and_what_is_new(self, room, token):
        connecting = Connecting(room, token).agree()
        least = {name: REMOTE[name] for name in ("id", "connection", "created_at")}
        room.fault("answer", COMPLETE, status=200, json={**least, "expires_at": None, "colour": {"a": []}})
        account = connecting.complete()
        assert (account.scopes, account.access_type, account.expires_at) == ((), "offline", None)
        assert account.created_at == datetime(2026, 11, 20, 12, tzinfo=UTC)
