"""The Management API by auth0-python, against the emulated tenant: what is sent, read, refused and lost."""

import contextlib
import json
import subprocess
import sys
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.auth0 import provider as provider_module
from stateful_oauth.flows.engine.errors import FlowError, RateLimited, ServiceRefused
from stateful_oauth.flows.oauth.accounts import ProfileIdentity
from stateful_oauth.flows.oauth.errors import ProviderAnswerLost, ProviderUnreachable
from tests.support.auth0_room import ADA, GOOGLE, MACHINE_SECRET, Room, Spoken, refused

USER, BY_EMAIL = "/api/v2/users/{id}", "/api/v2/users-by-email"
IDENTITIES, IDENTITY = f"{USER}/identities", f"{USER}/identities/{{provider}}/{{user_id}}"
LOST = (ProviderAnswerLost, "provider_answer_lost")
INVALID = (ProviderAnswerLost, "provider_answer_invalid")


@pytest.fixture
def api(room):
    return room.provider.management


class TestUser:
    def test_a_user_is_read_with_metadata_and_identities(self, room, api):
        room.tenant.users.patch(
            room.ada, {"user_metadata": {"colour": "red"}, "app_metadata": {"roles": ["a"]}}
        )
        profile = api.user(room.ada, time_limit=5)
        assert (profile.user_id, profile.email, profile.name) == (room.ada, ADA, "Ada")
        assert (profile.email_verified, profile.blocked) == (True, False)
        assert (profile.user_metadata, profile.app_metadata) == ({"colour": "red"}, {"roles": ["a"]})
        database = "Username-Password-Authentication"
        identifier = room.ada.removeprefix("auth0|")
        assert profile.identities == (
            ProfileIdentity(connection=database, provider="auth0", user_id=identifier, is_social=False),
        )

    def test_a_user_that_does_not_exist_is_none(self, api):
        assert api.user("auth0|nobody", time_limit=5) is None

    def test_a_blocked_user_is_read_as_blocked(self, room, api):
        room.tenant.block_user(room.ada)
        assert api.user(room.ada, time_limit=5).blocked

    @pytest.mark.parametrize(
        "user_id", ["auth0|a/b", "auth0|a?b=c", "oidc|at work|ä%7C", "auth0|a#b", "auth0|.."]
    )
    def test_the_id_of_a_user_is_escaped_in_the_url(self, room, api, user_id):
        room.tenant.add_user(email="odd@example.com", user_id=user_id, connection=user_id.partition("|")[0])
        spoken = Spoken(room)
        found = api.user(user_id, time_limit=5)
        (asked,) = [urlsplit(url) for method, url, _ in spoken.said if method == "GET"]
        assert asked.path.count("/") == 4, "nothing of an id is a path of its own"
        assert set(parse_qs(asked.query)) == {"fields", "include_fields"}
        assert found.user_id == user_id

    @pytest.mark.parametrize(
        "changes",
        [{"user_id": None}, {"user_id": "auth0|another"}, {"user_id": 7}, {"email": 7}, {"email": "a\0"},
         {"blocked": "maybe"}, {"blocked": 0}, {"identities": None}, {"identities": {}},
         {"identities": ["a"]}, {"identities": [{"provider": "auth0", "user_id": "a"}]},
         {"user_metadata": []}, {"app_metadata": "a"},
         {"identities": [{"provider": "a" * 65, "connection": "c", "user_id": "a"}]},
         {"identities": [{"provider": "auth0", "connection": "c" * 129, "user_id": "a"}]},
         {"identities": [{"provider": "auth0", "connection": "c", "user_id": "a" * 256}]},
         {"identities": [{"provider": "auth0", "connection": "c", "user_id": 10**300}]},
         {"identities": [{"provider": "auth0", "connection": "c", "user_id": ""}]},
         {"identities": [{"provider": "auth0", "connection": "c", "user_id": True}]},
         {"identities": [{"provider": "auth0", "connection": "c", "user_id": "a", "isSocial": "no"}]}],
        ids=str,
    )  # fmt: skip
    def test_an_answer_that_is_none(self, room, api, changes):
        room.fault("answer", USER, status=200, json={"user_id": room.ada, "identities": [], **changes})
        refused(*INVALID, api.user, room.ada, time_limit=5)

    def test_what_nobody_needs_may_be_anything(self, room, api):
        """auth0-python's own models fail on some of it."""
        odd = {
            "created_at": "yesterday",
            "logins_count": [],
            "multifactor": 1,
            "given_name": {},
            "colour": {"a": 1},
        }
        room.fault("answer", USER, status=200, json={"user_id": room.ada, "identities": [], **odd})
        assert api.user(room.ada, time_limit=5).user_id == room.ada

    @pytest.mark.parametrize(
        "value",
        [
            "1e999",
            "-1e999",
            "NaN",
            "Infinity",
            "1" * 401,
            '"a\\ud800"',
            '{"\\udfff": 1}',
            "[" * 65 + "]" * 65,
        ],
    )
    @pytest.mark.parametrize("deep", [False, True])
    def test_metadata_that_cannot_be_relied_on_does_not_hide_the_user(self, room, api, value, deep):
        """A user writes it, perhaps an attacker with an unverified copy of another user's email."""
        user = {"user_id": "auth0|a", "email": ADA, "identities": [], "name": "a\ud800"}
        user |= {"user_metadata": {"poison": "@", "plan": "free"}, "app_metadata": {"poison": "@"}}
        raw = json.dumps([user]).replace('"@"', f'{{"b": [{value}]}}' if deep else value)
        call_with(room, "/api/v2/users-by-email", 200, raw.encode())
        (found,) = api.users_by_email(ADA, time_limit=5)
        assert found.user_metadata == {"poison": None, "plan": "free"}
        assert found.app_metadata == {"poison": None}
        assert found.name == ""

    def test_when_it_was_made_is_read_with_its_offset_or_not_at_all(self, room, api):
        for text, moment in (
            ("2026-11-20T12:00:00.000Z", datetime(2026, 11, 20, 12, tzinfo=UTC)),
            ("2026-11-20T14:00:00+02:00", datetime(2026, 11, 20, 12, tzinfo=UTC)),
            ("2026-11-20T12:00:00", None),
            (1763640000, None),
            (None, None),
        ):
            body = {"user_id": room.ada, "identities": [], "created_at": text}
            room.fault("answer", USER, status=200, json=body)
            assert api.user(room.ada, time_limit=5).created_at == moment

    @pytest.mark.security("L1")
    @pytest.mark.parametrize("value", ["true", "yes", 1, None, [True]], ids=str)
    def test_an_address_is_verified_when_it_is_true_and_not_when_it_says_so(self, room, api, value):
        """`auth0-python` reads the text "false" as true."""
        body = {"user_id": room.ada, "identities": [], "email": ADA, "email_verified": value}
        room.fault("answer", USER, status=200, json=body)
        assert api.user(room.ada, time_limit=5).email_verified is False

    def test_an_id_that_is_a_number(self, room, api):
        identity = {"provider": "github", "connection": "github", "user_id": 583231, "isSocial": True}
        room.fault("answer", USER, status=200, json={"user_id": room.ada, "identities": [identity]})
        assert api.user(room.ada, time_limit=5).main.user_id == "583231"

    def test_only_what_is_read_is_asked_for(self, room, api):
        spoken = Spoken(room)
        api.user(room.ada, time_limit=5)
        asked = parse_qs(urlsplit(spoken.said[-1][1]).query)["fields"][0].split(",")
        assert set(asked) == {
            "user_id", "email", "email_verified", "name", "blocked", "identities", "user_metadata",
            "app_metadata", "created_at",
        }  # fmt: skip


