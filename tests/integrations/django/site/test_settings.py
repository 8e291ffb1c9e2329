"""Settings: read anew at every request, so that `override_settings` works; and several tenants at once."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.contrib.auth import get_user_model
from django.test import override_settings
from requests.adapters import BaseAdapter

from stateful_oauth.django import wiring
from stateful_oauth.django.conf import conf
from stateful_oauth.emulator import Tenant
from stateful_oauth.flows.engine.errors import InvalidInput
from stateful_oauth.storage.models import FlowTransaction
from tests.support.error_pages import Form, error_code, shown
from tests.support.rows import the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"


def asked(browser):
    """The parameters that a sign-in asks the provider with."""
    return {name: values[0] for name, values in parse_qs(urlsplit(browser.start()).query).items()}


# One key after the other.


@pytest.mark.security("B16")
def test_a_change_holds_at_once_and_only_as_long_as_it_lasts(browser, settings):
    """Another library builds its client at import."""
    with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "SCOPE": "openid"}):
        assert asked(browser)["scope"] == "openid"
    assert asked(browser)["scope"] == "openid profile email"


@pytest.mark.security("S2", "B10", "B14")
def test_the_parameters_are_those_of_the_settings_and_the_flow(browser, configure):
    """Nothing of the request, nothing that is None."""
    configure(AUTHORIZATION_PARAMETERS={"audience": "https://api.example/", "prompt": None, "max_age": 0})
    found = parse_qs(
        urlsplit(browser.get("/auth/login/?prompt=none&state=mine&scope=admin")["Location"]).query
    )
    assert set(found) == {
        "audience", "max_age", "response_type", "client_id", "redirect_uri", "scope", "state", "nonce",
        "code_challenge", "code_challenge_method",
    }  # fmt: skip
    assert found["audience"] == ["https://api.example/"]
    assert found["max_age"] == ["0"]
    assert found["scope"] == ["openid profile email"]
    assert len(found["state"][0]) == 54


@pytest.mark.security("B10")
@pytest.mark.parametrize(
    "name", ["state", "nonce", "redirect_uri", "code_challenge", "client_id", "response_mode"]
)
def test_what_the_flow_sets_cannot_be_configured(browser, configure, name):
    """The project's mistake, and so an exception, which names the parameter."""
    configure(AUTHORIZATION_PARAMETERS={name: "mine"})
    with pytest.raises(InvalidInput, match=name):
        browser.start()
    assert not FlowTransaction.objects.exists()


@pytest.mark.security("B15")
@pytest.mark.parametrize("value", [True, 1.5, ["a", "b"], {"a": 1}, b"a", 10**5000], ids=type)
def test_a_parameter_that_is_no_text_and_no_whole_number_is_refused_by_name(browser, configure, value):
    """What `str()` makes of it is nothing that a provider could mean."""
    configure(AUTHORIZATION_PARAMETERS={"acr_values": value})
    with pytest.raises(InvalidInput, match="input_invalid: acr_values"):
        browser.start()
    assert not FlowTransaction.objects.exists()


@pytest.mark.parametrize("value", ["9" * 10, "9" * 400, 10**9, -1, "", "\u0663", "1 "], ids=ascii)
def test_an_age_that_nobody_can_mean_is_refused(browser, configure, value):
    configure(AUTHORIZATION_PARAMETERS={"max_age": value})
    with pytest.raises(InvalidInput, match="max_age"):
        browser.start()


def test_the_longest_age_signs_in(browser, configure):
    configure(AUTHORIZATION_PARAMETERS={"max_age": 999_999_999})
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_the_request_may_add_what_the_settings_name(browser, configure):
    configure(REQUEST_PARAMETERS=["invitation", "organization"])
    location = browser.get("/auth/login/?invitation=i1&organization=org_1&prompt=none&screen_hint=")[
        "Location"
    ]
    found = parse_qs(urlsplit(location).query)
    assert (found["invitation"], found["organization"]) == (["i1"], ["org_1"])
    assert "prompt" not in found


@pytest.mark.security("S18")
@pytest.mark.parametrize("value", ["\0", "a\0b", "a\r\nb", "a" * 513, ""], ids=repr)
def test_what_no_provider_could_mean_is_not_passed_on(browser, configure, value):
    """Bad input is never a 500, in no database."""
    configure(REQUEST_PARAMETERS=["organization"])
    response = browser.client.get(
        "/auth/login/", {"organization": value}, secure=True, headers={"host": "app.example"}
    )
    assert response.status_code == 303
    assert "organization=" not in response["Location"]


@pytest.mark.parametrize("value", ["soon", "-1", "1.5", "9" * 10, "9" * 600, "\u0663"])
def test_an_age_that_is_no_number_is_not_passed_on(browser, configure, value):
    configure(REQUEST_PARAMETERS=["max_age"])
    response = browser.get(f"/auth/login/?max_age={value}")
    assert response.status_code == 303
    assert "max_age" not in response["Location"]


