"""Every system check speaks when something is wrong, says what to do, and is silent otherwise."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.checks import run_checks
from django.db import connections
from django.urls import include, path
from django.utils.translation import gettext_lazy
from requests.adapters import BaseAdapter

from stateful_oauth.django import checks, urls
from stateful_oauth.django.checks import check_deployment, check_settings, tenants

KEY = Fernet.generate_key().decode()
TENANT = {"ISSUER": "https://tenant.example/", "CLIENT_ID": "web", "CLIENT_SECRET": "s"}

LINKING = {"MANAGEMENT_CLIENT_ID": "linker", "MANAGEMENT_CLIENT_SECRET": "s"}
CONNECTING = {"SCOPE": "openid offline_access", "REFRESH_TOKEN_ROTATION": False}


class OurSessions(SessionMiddleware):
    """A project's own."""


class UsersElsewhere:
    """A router that keeps people apart from their identities."""

    def db_for_write(self, model, **hints):
        return "users" if model._meta.label == "auth.User" else None


class Nowhere:
    """A router to a database that is not there."""

    def db_for_write(self, model, **hints):
        return "nowhere"


@pytest.fixture(autouse=True)
def right(configure):
    """A configuration that no check complains about."""
    configure(ENCRYPTION_KEYS=[KEY], TRANSPORT_ADAPTER=None)


def found():
    return {
        message.id.removeprefix("stateful_oauth."): message
        for message in [*check_settings(), *check_deployment()]
    }


def test_the_right_configuration_is_silent():
    assert found() == {}


@pytest.mark.parametrize(
    "keys",
    [
        {"BASE_URL": "http://localhost:8000"},
        {"BASE_URL": "http://127.0.0.1"},
        {"BASE_URL": "https://app.example:8443/"},
        {"ISSUER": "", "DOMAIN": "example.eu.auth0.com"},
        {"ISSUER": "https://op.example/realms/one"},
        {"TRANSACTION_LIFETIME": 3600, "LEEWAY": 0, "READ_TIMEOUT": 5},
        {"CLIENT_AUTHENTICATION": "client_secret_basic"},
        {"ID_TOKEN_SIGNING_ALG": "HS256"},
        {"SCOPE": "openid"},
        {"REQUEST_PARAMETERS": {"invitation"}, "AUTHORIZATION_PARAMETERS": {"audience": None}},
        {"LOGOUT_RETURN_PATH": "/goodbye/"},
        {"AUTHORIZATION_PARAMETERS": {"max_age": 0, "acr_values": "a b", "connection": None}},
        {"ALLOWED_NEXT_HOSTS": ["shop.example", "localhost:8000"], "COOKIE_NAME": "sign-in_1"},
        {"FRAME_ANCESTORS": ["'self'", "https://teams.example", "https://*.lms.example:8443"]},
        {"ALLOW_BACKGROUND_STARTS_OF": ("login", "disconnect_account")},
        {"COOKIE_SAMESITE": "None", "COOKIE_PARTITIONED": True},
        {"OPEN_PER_BROWSER": 1, "DUPLICATE_GRACE": 0, "DUPLICATE_PATIENCE": 0},
        {"TRANSPORT_ADAPTER": None, "FLOWS": ["stateful_oauth.flows.login.machine.LoginFlow"]},
        {"MANAGEMENT_CLIENT_ID": "", "MANAGEMENT_CLIENT_SECRET": ""},
        {"MANAGEMENT_DOMAIN": "tenant.eu.auth0.com", "REFRESH_TOKEN_ROTATION": True},
        {**LINKING, "LINKING": "confirm"},
        {**LINKING, "LINKING": "automatic", "LINKING_TRUSTED_CONNECTIONS": ["google-oauth2"]},
        {"LINKING": "off", "LINKING_TRIES": 1, "LINKING_APP_METADATA_KEYS": ["plan"]},
        {**CONNECTING, "CONNECTIONS": {"google-oauth2": {}}},
        {
            **CONNECTING,
            "CONNECTIONS": {
                "github": {"title": "GitHub", "scopes": ("repo",), "parameters": {"prompt": "consent"}},
                "slack": {"title": gettext_lazy("Slack"), "scopes": [], "parameters": {"max_age": 0}},
            },
        },
        {
            "PROVIDER_USERINFO": {
                "slack": {"url": "https://slack.example/", "subject": "id", "prefix": "slack|"}
            }
        },
    ],
    ids=str,
)
def test_other_right_configurations_are_silent_too(configure, keys):
    configure(**keys)
    assert found() == {}


