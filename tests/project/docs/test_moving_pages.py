"""The pages about moving from other packages name what there is, here and there."""

from __future__ import annotations

import re
from argparse import ArgumentParser

import pytest
from django.urls import reverse

import stateful_oauth.django
from stateful_oauth.django import Auth0Backend, CurrentSignIn
from stateful_oauth.django.conf import SITE_DEFAULTS, TENANT_DEFAULTS
from stateful_oauth.django.management.commands.adopt_users import Command
from stateful_oauth.django.users.sources import SOURCES
from tests.support.checkout import ROOT

PAGES = {
    name: (ROOT / "docs/how-to" / f"{name}.md").read_text()
    for name in ("calls-and-settings", "move-from-another-package")
}

# What the documents of the three describe.
NAMES = """
start_login complete_login logout get_idp_username get_refresh_token start_connect_account
complete_connect_account list_connected_accounts list_connected_account_connections delete_connected_account
verify_account_linking complete_account_linking pending_account_linking cancel_account_linking
get_access_token_for_connection_using_user_refresh_token get_user_info ping Auth0PingError
auth0_domain auth0_management_api_domain client_id client_secret connections_for_account_linking audience
authorization_params pushed_authorization_requests custom_scopes my_account_audience
AUTH0_CLIENT_ID AUTH0_CLIENT_SECRET AUTH0_DOMAIN AUTH0_AUDIENCE AUTH0_CALLBACK_URI AUTH0_USER_FIELD_MAPPING
AUTH0_GROUPS_FIELD AUTH0_SUPERUSER_GROUP AUTH0_STAFF_GROUP auth0_login auth0_logout auth0_callback next_url
authorize_redirect authorize_access_token server_metadata_url userinfo upsert_user update_token
"""
CALLS = NAMES.split()


def here() -> list[str]:
    """Return what stands in code in the last column of each table."""
    rows = [row for page in PAGES.values() for row in page.splitlines() if row.startswith("| ")]
    cells = [row.rsplit("|", 2)[1] for row in rows if not row.startswith("| ---")]
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


@pytest.mark.parametrize("name", CALLS)
def test_each_call_and_setting_of_the_others_has_a_row(name):
    first_cells = [row.split("|")[1] for row in PAGES["calls-and-settings"].splitlines() if row[:2] == "| "]
    assert any(re.search(rf"\b{name}\b", cell) for cell in first_cells)


def test_functions_that_the_pages_name_are_there():
    called = {code.partition("(")[0] for code in here() if "(" in code}
    assert called
    assert called <= set(stateful_oauth.django.__all__)
    attributes = {code.partition(").")[2] for code in here() if ")." in code}
    assert attributes <= set(CurrentSignIn.__dataclass_fields__)


def test_settings_that_the_pages_name_are_there():
    named = {code.partition("[")[0].partition(" ")[0] for code in here()}
    settings = {name for name in named if re.fullmatch("[A-Z][A-Z_]+", name)}
    assert settings
    assert settings - {"LOGIN_URL", "LOGIN_REDIRECT_URL"} <= {*SITE_DEFAULTS, *TENANT_DEFAULTS}


def test_urls_that_the_pages_name_are_there():
    for name in (code for code in here() if code.startswith("stateful_oauth:")):
        assert reverse(name)


def test_hooks_that_the_pages_name_are_there():
    page = PAGES["move-from-another-package"]
    for hook in ("find_user", "make_user", "update_user", "may_sign_in", "username"):
        assert f"`{hook}`" in page
        assert callable(getattr(Auth0Backend, hook))


def test_options_and_sources_that_the_pages_name_are_there():
    parser = ArgumentParser()
    Command().add_arguments(parser)
    page = PAGES["move-from-another-package"]
    assert set(re.findall(r"adopt_users --from ([\w-]+)", page)) | {"username"} == set(SOURCES)
    assert set(re.findall(r"--[a-z][a-z-]+", page)) - {"--database"} <= set(parser._option_string_actions)