class TestUsersByEmail:
    def test_users_by_email_are_read_by_exact_email_and_never_searched(self, room, api):
        room.tenant.add_user(email=ADA, connection=GOOGLE)
        found = api.users_by_email(ADA, time_limit=5)
        assert {profile.main.provider for profile in found} == {"auth0", GOOGLE}
        assert room.requests["/api/v2/users"] == 0, "never the search index"

    def test_an_email_without_users_gives_an_empty_list(self, api):
        assert api.users_by_email("nobody@example.com", time_limit=5) == ()

    @pytest.mark.parametrize(
        "email", ["a+b@example.com", "a&c=d@example.com", "ä@example.com", "a b@example.com"]
    )
    def test_an_email_is_escaped_in_the_url(self, room, api, email):
        user = room.tenant.add_user(email=email, connection=GOOGLE)
        assert [profile.user_id for profile in api.users_by_email(email, time_limit=5)] == [user.user_id]

    @pytest.mark.security("L6")
    def test_users_by_email_are_compared_to_the_letter(self, room, api):
        """Whatever comes back, another spelling is another address."""
        emails = ["ADA@example.com", ADA, None]
        body = [{"user_id": f"a|{n}", "email": email, "identities": []} for n, email in enumerate(emails)]
        room.fault("answer", BY_EMAIL, status=200, json=body)
        assert [profile.user_id for profile in api.users_by_email(ADA, time_limit=5)] == ["a|1"]

    @pytest.mark.parametrize("body", [{}, None, ["a"], [[]], [{"email": ADA}], {"users": []}], ids=str)
    def test_an_answer_that_is_none(self, room, api, body):
        room.fault("answer", BY_EMAIL, status=200, json=body)
        refused(*INVALID, api.users_by_email, ADA, time_limit=5)