def test_what_is_for_development_is_said_only_when_the_site_is_deployed(configure):
    configure(
        ISSUER="http://localhost:9400/", ALLOW_INSECURE_HTTP_ON_LOOPBACK=True, TRANSPORT_ADAPTER=BaseAdapter
    )
    assert check_settings() == []
    messages = check_deployment()
    assert [message.id for message in messages] == ["stateful_oauth.W004", "stateful_oauth.W005"]
    assert all(message.hint for message in messages)


@pytest.mark.parametrize(("connections", "warns"), [({}, True), ({"github": {}}, False), ({"*": {}}, False)])
def test_a_deployed_site_says_at_which_connections_accounts_can_be_connected(configure, connections, warns):
    configure(SCOPE="openid offline_access", REFRESH_TOKEN_ROTATION=False, CONNECTIONS=connections)
    found = [message.id for message in [*check_settings(), *check_deployment()]]
    assert ("stateful_oauth.W014" in found) == warns


def test_several_tenants_are_silent_too(settings):
    settings.STATEFUL_OAUTH = {
        "BASE_URL": "https://app.example",
        "ENCRYPTION_KEYS": [KEY],
        "TENANTS": {"default": TENANT, "us-2": {**TENANT, "SCOPE": "openid"}},
    }
    assert found() == {}


