"""What a developer sees of an error: on the page with `DEBUG`, in the log, in hints and commands."""

from __future__ import annotations

import logging
import re
import sys

import pytest
import requests
from django.core.checks import run_checks
from django.core.management import CommandError, call_command
from django.db import connection

from stateful_oauth.auth0.transport import Transport
from stateful_oauth.django.conf import SITE_DEFAULTS, TENANT_DEFAULTS
from stateful_oauth.django.documentation import documentation
from stateful_oauth.django.pages.site_faults import SITE_FAULTS
from stateful_oauth.emulator import Tenant
from stateful_oauth.emulator.server import EmulatorServer
from stateful_oauth.flows.error_codes import ERROR_CODES
from stateful_oauth.flows.oauth.errors import ProviderUnreachable
from stateful_oauth.testing.browser import Browser
from stateful_oauth.testing.clock import ManualClock
from stateful_oauth.testing.tenants import at_the_tenant, tenant_of_settings
from tests.support.error_pages import error_code, shown
from tests.support.rows import the_row

ADA = "ada@example.com"


def refuse_the_client(tenant):
    tenant.faults.add("/oauth/token", "answer", status=401, json={"error": "invalid_client"})


def test_debug_page_adds_meaning_remedy_and_command(browser, tenant, settings):
    settings.DEBUG = True
    refuse_the_client(tenant)
    page = browser.opens(browser.sign_in(ADA)).content.decode()
    known = ERROR_CODES["client_rejected"]
    assert known.meaning.split(":")[0] in page
    assert "Check CLIENT_ID" in page
    assert "python manage.py flows_doctor" in page
    assert f'href="{documentation("error-codes", "client_rejected")}"' in page


def test_debug_page_of_a_users_error_names_the_transaction(browser, tenant, settings):
    settings.DEBUG = True
    tenant.faults.add("/oauth/token", "answer", status=403, json={"error": "invalid_grant"})
    page = browser.opens(browser.sign_in(ADA)).content.decode()
    assert f"python manage.py flow_show {the_row().pk}" in page


def test_page_without_debug_tells_users_nothing_of_it(browser, tenant):
    refuse_the_client(tenant)
    page = browser.opens(browser.sign_in(ADA)).content.decode()
    assert "CLIENT_ID" not in page
    assert "manage.py" not in page


@pytest.mark.parametrize(
    ("endpoint", "answer", "code"),
    [
        ("/oauth/token", {"status": 401, "json": {"error": "invalid_client"}}, "client_rejected"),
        ("/oauth/token", {"status": 400, "json": {"error": "invalid_scope"}}, "request_rejected"),
        (
            "/.well-known/openid-configuration",
            {"status": 200, "json": {"issuer": "https://another.example/"}},
            "discovery_invalid",
        ),
    ],
)
def test_fault_of_the_site_is_logged_as_an_error_with_its_remedy(
    browser, tenant, caplog, endpoint, answer, code
):
    tenant.faults.add(endpoint, "answer", **answer)
    started = browser.get("/auth/login/")
    if "error" not in started["Location"]:
        started = browser.get(browser.visitor.authorize(started["Location"], ADA))
    assert error_code(started) == code
    told = [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR]
    assert any(code in each and ERROR_CODES[code].operator in each for each in told), told


def test_error_of_a_user_is_not_logged_as_a_fault(browser, caplog):
    browser.get(browser.visitor.decline(browser.start()))
    assert not [each for each in caplog.records if each.levelno >= logging.ERROR]


@pytest.mark.database
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("debug", [True, False])
def test_database_without_the_tables_says_run_migrate(tenant, settings, caplog, debug):
    settings.DEBUG = debug
    table = connection.ops.quote_name("stateful_oauth_flowtransaction")
    hidden = connection.ops.quote_name("stateful_oauth_hidden")
    browser = Browser(tenant)
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {hidden}")
    try:
        response = browser.get("/auth/login/")
        with pytest.raises(CommandError, match=r"manage\.py migrate"):
            call_command("purge_flows", "--older-than=30d")
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {hidden} RENAME TO {table}")
    page = response.content.decode()
    assert response.status_code == 503
    assert "<code>database_not_migrated</code>" in page
    assert ("python manage.py migrate" in page) is debug
    assert any("manage.py migrate" in each.getMessage() for each in caplog.records)