class TestUpdateMetadata:
    def update(self, room, user_id=None, user=None, app=None):
        room.provider.management.update_metadata(
            user_id or room.ada, user_metadata=user or {}, app_metadata=app or {}, time_limit=5
        )

    def test_metadata_is_merged_at_its_first_level_only(self, room):
        room.tenant.users.patch(room.ada, {"user_metadata": {"a": 1, "b": {"c": 1}, "gone": 1}})
        self.update(room, user={"b": {"d": None, "e": [{}]}, "gone": None}, app={"roles": ["r"]})
        user = room.tenant.users.get(room.ada)
        assert user.user_metadata == {"a": 1, "b": {"d": None, "e": [{}]}}
        assert user.app_metadata == {"roles": ["r"]}

    def test_an_empty_mapping_is_not_sent(self, room):
        """`{}` would delete all of it."""
        room.tenant.users.patch(room.ada, {"user_metadata": {"a": 1}, "app_metadata": {"b": 2}})
        spoken = Spoken(room)
        self.update(room)
        assert spoken.said == []
        self.update(room, user={"c": 3})
        assert spoken.said[-1][2] == {"user_metadata": {"c": 3}}
        user = room.tenant.users.get(room.ada)
        assert (user.user_metadata, user.app_metadata) == ({"a": 1, "c": 3}, {"b": 2})

    def test_updating_the_metadata_of_an_unknown_user_is_refused(self, room):
        refused(ServiceRefused, "user_unknown", self.update, room, "auth0|nobody", {"a": 1})

    def test_metadata_that_is_refused_shows_no_text_of_the_answer(self, room):
        body = {"statusCode": 400, "error": "Bad Request", "message": "RAW-TEXT", "errorCode": "invalid_body"}
        room.fault("answer", USER, method="PATCH", status=400, json=body)
        assert "RAW-TEXT" not in str(
            refused(ServiceRefused, "request_rejected", self.update, room, None, {"a": 1})
        )

    def test_only_who_writes_app_metadata_has_a_token_that_can(self, room):
        spoken = Spoken(room)
        self.update(room, user={"a": 1})
        self.update(room, app={"a": 1})
        scopes = [
            parse_qs(body.decode())["scope"][0]
            for _, url, body in spoken.said
            if url.endswith("/oauth/token")
        ]
        assert scopes == ["read:users update:users", "read:users update:users update:users_app_metadata"]