WRONG = [
    ("E002", {"CLIENT_IDS": "web"}),
    ("E002", {"client_id": "web"}),
    ("E002", {"TENANTS": {"eu": {**TENANT, "BASE_URL": "https://app.example"}}}),
    ("E003", {"BASE_URL": "app.example"}),
    ("E003", {"BASE_URL": "https://app.example/path"}),
    ("E003", {"BASE_URL": "https://"}),
    ("E003", {"BASE_URL": ""}),
    ("E003", {"BASE_URL": "https://app.example:port"}),
    ("E003", {"BASE_URL": "https://app.example:99999"}),
    ("E003", {"BASE_URL": "https://app.example:0"}),
    ("E003", {"BASE_URL": "https://app.example:"}),
    ("E003", {"BASE_URL": "https://:8000"}),
    ("E003", {"BASE_URL": "https://[::1"}),
    ("E003", {"BASE_URL": "https://user@app.example"}),
    ("E003", {"BASE_URL": "https://app.example#part"}),
    ("E004", {"BASE_URL": "http://app.example"}),
    ("E005", {"TRANSACTION_LIFETIME": 0}),
    ("E005", {"TRANSACTION_LIFETIME": 3601}),
    ("E006", {"ENCRYPTION_KEYS": ["no key"]}),
    ("E007", {"CLIENT_ID": ""}),
    ("E007", {"ISSUER": "", "DOMAIN": ""}),
    ("E007", {"TENANTS": {"eu": {"ISSUER": "https://tenant.example/"}}}),
    ("E008", {"ISSUER": "http://tenant.example/"}),
    ("E008", {"ISSUER": "http://localhost:9400/"}),
    ("E008", {"ISSUER": "http://tenant.example/", "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True}),
    ("E008", {"ISSUER": "tenant.example"}),
    ("E007", {"ISSUER": "https://[tenant.example/"}),
    ("E009", {"DOMAIN": "https://tenant.example/"}),
    ("E010", {"CLIENT_AUTHENTICATION": "basic"}),
    ("E011", {"CLIENT_SECRET": ""}),
    ("E011", {"CLIENT_AUTHENTICATION": "private_key_jwt"}),
    ("E011", {"CLIENT_AUTHENTICATION": "tls_client_auth"}),
    ("E011", {"CLIENT_AUTHENTICATION": "client_secret_jwt", "CLIENT_SECRET": ""}),
    ("E017", {"CLIENT_AUTHENTICATION": "client_secret_jwt", "CLIENT_SECRET": "short"}),
    ("E017", {"CLIENT_AUTHENTICATION": "tls_client_auth", "CLIENT_CERTIFICATE": "/no/such/file.pem"}),
    ("E071", {"PROVIDER": "azure"}),
    ("E071", {"PROVIDER": "okta", "ISSUER": "", "DOMAIN": "example.okta.com"}),
    ("E072", {"PROVIDER": "okta", "LINKING": "confirm"}),
    ("E072", {"PROVIDER": "google", "FEDERATED_LOGOUT": True}),
    ("E073", {"RESPONSE_MODE": "fragment"}),
    ("E073", {"USERINFO": "sometimes"}),
    ("E073", {"DISTRIBUTED_CLAIMS": "fetch"}),
    ("E017", {"END_SESSION_ENDPOINT": "http://tenant.example/logout"}),
    ("E070", {"CLIENT_ASSERTION_AUDIENCE": "app"}),
    (
        "E011",
        {
            "CLIENT_AUTHENTICATION": "private_key_jwt",
            "PRIVATE_KEY": "k",
            "CLIENT_SECRET": "",
            "ID_TOKEN_SIGNING_ALG": "HS256",
        },
    ),
    ("E012", {"ID_TOKEN_SIGNING_ALG": "none"}),
    ("E012", {"ID_TOKEN_SIGNING_ALG": "ES256K"}),
    ("E013", {"LEEWAY": 61}),
    ("E013", {"LEEWAY": -1}),
    ("E014", {"SCOPE": "profile email"}),
    ("E014", {"SCOPE": "openidx"}),
    ("E015", {"AUTHORIZATION_PARAMETERS": {"state": "mine"}}),
    ("E015", {"REQUEST_PARAMETERS": ["scope"]}),
    # Values of the wrong type: said, and no exception.
    ("E016", {"BASE_URL": None}),
    ("E016", {"TRANSACTION_LIFETIME": "600"}),
    ("E016", {"TENANTS": ["eu"]}),
    ("E016", {"TENANTS": {"eu": "https://tenant.example/"}}),
    ("E016", {"TENANTS": {"eu": {**TENANT, "LEEWAY": "30"}}}),
    ("E016", {"ALLOWED_NEXT_HOSTS": "shop.example"}),
    ("E016", {"REQUEST_PARAMETERS": "invitation"}),
    ("E016", {"AUTHORIZATION_PARAMETERS": [("audience", "a")]}),
    ("E016", {"ALLOWED_NEXT_HOSTS": ["shop.example", 7]}),
    ("E016", {"ALLOWED_NEXT_HOSTS": [None]}),
    ("E016", {"REQUEST_PARAMETERS": [["invitation"]]}),
    ("E016", {"FLOWS": [7]}),
    ("E016", {"TENANTS": {"default": {**TENANT, "TRUSTED_AUDIENCES": [1]}}}),
    ("E016", {"SCOPE": ["openid", "email"]}),
    ("E016", {"LEEWAY": None}),
    ("E016", {"FEDERATED_LOGOUT": "no"}),
    ("E016", {"CLIENT_SECRET": 7}),
    # What only shows when the parts are put together.
    ("E017", {"ISSUER": "https://tenant.example/?a=b"}),
    ("E017", {"ISSUER": "https://user:password@tenant.example/"}),
    ("E017", {"CLIENT_AUTHENTICATION": "private_key_jwt", "PRIVATE_KEY": "no key"}),
    ("E017", {"ID_TOKEN_SIGNING_ALG": "HS256", "CLIENT_SECRET": "short"}),
    ("E017", {"PRIVATE_KEY_ALG": "ES256K"}),
    ("E017", {"READ_TIMEOUT": 0}),
    ("E018", {"LOGOUT_RETURN_PATH": "goodbye/"}),
    ("E018", {"LOGOUT_RETURN_PATH": "//evil.example/"}),
    ("E018", {"LOGOUT_RETURN_PATH": "@evil.example/"}),
    ("E018", {"LOGOUT_RETURN_PATH": "https://evil.example/"}),
    ("E060", {"LOGOUT_NEXT_URLS": ["goodbye/"]}),
    ("E060", {"LOGOUT_NEXT_URLS": ["//evil.example/"]}),
    ("E060", {"LOGOUT_NEXT_URLS": ["/goodbye/", "https://evil.example/"]}),
    ("E061", {"ANOTHER_ACCOUNT_PROMPT": ""}),
    ("E061", {"ANOTHER_ACCOUNT_PROMPT": "none"}),
    ("E061", {"ANOTHER_ACCOUNT_PROMPT": "login none"}),
    ("E061", {"ANOTHER_ACCOUNT_PROMPT": "consent"}),
    ("E019", {"TENANTS": {"error": TENANT}}),
    ("E019", {"TENANTS": {"a b": TENANT}}),
    ("E019", {"TENANTS": {"a" * 33: TENANT}}),
    ("E019", {"TENANTS": {"": TENANT}}),
    ("E019", {"TENANTS": {7: TENANT}}),
    ("E027", {"TENANTS": {"eu": TENANT}}),
    ("E028", {"TENANTS": {"default": TENANT}, "CLIENT_ID": "web"}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"max_age": "soon"}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"max_age": "9" * 400}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"prompt": ["login", "consent"]}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"prompt": True}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"prompt": "a\0b"}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {7: "a"}}),
    ("E029", {"AUTHORIZATION_PARAMETERS": {"max_age": True, "state": "mine"}}),
    ("E030", {"TRANSPORT_ADAPTER": "nowhere.adapter"}),
    ("E030", {"TRANSPORT_ADAPTER": "adapter"}),
    ("E030", {"FLOWS": ["nowhere.Flow"]}),
    ("E030", {"FLOWS": [""]}),
    ("E031", {"COOKIE_NAME": ""}),
    ("E031", {"COOKIE_NAME": "sign in"}),
    ("E031", {"COOKIE_NAME": "a=b"}),
    ("E031", {"COOKIE_NAME": "a;b"}),
    ("E031", {"COOKIE_NAME": "näme"}),
    ("E031", {"COOKIE_NAME": "a\n"}),
    ("E032", {"ALLOWED_NEXT_HOSTS": ["https://shop.example"]}),
    ("E032", {"ALLOWED_NEXT_HOSTS": [""]}),
    ("E033", {"OPEN_PER_BROWSER": 0}),
    ("E033", {"DUPLICATE_GRACE": -1}),
    ("E033", {"DUPLICATE_PATIENCE": -0.5}),
    ("E033", {"DUPLICATE_PATIENCE": float("nan")}),
    ("E016", {"PROVIDER_USERINFO": ["slack"]}),
    ("E016", {"REFRESH_TOKEN_ROTATION": "off"}),
    ("E017", {"PROVIDER_USERINFO": {"slack": {"url": "http://slack.example/"}}}),
    ("E017", {"PROVIDER_USERINFO": {"slack": {"subject": "id"}}}),
    ("E017", {"PROVIDER_USERINFO": {"slack": "https://slack.example/"}}),
    ("E017", {"PROVIDER_USERINFO": {"slack": {"url": "https://slack.example/", "sub": "id"}}}),
    ("E040", {"MANAGEMENT_CLIENT_ID": ""}),
    ("E040", {"MANAGEMENT_CLIENT_SECRET": ""}),
    ("E041", {"MANAGEMENT_DOMAIN": "https://tenant.eu.auth0.com/"}),
    ("W001", {"ENCRYPTION_KEYS": ()}),
    ("W010", {"MANAGEMENT_CLIENT_ID": "web"}),
]


