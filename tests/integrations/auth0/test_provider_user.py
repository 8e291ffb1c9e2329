"""Whose access token of an identity provider it is: the well known providers, and configured ones."""

import pytest

from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.userinfo_endpoints import WELL_KNOWN
from stateful_oauth.flows.engine.errors import RateLimited, ServiceRefused
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ProviderToken, ProviderUser
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable
from tests.support.auth0_room import GMAIL, GOOGLE, Room, Spoken, refused

USERINFO = "/_provider/{connection}/userinfo"
ME = "https://provider.example/me"
TOKEN = ProviderToken(value=Secret("the-token"))
INVALID = (ProviderAnswerLost, "provider_answer_invalid")


def ask(room, token=TOKEN, connection=GOOGLE, strategy=GOOGLE, **changes):
    asked = {"connection": connection, "strategy": strategy, "time_limit": 5.0, **changes}
    return room.provider.provider_user(token, **asked)


class TestThroughTokenVault:
    """From the connected account to the identity that a sign-in with it would have."""

    def connected(self, room, connection=GOOGLE, email=GMAIL):
        row = room.tenant.connect_account(room.ada, email, connection)
        token = room.provider.provider_token(room.refresh_token(), connection=connection, time_limit=5)
        return row, token

    def test_the_id_is_that_of_the_identity(self, room):
        row, token = self.connected(room)
        found = ask(room, token)
        assert found == ProviderUser(id=row.provider_user_id, email=GMAIL)
        user, _ = room.tenant.people.enter(row.account, room.tenant.clock.now())
        profile = room.provider.management.user(user.user_id, time_limit=5)
        assert (profile.main.provider, profile.main.user_id) == (GOOGLE, found.id)

    @pytest.mark.security("B30")
    def test_b30_an_account_without_an_address(self, room):
        room.tenant.add_connection(GOOGLE, scopes=["openid"])
        _, token = self.connected(room)
        assert ask(room, token).email == ""

    def test_an_account_revoked_at_the_provider_has_no_known_user(self, room):
        row, token = self.connected(room)
        room.tenant.vault.revoke_at_provider(row.id)
        refused(ServiceRefused, "provider_user_unknown", ask, room, token)

    def test_another_provider_does_not_know_the_token(self, room):
        _, token = self.connected(room)
        refused(
            ServiceRefused, "provider_user_unknown", ask, room, token, connection="github", strategy="github"
        )


class TestWhomToAsk:
    def test_a_connection_without_a_userinfo_endpoint_is_not_asked(self, room):
        assert ask(room, connection="saml-at-work", strategy="samlp") is None
        assert sum(room.requests.values()) == 0

    @pytest.mark.parametrize("strategy", WELL_KNOWN)
    def test_the_well_known_ones_by_their_strategy(self, strategy):
        room = Room(config={"provider_userinfo": {}})
        spoken = Spoken(room)
        refused(ServiceRefused, "provider_user_unknown", ask, room, connection="mine", strategy=strategy)
        assert spoken.said == [("GET", WELL_KNOWN[strategy].url, None)]
        assert WELL_KNOWN[strategy].url.startswith("https://")

    def test_the_connection_goes_before_the_strategy_and_the_setting_before_the_table(self):
        room = Room(config={"provider_userinfo": {"mine": {"url": ME + "?1"}, GOOGLE: {"url": ME + "?2"}}})
        for connection, end in (("mine", "?1"), ("another", "?2"), (GOOGLE, "?2")):
            spoken = Spoken(room)
            refused(ServiceRefused, "provider_user_unknown", ask, room, connection=connection)
            assert spoken.said[0][1] == ME + end

    @pytest.mark.parametrize(
        "value",
        [{}, {"subject": "id"}, {"url": ""}, {"url": 7}, {"url": "http://provider.example/"},
         {"url": "https://u:p@provider.example/"}, {"url": ME, "sub": "id"}, {"url": ME, "subject": ""},
         {"url": ME, "email": None}, ME, None],
        ids=str,
    )  # fmt: skip
    def test_an_endpoint_that_is_none(self, value):
        with pytest.raises(ValueError, match=r"provider_userinfo\['mine'\]"):
            Auth0Config(issuer="https://tenant.example/", client_id="web", client_secret=Secret("s"),
                        provider_userinfo={"mine": value})  # fmt: skip