def test_the_cookie_has_the_name_of_the_settings(browser, configure):
    configure(COOKIE_NAME="sign_in")
    assert "__Host-sign_in" in browser.get("/auth/login/").cookies


def test_a_domain_stands_for_auth0s_issuer(browser, configure):
    configure(ISSUER="", DOMAIN="tenant.example")
    assert conf.tenant("default").issuer == "https://tenant.example/"
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_http_basic_authenticates_the_client(browser, configure, tenant):
    configure(CLIENT_AUTHENTICATION="client_secret_basic")
    assert browser.sign_in(ADA)["Location"] == "/profile/"


@pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS256"])
def test_a_private_key_authenticates_the_client(browser, configure, tenant, algorithm):
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    tenant.clients["web"].public_keys = [public.decode()]
    configure(
        CLIENT_AUTHENTICATION="private_key_jwt",
        PRIVATE_KEY=private.decode(),
        PRIVATE_KEY_ALG=algorithm,
        CLIENT_SECRET="",
    )
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_a_wrong_secret_has_its_code(browser, configure):
    configure(CLIENT_SECRET="another")
    assert shown(browser, browser.sign_in(ADA)) == ("client_rejected", 502)


@pytest.mark.security("T3", "T5")
def test_trusted_audiences_are_a_setting(browser, tenant, configure):
    tenant.id_token_hook = lambda claims, header: claims.update(aud=["web", "api"], azp="web")
    assert error_code(browser.sign_in(ADA)) == "id_token_audience"
    configure(TRUSTED_AUDIENCES=["api"])
    assert browser.sign_in(ADA)["Location"] == "/profile/"


def test_the_age_of_a_token_is_a_setting(browser, tenant, configure):
    tenant.id_token_hook = lambda claims, header: claims.update(iat=claims["iat"] - 300)
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    configure(MAX_TOKEN_AGE=60)
    assert error_code(browser.sign_in(ADA)) == "id_token_issued_at"


@pytest.mark.security("S16")
def test_a_sign_in_survives_a_new_key_as_long_as_the_old_one_is_kept(browser, configure):
    """Keys are rotated while people sign in."""
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    configure(ENCRYPTION_KEYS=[old])
    callback = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    configure(ENCRYPTION_KEYS=[new, old])
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_a_sign_in_whose_key_is_gone_is_told_so_and_can_be_started_again(browser, configure):
    old, new = (Fernet.generate_key().decode() for _ in range(2))
    configure(ENCRYPTION_KEYS=[old])
    callback = browser.visitor.authorize(browser.start(), ADA)
    configure(ENCRYPTION_KEYS=[new])
    assert shown(browser, browser.get(callback)) == ("quarantined", 503)
    configure(ENCRYPTION_KEYS=[new, old])
    assert browser.get(callback)["Location"] == "/profile/"


# Several tenants.


class Internet(BaseAdapter):
    """Brings a request to the tenant that it is for."""

    tenants: list[Tenant]

    def __init__(self, tenants):
        super().__init__()
        self.tenants = tenants

    def send(self, request, **options):
        wanted = urlsplit(request.url).netloc
        [tenant] = [tenant for tenant in self.tenants if tenant.domain == wanted]
        return tenant.adapter().send(request, **options)

    def close(self):
        pass


@pytest.fixture
def tenants(clock, configure, tenant):
    """Two tenants, of which none is called `default`."""
    made = {}
    for alias in ("first", "second"):
        made[alias] = Tenant(issuer=f"https://{alias}.example/")
        made[alias].clock.follow(clock.timestamp)
        made[alias].add_client(
            client_id=f"client-of-{alias}",
            client_secret="secret-of-" + alias,
            callbacks=[f"https://app.example/auth/{alias}/callback/"],
            logout_urls=["https://app.example/"],
        )
        made[alias].add_user(email=ADA, user_id="auth0|1")
    configure(
        TENANTS={
            alias: {
                "ISSUER": each.issuer,
                "CLIENT_ID": f"client-of-{alias}",
                "CLIENT_SECRET": "secret-of-" + alias,
            }
            for alias, each in made.items()
        },
        TRANSPORT_ADAPTER=Internet(list(made.values())),
    )
    return made


def begin(browser, alias, next_url="/profile/"):
    return browser.get(f"/auth/{alias}/login/?next={next_url}")["Location"]