@pytest.mark.security("B13", "B16")
@pytest.mark.parametrize(
    ("number", "keys"), WRONG, ids=[f"{number} {str(keys)[:60]}" for number, keys in WRONG]
)
def test_a_wrong_value_is_said_with_a_hint(configure, number, keys):
    configure(**keys)
    messages = found()
    assert number in messages, messages
    assert messages[number].hint


def test_the_extra_that_is_not_installed_is_said(monkeypatch):
    monkeypatch.setattr(tenants, "find_spec", lambda name: None)
    messages = found()
    assert list(messages) == ["E042"]
    assert "django-stateful-oauth[linking]" in messages["E042"].hint


def test_a_number_that_has_no_text_is_said(configure):
    configure(AUTHORIZATION_PARAMETERS={"level": 10**5000})
    assert list(found()) == ["E029"]


@pytest.mark.security("S16")
def test_no_message_shows_a_secret(configure):
    secrets = {"CLIENT_SECRET": "sentinel-of-the-secret", "PRIVATE_KEY": "sentinel-of-the-key"}
    secrets |= {"MANAGEMENT_CLIENT_ID": "", "MANAGEMENT_CLIENT_SECRET": "sentinel-of-the-machine"}
    configure(**secrets, CLIENT_AUTHENTICATION="private_key_jwt", ENCRYPTION_KEYS=["sentinel-of-the-ring"])
    assert found()
    assert "sentinel" not in str([(message.msg, message.hint) for message in found().values()])