class TestAnswers:
    @pytest.mark.parametrize(
        ("config", "body", "expected"),
        [({"subject": "id"}, {"id": 583231, "email": "o@github.example"}, ("583231", "o@github.example")),
         ({"subject": "id"}, {"id": 0}, ("0", "")), ({}, {"sub": "00u1"}, ("00u1", "")),
         ({"prefix": "slack|"}, {"sub": "U1"}, ("slack|U1", "")),
         ({"email": "mail"}, {"sub": "a", "mail": "m@x.example", "email": "e@x"}, ("a", "m@x.example")),
         ({}, {"sub": "a", "email": None}, ("a", "")), ({}, {"sub": "a", "email": ["x"]}, ("a", "")),
         ({}, {"sub": "a", "email": "a\n@example.com"}, ("a", ""))],
        ids=str,
    )  # fmt: skip
    def test_the_user_at_the_provider_is_read_from_named_members(self, config, body, expected):
        room = Room(config={"provider_userinfo": {GOOGLE: {"url": ME_AT_THE_TENANT, **config}}})
        room.fault("answer", USERINFO, status=200, json=body)
        found = ask(room)
        assert (found.id, found.email) == expected

    @pytest.mark.parametrize(
        "body",
        [{}, {"sub": None}, {"sub": ""}, {"sub": True}, {"sub": 1.5}, {"sub": -1}, {"sub": 10**40},
         {"sub": ["a"]}, {"sub": "a\0"}, {"sub": "a\nb"}, {"sub": "a" * 256}, {"id": "a"}, [], None, "a"],
        ids=lambda body: str(body)[:30],
    )  # fmt: skip
    def test_an_answer_that_names_nobody(self, room, body):
        room.fault("answer", USERINFO, status=200, json=body)
        refused(*INVALID, ask, room)

    def test_an_id_as_long_as_it_may_be(self):
        for prefix, longest in (("", 255), ("slack|", 249)):
            known = {"url": ME_AT_THE_TENANT} | ({"prefix": prefix} if prefix else {})
            room = Room(config={"provider_userinfo": {GOOGLE: known}})
            room.fault("answer", USERINFO, status=200, json={"sub": "a" * longest})
            assert len(ask(room).id) == 255
            room.fault("answer", USERINFO, status=200, json={"sub": "a" * (longest + 1)})
            refused(*INVALID, ask, room)

    @pytest.mark.parametrize(
        ("kind", "details", "error", "code"),
        [("unreachable", {}, ProviderUnreachable, "provider_unreachable"),
         ("lost_answer", {}, ProviderAnswerLost, "provider_answer_lost"),
         ("slow", {}, ProviderAnswerLost, "provider_answer_lost"),
         ("server_error", {}, *INVALID), ("html", {}, *INVALID), ("malformed", {"effect": False}, *INVALID),
         ("empty", {"effect": False}, *INVALID), ("huge", {"effect": False}, *INVALID),
         ("redirect", {}, *INVALID),
         ("answer", {"status": 404, "json": {"a": "RAW-TEXT"}}, ServiceRefused, "provider_user_unknown"),
         ("answer", {"status": 202, "json": {"sub": "a"}}, *INVALID),
         ("rate_limit", {"reset": 60}, RateLimited, "rate_limited")],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_a_fault_of_the_providers_userinfo_is_typed(self, room, kind, details, error, code):
        room.fault(kind, USERINFO, **details)
        assert "RAW-TEXT" not in str(refused(error, code, ask, room))


ME_AT_THE_TENANT = f"https://tenant.example/_provider/{GOOGLE}/userinfo"