def test_tls_to_an_http_emulator_names_the_setting():
    with EmulatorServer(Tenant(), 0) as server, pytest.raises(ProviderUnreachable) as refused:
        Transport().get(f"https://{server.netloc}/.well-known/openid-configuration", time_limit=5)
    assert refused.value.code == "provider_speaks_no_tls"
    remedy = ERROR_CODES["provider_speaks_no_tls"].operator
    assert {"ISSUER", "ALLOW_INSECURE_HTTP_ON_LOOPBACK"} <= set(re.findall("[A-Z_]{6,}", remedy))


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"CLIENT_SECRTE": "x"}, "CLIENT_SECRET"),
        ({"BASEURL": "x"}, "BASE_URL"),
        ({"client_id": "x"}, "CLIENT_ID"),
        ({"TRANSACTION_LIFE_TIME": 5}, "TRANSACTION_LIFETIME"),
    ],
)
def test_check_of_an_unknown_key_says_what_was_meant(settings, written, meant):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, **written}
    (message,) = [each for each in run_checks(tags=["security"]) if each.id == "stateful_oauth.E002"]
    assert f"Did you mean {meant} instead of {next(iter(written))}?" in message.hint


@pytest.mark.parametrize("issuer", ["http://localhost:9400/", "http://tenant.example/"])
def test_hint_for_an_http_issuer_names_settings_that_exist(settings, issuer):
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "ISSUER": issuer}
    (message,) = [each for each in run_checks(tags=["security"]) if each.id == "stateful_oauth.E008"]
    named = set(re.findall(r"[A-Z][A-Z_]{4,}", message.hint))
    assert named == {"ISSUER", "ALLOW_INSECURE_HTTP_ON_LOOPBACK"}
    assert named <= SITE_DEFAULTS.keys() | TENANT_DEFAULTS.keys()


def test_kit_signs_in_at_a_project_that_allows_no_host(settings, db):
    settings.ALLOWED_HOSTS = ["testserver"]
    tenant = tenant_of_settings()
    tenant.add_user(email=ADA)
    with at_the_tenant(tenant, ManualClock()):
        assert Browser(tenant).sign_in(ADA, "/profile/")["Location"] == "/profile/"


def test_kit_shows_status_and_body_of_a_page_that_does_not_redirect(browser, tenant):
    with pytest.raises(AssertionError, match=r"(?s)answered 403.*(html|HTML)"):
        browser.opens(
            browser.client.get("/auth/error/account_refused/", secure=True, headers={"host": "app.example"})
        )


def test_page_of_a_large_fault_is_still_one_page(browser, tenant):
    refuse_the_client(tenant)
    assert shown(browser, browser.sign_in(ADA)) == ("client_rejected", 502)