@pytest.mark.parametrize("value", [None, [], "x"])
def test_settings_that_are_missing_or_no_dict_are_said(settings, value):
    settings.STATEFUL_OAUTH = value
    assert list(found()) == ["E001"]


@pytest.mark.parametrize(
    ("number", "keys"),
    [
        ("E043", {**LINKING, "LINKING": "Automatic"}),
        ("E043", {**LINKING, "LINKING": ""}),
        ("E044", {"LINKING": "confirm", "MANAGEMENT_CLIENT_ID": "", "MANAGEMENT_CLIENT_SECRET": ""}),
        ("E045", {"LINKING_TRIES": 0}),
        ("E045", {"LINKING_TRIES": 11}),
        ("E045", {"LINKING_TRIES": 1.5}),
        ("E050", {"FRAME_ANCESTORS": ["*"]}),
        ("E050", {"FRAME_ANCESTORS": ["teams.example"]}),
        ("E050", {"FRAME_ANCESTORS": ["https://teams.example; script-src *"]}),
        ("E050", {"FRAME_ANCESTORS": ["https://teams.example/tab"]}),
        ("E052", {"COOKIE_SAMESITE": "Strict"}),
        ("E052", {"COOKIE_SAMESITE": "None", "BASE_URL": "http://localhost:8000"}),
        ("E053", {"COOKIE_PARTITIONED": True}),
        ("E051", {"ALLOW_BACKGROUND_STARTS_OF": ["sign-in"]}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"": {}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"x" * 129: {}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {1: {}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": ["repo"]}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"scope": "repo"}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"title": 1}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"scopes": "repo"}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"scopes": ["two words"]}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"parameters": ["prompt"]}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"parameters": {"redirect_uri": "x"}}}}),
        ("E046", {**CONNECTING, "CONNECTIONS": {"github": {"parameters": {"prompt": ["x"]}}}}),
        ("E047", {**LINKING, "LINKING": "confirm", "LINKING_APP_METADATA_KEYS": [""]}),
        ("E047", {**LINKING, "LINKING": "confirm", "LINKING_TRUSTED_CONNECTIONS": ["", "github"]}),
        ("W011", {**LINKING, "LINKING": "automatic"}),
        ("W012", {**CONNECTING, "CONNECTIONS": {"github": {}}, "SCOPE": "openid"}),
        ("W013", {**CONNECTING, "CONNECTIONS": {"github": {}}, "REFRESH_TOKEN_ROTATION": True}),
    ],
)
def test_what_connecting_and_linking_lack_is_said_with_a_hint(configure, number, keys):
    configure(**keys)
    messages = found()
    assert list(messages) == [number]
    assert messages[number].hint


def test_linking_without_its_extra_is_said(configure, monkeypatch):
    monkeypatch.setattr(tenants, "find_spec", lambda name: None)
    configure(**LINKING, LINKING="confirm")
    assert list(found()) == ["E042"]


@pytest.mark.parametrize(
    ("left_out", "keys"),
    [
        ("connect_callback", {**CONNECTING, "CONNECTIONS": {"github": {}}}),
        ("link_callback", {**LINKING, "LINKING": "confirm"}),
    ],
)
def test_addresses_that_were_left_out_are_said(configure, settings, left_out, keys):
    """A project that writes its own list of addresses may forget the callbacks of the other flows."""
    settings.ROOT_URLCONF = type("Addresses", (), {"urlpatterns": addresses_without(left_out)})
    configure(**keys)
    assert list(found()) == ["E022"]
    assert left_out in found()["E022"].msg


def addresses_without(name):
    own = [pattern for pattern in urls.urlpatterns if pattern.name != name]
    return [path("auth/", include((own, "stateful_oauth")))]


PROJECT = [
    ("E020", "AUTHENTICATION_BACKENDS", ["django.contrib.auth.backends.ModelBackend"]),
    ("E020", "AUTHENTICATION_BACKENDS", ["nowhere.Backend"]),
    ("E022", "ROOT_URLCONF", "django.contrib.auth.urls"),
    ("E023", "MIDDLEWARE", ["django.contrib.sessions.middleware.SessionMiddleware"]),
    ("E023", "MIDDLEWARE", ["django.contrib.auth.middleware.AuthenticationMiddleware"]),
    ("E024", "TEMPLATES", []),
    ("E025", "USE_TZ", False),
    ("E026", "DATABASE_ROUTERS", [f"{__name__}.UsersElsewhere"]),
    ("E026", "DATABASE_ROUTERS", [f"{__name__}.Nowhere"]),
    ("W002", "SESSION_COOKIE_SAMESITE", "Strict"),
    ("W003", "SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies"),
]


@pytest.mark.parametrize(("number", "name", "value"), PROJECT)
def test_what_the_project_lacks_is_said_with_a_hint(settings, number, name, value):
    setattr(settings, name, value)
    messages = found()
    assert list(messages) == [number]
    assert messages[number].hint


@pytest.mark.parametrize("vendor", ["mysql", "oracle", "unknown"])
def test_a_database_that_is_none_of_the_two_is_said(monkeypatch, vendor):
    monkeypatch.setattr(type(connections["default"]), "vendor", vendor)
    assert list(found()) == ["E026"]


def test_one_database_that_is_not_the_default_will_do(settings, monkeypatch):
    settings.DATABASE_ROUTERS = [f"{__name__}.Nowhere"]
    monkeypatch.setitem(connections.settings, "nowhere", connections.settings["default"])
    try:
        assert found() == {}
    finally:
        del connections["nowhere"]


def test_every_id_stands_in_the_documentation(pytestconfig):
    source = "".join(file.read_text() for file in Path(checks.__file__).parent.glob("*.py"))
    ids = set(re.findall(r'"(?:stateful_oauth\.)?([EW]\d{3})"', source))
    table = (pytestconfig.rootpath / "docs" / "settings.md").read_text().partition("## System checks")[2]
    assert ids == set(re.findall(r"\b[EW]\d{3}\b", table))


def test_tables_that_are_not_installed_are_said(settings):
    settings.INSTALLED_APPS = [name for name in settings.INSTALLED_APPS if name != "stateful_oauth.storage"]
    assert "E021" in found()


def test_a_subclass_of_a_middleware_will_do(settings):
    settings.MIDDLEWARE = [f"{__name__}.OurSessions", *settings.MIDDLEWARE[2:]]
    assert found() == {}


def test_the_checks_run_with_djangos():
    assert run_checks(tags=["security"]) == []
