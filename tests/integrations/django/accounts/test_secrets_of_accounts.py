"""What connecting and linking hold in their hands reaches nobody: no log, page, cookie, repr or column."""

from __future__ import annotations

import logging
from urllib.parse import parse_qs, urlsplit

import pytest

from stateful_oauth.django.actions.tokens import access_token, provider_token
from stateful_oauth.emulator.connect_flows import ConnectFlows
from stateful_oauth.storage.models import FlowTransaction
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing.browser import Browser
from tests.support import accounts_site
from tests.support.link_pages import asked
from tests.support.project_requests import request_of
from tests.support.rows import dump

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True)]

XPTO = accounts_site.XPTO
DIARY = "dear-diary-of-a-user"


@pytest.fixture
def secrets(tenant, caplog):
    """Every secret that comes by, by name."""
    accounts_site.prepare(tenant)
    caplog.set_level(logging.DEBUG)
    found = {
        "client secret": "a-client-secret-of-the-tests-0123456789",
        "machine secret": "a-machine-secret-of-the-tests-0123456789",
    }

    def note(body):
        for name in ("access_token", "refresh_token", "id_token"):
            if name in body:
                found[f"{name} {len(found)}"] = body[name]

    tenant.token_reply_hook = note
    with accounts_site.site():
        yield found


def logged(caplog):
    formatter = logging.Formatter("%(name)s %(message)s")
    return "\n".join(f"{formatter.format(r)} {r.args!r} {r.__dict__!r}" for r in caplog.records)


def found_in(secrets, text, *but):
    return [name for name, secret in secrets.items() if secret in text and name not in but]


def nowhere(secrets, caplog, pages):
    assert found_in(secrets, logged(caplog)) == []
    assert found_in(secrets, "".join(page.content.decode() for page in pages)) == []
    assert {place: names for place, text in dump().items() if (names := found_in(secrets, text))} == {}


def row_secrets(kind):
    row = DjangoTransactionStore().load(FlowTransaction.objects.get(kind=kind).pk)
    shown = f"{row!r} {dict(row.secrets)!r}"
    secrets = {f"{kind} {name}": secret.reveal() for name, secret in row.secrets.items()}
    # `state` is compared and is in the browser's address bar; `connect_uri` is where the browser is sent.
    return shown, {
        name: value for name, value in secrets.items() if not name.endswith((" state", "connect_uri"))
    }


def fails(tenant, endpoint):
    tenant.faults.add(endpoint, "html", None)


@pytest.mark.parametrize("world", ["works", "fails", "is refused"])
def test_no_secret_of_a_connection_is_in_database_or_log(tenant, browser, secrets, caplog, world):
    user = tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email="g@example.com", connection="google-oauth2", user_id="100", signed_up=False)
    browser.sign_in(user.user_id)
    location = browser.post("/auth/connect/", {"connection": "google-oauth2", "next": "/accounts/"})[
        "Location"
    ]
    secrets["ticket"] = parse_qs(urlsplit(location).query)["ticket"][0]
    flow = list(tenant.part(ConnectFlows)._by_session.values())[-1]
    secrets["auth session"] = flow.auth_session
    shown, more = row_secrets("connect_account")
    assert found_in(more, shown) == []
    secrets |= more
    callback = browser.visitor.connect(location, as_account="google-oauth2|100")
    secrets["connect code"] = callback.fields["connect_code"]
    if world == "fails":
        fails(tenant, "/me/v1/connected-accounts/*")
    if world == "is refused":
        tenant.faults.add(
            "/me/v1/connected-accounts/complete", "answer", status=400,
            json={"type": "x", "status": 400, "title": "Bad", "detail": f"{secrets['connect code']} is bad"},
        )  # fmt: skip
    response = browser.get(callback)
    pages = [browser.opens(response)]
    assert len(secrets) > 10
    nowhere(secrets, caplog, pages)
    if world == "works":
        request = request_of(browser)
        vault = provider_token(request, "google-oauth2")
        kept = access_token(request, audience=tenant.my_account_audience, scope="read:me:connected_accounts")
        assert found_in(secrets, f"{vault!r} {kept!r}") == []
        assert vault.value.reveal() in secrets.values()
        assert kept.value.reveal() in secrets.values()
        assert {place for place, text in dump().items() if found_in(secrets, text)} == set()


@pytest.mark.security("S16", "B50")
@pytest.mark.parametrize("world", ["works", "fails", "is refused", "is kept apart"])
def test_no_secret_of_a_link_is_in_database_or_log(tenant, browser, secrets, caplog, world):
    social = tenant.add_user(email=XPTO, connection="google-oauth2", user_metadata={"diary": DIARY})
    Browser(tenant).sign_in(social.user_id)
    newcomer = tenant.add_user(email=XPTO, password="x", user_metadata={"plan": "secret-plan-of-a-user"})
    secrets |= {"primary's metadata": DIARY, "secondary's metadata": "secret-plan-of-a-user"}
    question = asked(browser, browser.sign_in(newcomer.user_id, next_url="/accounts/"))
    pages = [question.page]
    if world == "is kept apart":
        question.keep_apart()
        nowhere(secrets, caplog, pages)
        return
    to_provider = browser.post(f"{question.address}confirm/")["Location"]
    shown, more = row_secrets("account_linking")
    assert found_in(more, shown) == []
    # The nonce is in the address that the browser is sent to, which the page repeats for who comes back.
    secrets |= {name: value for name, value in more.items() if not name.endswith("nonce")}
    callback = browser.authorize(to_provider, social.user_id)
    secrets["code"] = callback.fields["code"]
    if world == "fails":
        fails(tenant, "/api/v2/*")
    if world == "is refused":
        tenant.faults.add(
            "/api/v2/users/{id}/identities", "answer", None, status=400,
            json={"statusCode": 400, "error": "Bad Request", "message": f"{DIARY} {secrets['code']}"},
        )  # fmt: skip
    response = browser.get(callback)
    pages += [browser.get(question.address)] if response.status_code == 303 else [response]
    nowhere(secrets, caplog, pages)
    assert len(secrets) > 10
    if world == "works":
        assert FlowTransaction.objects.get(kind="account_linking").secrets is None


def test_an_address_of_a_candidate_is_in_no_log(tenant, browser, secrets, caplog):
    """Whose e-mail it is, the log need not say."""
    tenant.add_user(email=XPTO, password="x")
    google = tenant.add_user(email=XPTO, connection="google-oauth2")
    browser.sign_in(google.user_id)
    assert XPTO not in logged(caplog)