CALLS = {
    "user": (USER, lambda room: room.provider.management.user(room.ada, time_limit=5)),
    "users_by_email": (BY_EMAIL, lambda room: room.provider.management.users_by_email(ADA, time_limit=5)),
    "update_metadata": (
        USER,
        lambda room: room.provider.management.update_metadata(
            room.ada, user_metadata={"a": 1}, app_metadata={}, time_limit=5
        ),
    ),
    "link": (
        IDENTITIES,
        lambda room: room.provider.management.link(room.ada, provider=GOOGLE, user_id="1", time_limit=5),
    ),
    "unlink": (
        IDENTITY,
        lambda room: room.provider.management.unlink(room.ada, provider=GOOGLE, user_id="1", time_limit=5),
    ),
}


@pytest.mark.parametrize("name", CALLS)
class TestEveryCall:
    @pytest.mark.parametrize(
        ("kind", "error", "code"),
        [("unreachable", ProviderUnreachable, "provider_unreachable"), ("lost_request", *LOST),
         ("lost_answer", *LOST), ("slow", *LOST), ("server_error", *INVALID), ("html", *INVALID),
         ("huge", *INVALID), ("malformed", *INVALID), ("empty", *INVALID), ("redirect", *INVALID),
         ("rate_limit", RateLimited, "rate_limited")],
        ids=lambda value: value if isinstance(value, str) else "",
    )  # fmt: skip
    def test_a_fault_of_any_management_call_is_typed_and_not_sent_again(self, room, name, kind, error, code):
        """Each is a typed error, and nothing is sent again."""
        endpoint, call = CALLS[name]
        room.fault(kind, endpoint, times=None)
        raised = refused(error, code, call, room)
        assert room.requests[endpoint] <= 1
        if isinstance(raised, RateLimited):
            assert 59 <= raised.retry_at.timestamp() - room.tenant.clock.now() <= 60

    @pytest.mark.parametrize(
        ("status", "body", "code"),
        [(403, {"errorCode": "insufficient_scope", "message": "RAW-TEXT"}, "management_scope_missing"),
         (403, {"message": "Insufficient scope, expected: RAW-TEXT"}, "management_scope_missing"),
         (403, {"message": "RAW-TEXT"}, "management_refused"),
         (401, {"message": "RAW-TEXT"}, "management_refused"),
         (400, {"message": "RAW-TEXT", "errorCode": "Bearer"}, "management_refused")],
        ids=str,
    )  # fmt: skip
    def test_a_refusal_of_any_management_call_has_its_code(self, room, name, status, body, code):
        endpoint, call = CALLS[name]
        room.fault("answer", endpoint, times=None, status=status, json={"statusCode": status, **body})
        raised = refused(ServiceRefused, code, call, room)
        assert "RAW-TEXT" not in str(raised)
        if code == "management_scope_missing":
            assert "read:users" in str(raised) or "update:users" in str(raised)

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 200, 202])
    @pytest.mark.parametrize(
        "raw", [b"<html>", b"", b"{", b'{"message": "\xff"}', b"[" * 100_000, b'{"a": "\\ud800"']
    )
    def test_bodies_that_are_nobodys_word(self, room, name, status, raw):
        """Also what makes json, or auth0-python, raise something else than it says."""
        endpoint, call = CALLS[name]
        call_with(room, endpoint, status, raw)
        refused(*INVALID, call, room)

    def test_a_management_call_without_time_left_is_not_sent(self, room, name):
        api = room.provider.management
        calls = {
            "user": lambda: api.user(room.ada, time_limit=0),
            "users_by_email": lambda: api.users_by_email(ADA, time_limit=0),
            "update_metadata": lambda: api.update_metadata(
                room.ada, user_metadata={"a": 1}, app_metadata={}, time_limit=0
            ),
            "link": lambda: api.link(room.ada, provider=GOOGLE, user_id="1", time_limit=0),
            "unlink": lambda: api.unlink(room.ada, provider=GOOGLE, user_id="1", time_limit=0),
        }
        refused(ProviderUnreachable, "provider_unreachable", calls[name])
        assert sum(room.requests.values()) == 0

    def test_the_addresses_of_people_are_not_logged(self, room, name, caplog):
        """httpx logs every address, and one of them has an e-mail in it."""
        caplog.set_level("DEBUG")
        with contextlib.suppress(ServiceRefused):  # there is nobody to link
            CALLS[name][1](room)
        logged = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
        assert [line for line in logged if "ada" in line or "auth0" in line] == []