class TestEmulatorOfTheProject:
    """`manage.py auth0_emulator`."""

    def run(self, monkeypatch, capsys, *arguments, look=None):
        """Run the command until it waits, and look at the server then."""
        seen = {}

        def wait(server):
            seen["found"] = look(server) if look else None
            raise KeyboardInterrupt

        monkeypatch.setattr(EmulatorServer, "wait", wait)
        call_command("auth0_emulator", "--port=0", *arguments)
        return capsys.readouterr().out, seen["found"]

    def test_application_and_users_are_those_of_the_settings(self, monkeypatch, capsys, settings):
        def look(server):
            document = requests.get(f"{server.url}/.well-known/openid-configuration", timeout=5).json()
            client = server.tenant.clients["web"]
            return (
                document["issuer"],
                client.callbacks,
                client.logout_urls,
                sorted(server.tenant.people.users),
            )

        printed, found = self.run(monkeypatch, capsys, look=look)
        issuer, callbacks, logout_urls, users = found
        assert issuer.startswith("http://127.0.0.1:")
        assert "https://app.example/auth/callback/" in callbacks
        assert logout_urls == ["https://app.example/"]
        assert users == ["auth0|ada", "auth0|bob", "auth0|carol"]
        assert f"'ISSUER': '{issuer}'" in printed
        assert "'ALLOW_INSECURE_HTTP_ON_LOOPBACK': True" in printed
        assert "ada@example.com  auth0|ada" in printed
        assert settings.STATEFUL_OAUTH["CLIENT_SECRET"] not in printed

    def test_printed_settings_pass_the_check_of_the_issuer(self, monkeypatch, capsys, settings):
        printed, _ = self.run(monkeypatch, capsys)
        issuer = re.search(r"'ISSUER': '([^']+)'", printed)[1]
        settings.STATEFUL_OAUTH = {
            **settings.STATEFUL_OAUTH,
            "ISSUER": issuer,
            "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
        }
        assert "stateful_oauth.E008" not in {each.id for each in run_checks(tags=["security"])}

    def test_missing_extra_is_named_in_one_sentence(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "werkzeug", None)
        with pytest.raises(CommandError, match=r"django-stateful-oauth\[emulator\]"):
            call_command("auth0_emulator")

    def test_unknown_tenant_has_exit_code_two(self):
        with pytest.raises(CommandError, match="no tenant") as refused:
            call_command("auth0_emulator", "--tenant=another")
        assert refused.value.returncode == 2

    def test_first_tenant_of_several_is_the_default(self, monkeypatch, capsys, settings):
        chosen = {name: settings.STATEFUL_OAUTH[name] for name in ("CLIENT_ID", "CLIENT_SECRET")}
        tenants = {alias: {**chosen, "DOMAIN": f"{alias}.eu.auth0.com"} for alias in ("staff", "members")}
        settings.STATEFUL_OAUTH = {"BASE_URL": "https://app.example", "TENANTS": tenants}
        printed, _ = self.run(monkeypatch, capsys)
        assert "STATEFUL_OAUTH['TENANTS']['staff']" in printed
        with pytest.raises(CommandError, match="There are: staff, members"):
            call_command("auth0_emulator", "--tenant=default")

    def test_return_url_that_no_pattern_has_is_said_in_one_sentence(self, monkeypatch, capsys, settings):
        settings.LOGOUT_REDIRECT_URL = "nowhere:page"
        with pytest.raises(CommandError, match="cannot be made"):
            self.run(monkeypatch, capsys)

    def test_wrong_key_is_no_fault_of_the_file_with_users(self, monkeypatch, capsys, settings):
        chosen = {"CLIENT_AUTHENTICATION": "private_key_jwt", "PRIVATE_KEY": "no key"}
        settings.STATEFUL_OAUTH = settings.STATEFUL_OAUTH | chosen
        with pytest.raises(CommandError, match="The settings are not usable") as refused:
            self.run(monkeypatch, capsys)
        assert refused.value.returncode == 1

    @pytest.mark.parametrize("text", ["{", '{"users": 7}'])
    def test_wrong_file_with_users_has_exit_code_two(self, monkeypatch, capsys, tmp_path, text):
        people = tmp_path / "people.json"
        people.write_text(text)
        with pytest.raises(CommandError, match="The file is not usable") as refused:
            self.run(monkeypatch, capsys, f"--people={people}")
        assert refused.value.returncode == 2

    def test_users_come_from_a_file_as_well(self, monkeypatch, capsys, tmp_path):
        people = tmp_path / "people.json"
        people.write_text('{"users": [{"email": "eve@example.com", "name": "Eve"}]}')
        printed, _ = self.run(monkeypatch, capsys, f"--people={people}")
        assert "eve@example.com" in printed
        assert "ada@example.com" not in printed


def test_page_blames_the_site_for_faults_of_the_site_and_for_nothing_else():
    blamed = {code for code, known in ERROR_CODES.items() if "on our side" in known.user}
    assert blamed == SITE_FAULTS