@pytest.mark.security("S4")
def test_each_tenant_has_its_own_callback_and_the_same_subject_is_two_users(
    browser, another_browser, tenants
):
    """RFC 9700 §4.4.2.2."""
    found = {}
    for alias, each in tenants.items():
        person = another_browser()
        visitor = each.visitor()
        location = begin(person, alias)
        assert location.startswith(each.issuer)
        callback = visitor.authorize(location, ADA)
        assert callback.startswith(f"https://app.example/auth/{alias}/callback/")
        assert person.get(callback)["Location"] == "/profile/"
        found[alias] = person.user_id
        assert person.client.session["stateful_oauth"]["tenant"] == alias
    assert found["first"] != found["second"]
    assert get_user_model().objects.count() == 2


@pytest.mark.security("S4")
def test_a_callback_of_one_tenant_is_refused_for_the_attempt_of_another_and_burns_nothing(browser, tenants):
    """The mix-up attack: the code of an honest provider is not sent to another one's token endpoint."""
    callback = tenants["first"].visitor().authorize(begin(browser, "first", "/profile/?tab=2"), ADA)
    assert shown(browser, browser.get(callback.replace("/first/", "/second/"))) == ("wrong_flow", 400)
    assert browser.get(callback.replace("/first/", "/")).status_code == 404
    assert the_row().state == "awaiting_callback"
    assert not tenants["second"].requests["/oauth/token"]
    assert browser.get(callback)["Location"] == "/profile/?tab=2"


def test_a_sign_out_goes_to_the_tenant_of_the_session(browser, tenants):
    browser.get(tenants["second"].visitor().authorize(begin(browser, "second"), ADA))
    assert browser.post("/auth/logout/")["Location"].startswith("https://second.example/oidc/logout?")


@pytest.mark.parametrize("alias", ["first", "second"])
def test_an_error_page_starts_again_at_the_tenant_of_the_attempt(browser, tenants, alias):
    refused = browser.get(str(tenants[alias].visitor().decline(begin(browser, alias, "/profile/?tab=2"))))
    form = Form.of(browser.opens(refused))
    assert form.action == f"/auth/{alias}/login/"
    assert form.submit(browser)["Location"].startswith(f"https://{alias}.example/authorize")


@pytest.mark.parametrize("alias", ["first", "second"])
def test_without_an_attempt_it_starts_again_at_the_tenant_of_the_address(browser, tenants, alias):
    """A site without a tenant called `default` has no login page at `login/`."""
    refused = browser.get(f"/auth/{alias}/callback/?code=x")
    assert shown(browser, refused) == ("state_missing", 400)
    assert Form.of(browser.opens(refused)).action == f"/auth/{alias}/login/"


@pytest.mark.parametrize(
    "address", ["/auth/restart/", "/auth/restart/?tenant=nobody", "/auth/error/state_missing/"]
)
def test_where_nothing_names_a_tenant_it_is_the_first(browser, tenants, address):
    assert Form.of(browser.get(address)).action == "/auth/first/login/"


def test_the_restart_page_may_name_a_tenant(browser, tenants):
    """Each application in Auth0 has a login URI of its own."""
    assert Form.of(browser.get("/auth/restart/?tenant=second")).action == "/auth/second/login/"


@pytest.mark.parametrize("page", ["login", "callback"])
def test_an_unknown_tenant_is_not_found(browser, tenants, page):
    assert browser.get(f"/auth/nobody/{page}/").status_code == 404
    assert browser.get(f"/auth/{page}/").status_code == 404


def test_a_tenant_may_be_called_default(browser, tenant, configure, settings):
    keys = {name: settings.STATEFUL_OAUTH[name] for name in ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")}
    configure(TENANTS={"default": keys})
    assert browser.sign_in(ADA)["Location"] == "/profile/"
    assert Form.of(browser.get("/auth/restart/")).action == "/auth/login/"


def test_the_apis_of_accounts_work_with_the_settings(tenant):
    """Through the one test seam that there is, TRANSPORT_ADAPTER."""
    found = wiring.provider("default").management.users_by_email(ADA, time_limit=5)
    assert [profile.email for profile in found] == [ADA]
    assert wiring.provider("default").my_account.audience == tenant.my_account_audience
    assert not wiring.provider("default").rotates_refresh_tokens()


def test_a_refresh_token_is_assumed_to_rotate_unless_it_is_said(tenant, configure, settings):
    values = {
        name: value for name, value in settings.STATEFUL_OAUTH.items() if name != "REFRESH_TOKEN_ROTATION"
    }
    settings.STATEFUL_OAUTH = values
    assert wiring.provider("default").rotates_refresh_tokens()


def test_the_management_api_is_at_a_domain_of_its_own(tenant, configure):
    configure(MANAGEMENT_DOMAIN="tenant.eu.auth0.example")
    config = wiring.provider_config("default")
    assert config.management_base_url == "https://tenant.eu.auth0.example/"
    assert config.management_audience == "https://tenant.eu.auth0.example/api/v2/"