def call_with(room, endpoint, status, raw):
    """Answer an endpoint with raw bytes that say that they are JSON."""
    from stateful_oauth.emulator.answers import Answer

    fault = room.fault("answer", endpoint, times=None)
    fault.spoil = lambda *_: Answer(status, [("Content-Type", "application/json")], raw)


class TestNotConfigured:
    def test_the_management_api_without_a_client_says_what_to_set(self):
        room = Room(config={"management_client_id": "", "management_client_secret": None})
        raised = refused(FlowError, "management_not_configured", getattr, room.provider, "management")
        assert "MANAGEMENT_CLIENT_ID" in str(raised)

    def test_the_management_api_without_its_extra_says_what_to_install(self, room, monkeypatch):
        monkeypatch.setattr(provider_module, "find_spec", lambda name: None)
        raised = refused(FlowError, "management_not_configured", getattr, room.provider, "management")
        assert "django-stateful-oauth[linking]" in str(raised)

    def test_with_another_package_called_auth0(self, room, monkeypatch):
        for name in [name for name in sys.modules if name.endswith("auth0.management_sdk")]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, "auth0.management", None)
        raised = refused(
            FlowError, "management_not_configured", room.provider.management.user, room.ada, time_limit=5
        )
        assert "django-stateful-oauth[linking]" in str(raised)


_LOADED = """
import sys
from datetime import UTC, datetime
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.auth0.provider import Auth0Provider
config = Auth0Config(
    issuer="https://tenant.example/", client_id="web", client_secret=Secret("s"),
    management_client_id="linker", management_client_secret=Secret("m"),
)
assert Auth0Provider(config).management is not None
print(" ".join({name.partition(".")[0] for name in sys.modules}))
"""


def test_a_sign_in_does_not_pay_for_the_sdk():
    """It takes half a second to import, and 20 MB."""
    done = subprocess.run([sys.executable, "-c", _LOADED], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"requests", "jwt"} <= loaded
    assert loaded.isdisjoint({"auth0", "httpx", "pydantic", "aiohttp"})


def test_the_management_api_is_asked_at_the_canonical_domain():
    """docs/auth0-contract.md §10: the canonical domain, whatever the custom one is."""
    room = Room(config={"management_base_url": "https://tenant.eu.auth0.example"})
    spoken = Spoken(room)
    assert room.config.management_audience == "https://tenant.eu.auth0.example/api/v2/"
    refused(ServiceRefused, "management_refused", room.provider.management.user, room.ada, time_limit=5)
    method, url, body = spoken.said[0]
    assert (method, url) == ("POST", "https://tenant.eu.auth0.example/oauth/token")
    assert parse_qs(body.decode()) == {
        "grant_type": ["client_credentials"], "client_id": ["linker"], "client_secret": [MACHINE_SECRET],
        "audience": ["https://tenant.eu.auth0.example/api/v2/"], "scope": ["read:users update:users"],
    }  # fmt: skip
