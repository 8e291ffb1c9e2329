"""No frame of the package holds a code, `state`, verifier or token in clear, whatever breaks in it."""

from __future__ import annotations

import logging
import sys

import django
import pytest
from django.core import mail as django_mail
from django.core.signals import got_request_exception
from django.utils.log import AdminEmailHandler
from django.views.debug import ExceptionReporter

from stateful_oauth.auth0 import id_token
from stateful_oauth.auth0.jwks import Keys
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.django.actions import callbacks, callers
from stateful_oauth.django.actions.tokens import access_token, provider_token
from stateful_oauth.django.backends import Auth0Backend
from stateful_oauth.django.pages import flow_pages as pages
from stateful_oauth.django.telemetry.observer import SiteObserver
from stateful_oauth.emulator.transports import RequestsAdapter
from stateful_oauth.flows.engine.engine import Engine
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.openid import TokenResponse
from stateful_oauth.flows.oauth.sign_in import SignIn
from stateful_oauth.storage import encryption
from stateful_oauth.storage.store import DjangoTransactionStore
from stateful_oauth.testing.browser import Browser
from tests.support.accounts_site import QWERTY, XPTO, prepare, site
from tests.support.frames import MARK, Watch, frames_of, mark_secrets, shows
from tests.support.link_pages import asked
from tests.support.project_requests import request_of

pytestmark = [pytest.mark.django_db(transaction=True)]

# What works on a value itself and calls nothing else with it: no error comes out of there with its variables.
LEAVES = (
    "auth0/json_members.py:", "flows/engine/secret.py:",
    "flows/oauth/authorization_response.py: _is_well_formed:", "flows/oauth/pkce.py: code_challenge:",
    "flows/engine/identifiers.py: digest:", "flows/engine/identifiers.py: transaction_id_of:",
    "storage/encryption.py: unseal:",
    "storage/grants.py: _unseal_tokens.<locals>", "storage/rows.py: SealedSecrets._opened.<locals>",
    "django/actions/callbacks.py: _holds", "django/actions/callbacks.py: _take_out.<locals>",
)  # fmt: skip


@pytest.fixture
def marked(monkeypatch, tenant):
    mark_secrets(monkeypatch)
    prepare(tenant)
    tenant.settings.par = True
    tenant.add_user(email=XPTO, password="x")
    tenant.add_user(email=QWERTY, connection="google-oauth2", signed_up=False)
    return tenant


def sign_in(tenant):
    browser = Browser(tenant)
    browser.sign_in(XPTO)
    return browser


def connect(tenant):
    browser = sign_in(tenant)
    browser.connect("google-oauth2", QWERTY)
    request = request_of(browser)
    provider_token(request, "google-oauth2")
    access_token(request, audience=tenant.my_account_audience, scope="read:me:connected_accounts")
    browser.post("/auth/logout/")


def link(tenant):
    first = tenant.add_user(email="w@example.com", connection="google-oauth2")
    Browser(tenant).sign_in(first.user_id)
    browser = Browser(tenant)
    newcomer = tenant.add_user(email="w@example.com", password="x")
    question = asked(browser, browser.sign_in(newcomer.user_id))
    question.confirm(first.user_id)


@pytest.mark.security("S16")
@pytest.mark.parametrize("does", [sign_in, connect, link])
@pytest.mark.parametrize("par", [False, True])
def test_no_variable_of_a_frame_shows_a_secret(marked, does, par):
    watch = Watch()
    with site(PUSHED_AUTHORIZATION_REQUESTS=par), watch.watching():
        does(marked)
    assert watch.frames > 500
    found = "\n".join(sorted(each for each in watch.found if not each.startswith(LEAVES)))
    assert not found, found


class Broken(RuntimeError):
    """What nobody expected."""


PLACES = {
    "reading the row": (DjangoTransactionStore, "load"),
    "writing the row": (DjangoTransactionStore, "save"),
    "the transport": (Transport, "send"),
    "the transport's adapter": (RequestsAdapter, "send"),
    "the observer": (SiteObserver, "transitioned"),
    "the backend": (Auth0Backend, "authenticate"),
    "making the user": (Auth0Backend, "make_user"),
    "making the session": (callers, "sign_in"),
    "sealing": (encryption, "seal"),
    "unsealing": (encryption, "unseal"),
    "the rules of the ID token": (id_token, "_Case"),
    "the keys": (Keys, "find"),
    "the answer of the token endpoint": (TokenResponse, "__init__"),
    "what is kept of the tokens": (SignIn, "granted"),
    "the response": (pages, "save_session"),
    "reading the parameters": (AuthorizationResponse, "parse"),
    "whether it is a prefetch": (pages, "is_prefetch"),
    "the settings of the tenant": (callbacks, "tenant_or_404"),
    "the engine": (Engine, "dispatch"),
}


@pytest.mark.security("S16")
@pytest.mark.parametrize("place", PLACES)
def test_error_reports_show_no_secret_wherever_a_callback_breaks(marked, monkeypatch, settings, place):
    """What Django mails, what it shows under DEBUG, and what any other reporter finds in the frames."""
    errors, reports = [], []

    def report(request, **_):
        kind, error, trace = sys.exc_info()
        errors.append(error)
        for debug in (False, True):
            settings.DEBUG = debug
            reporter = ExceptionReporter(request, kind, error, trace)
            reports.extend([reporter.get_traceback_text(), reporter.get_traceback_html()])
        settings.DEBUG = False

    def fail(*args, **kwargs):
        del args, kwargs  # this frame is not the package's
        raise Broken

    mails = AdminEmailHandler(include_html=True)
    logger = logging.getLogger("django.request")
    settings.ADMINS = ["ops@example.com"] if django.VERSION >= (6, 0) else [("Ops", "ops@example.com")]
    with site(LINKING="off"):
        browser = Browser(marked)
        browser.client.raise_request_exception = False
        callback = browser.authorize(browser.start(), XPTO)
        monkeypatch.setattr(*PLACES[place], fail)
        got_request_exception.connect(report)
        logger.addHandler(mails)
        try:
            # Servers and proxies keep the address in variables of their own.
            address = str(callback)
            response = browser.get(callback, REQUEST_URI=address, HTTP_X_ORIGINAL_URL=address)
            assert response.status_code == 500
        finally:
            logger.removeHandler(mails)
            got_request_exception.disconnect(report)
    assert len(errors) == 1
    shown = {f"{where}: {name}" for where, name, value in frames_of(errors[0]) if shows(value)}
    assert shown == set()
    assert len(reports) == 4
    assert [report[max(0, at - 300) : at + 60] for report in reports if (at := report.find(MARK)) >= 0] == []
    assert django_mail.outbox
    assert MARK not in "".join(f"{each.body}{each.alternatives}{each.subject}" for each in django_mail.outbox)
