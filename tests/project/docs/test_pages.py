"""What the documents tell people to write works as it stands."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest
from django.test import TestCase

from stateful_oauth.django.conf import SITE_DEFAULTS, TENANT_DEFAULTS
from stateful_oauth.django.signals import flow_settled, transition_made
from stateful_oauth.flows.error_codes import ERROR_CODES
from tests.support.checkout import ROOT

SIGN_IN = """
import os
os.environ.update(AUTH0_CLIENT_ID="web", AUTH0_CLIENT_SECRET="a-client-secret-of-at-least-32-characters")
from django.conf import settings
import django
django.setup()
from django.core.management import call_command
from django.test import override_settings
from django.urls import reverse
from stateful_oauth.emulator import Tenant
from stateful_oauth.testing.browser import Browser

call_command("check", fail_level="ERROR")
call_command("migrate", verbosity=0)
tenant = Tenant(issuer="https://example.eu.auth0.com/")
tenant.add_client(
    client_id="web",
    client_secret=os.environ["AUTH0_CLIENT_SECRET"],
    callbacks=["https://www.example.com/auth/callback/"],
    logout_urls=["https://www.example.com/"],
)
tenant.add_user(email="ada@example.com", name="Ada")
with override_settings(STATEFUL_OAUTH={**settings.STATEFUL_OAUTH, "TRANSPORT_ADAPTER": tenant.adapter}):
    browser = Browser(tenant)
    response = browser.sign_in("ada@example.com", next_url="/somewhere/")
    assert response["Location"] == "/somewhere/", response["Location"]
    assert browser.user_id == "1"
    signed_out = browser.post(reverse("stateful_oauth:logout"))
    assert signed_out["Location"].startswith("https://example.eu.auth0.com/"), signed_out["Location"]
    assert tenant.requests["/oauth/token"] == 1
print("signed in and out")
"""


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def test_the_readme_turns_a_new_project_into_one_that_signs_in(tmp_path):
    django_admin = [sys.executable, "-m", "django", "startproject", "site_from_readme", str(tmp_path)]
    subprocess.run(django_admin, check=True, cwd=tmp_path)
    settings_block, urls_block = blocks("README.md", "python")
    settings = tmp_path / "site_from_readme" / "settings.py"
    settings.write_text(settings.read_text() + "\nALLOWED_HOSTS = ['www.example.com']\n" + settings_block)
    urls = tmp_path / "site_from_readme" / "urls.py"
    urls.write_text(urls.read_text() + urls_block)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", SIGN_IN],
        cwd=tmp_path,
        env={"DJANGO_SETTINGS_MODULE": "site_from_readme.settings", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.endswith("signed in and out\n")


def test_the_example_of_the_testing_page_passes(tmp_path):
    example, *_ = blocks("docs/testing.md", "python")
    (tmp_path / "urls_of_example.py").write_text(
        "from django.urls import include, path\n"
        "urlpatterns = [path('auth/', include('stateful_oauth.django.urls'))]\n"
    )
    (tmp_path / "settings_of_example.py").write_text(
        "from tests.support.testsite.settings import *\n"
        "ALLOWED_HOSTS = []\nROOT_URLCONF = 'urls_of_example'\n"
        "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': ':memory:'}}\n"
    )
    (tmp_path / "test_example.py").write_text(example)
    arguments = ["-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", *arguments, "--ds=settings_of_example", "test_example.py"],
        cwd=tmp_path,
        env={"PYTHONPATH": f"{tmp_path}:{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_receivers_of_the_operations_page_hear_of_a_sign_in(browser, tenant, capsys):
    (receivers,) = [each for each in blocks("docs/operations.md", "python") if "@receiver" in each]
    module = {}
    exec(compile(receivers, "docs/operations.md", "exec"), module)
    try:
        with TestCase.captureOnCommitCallbacks(execute=True):
            browser.sign_in("ada@example.com")
            tenant.faults.add("/oauth/token", "lost_answer")
            browser.sign_in("ada@example.com")
    finally:
        # Or other tests would still find a receiver.
        flow_settled.disconnect(module["count_sign_ins"])
        transition_made.disconnect(module["note_lost_answers"])
    said = capsys.readouterr().out.splitlines()
    assert said[0] == f"signed in: {browser.user_id}"
    assert said[1].startswith("failed: login code_exchange_lost")


@pytest.mark.parametrize("key", sorted({*SITE_DEFAULTS, *TENANT_DEFAULTS}))
def test_every_setting_has_one_row(key):
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    first_cells = [row.split("|")[1] for row in page.splitlines() if row.startswith("| `")]
    rows = sum(f"`{key}`" in cell for cell in first_cells)
    assert rows == 1, f"docs/settings.md has {rows} rows for {key}."


def test_every_system_check_is_documented():
    package = ROOT / "integrations" / "django" / "checks"
    source = "".join(page.read_text(encoding="utf-8") for page in package.glob("*.py"))
    ids = set(re.findall(r"stateful_oauth\.([EW]\d{3})", source))
    page = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    missing = sorted(number for number in ids if number not in page)
    assert ids
    assert not missing, f"Add {missing} to docs/settings.md"


def test_the_error_codes_that_the_code_uses_are_those_of_the_table():
    used = set()
    for source in [*(ROOT / "flows").rglob("*.py"), *(ROOT / "integrations" / "auth0").glob("*.py")]:
        if source.name != "error_codes.py":
            text = source.read_text(encoding="utf-8")
            used |= set(re.findall(r'"((?:id_token|provider|code|client|discovery|keys)_[a-z_]+)"', text))
    unknown = {
        code
        for code in used
        if code not in ERROR_CODES
        and code.rsplit("_", 1)[-1] in {"lost", "invalid", "rejected", "unreachable", "unknown", "missing"}
    }
    assert not unknown, f"Not in flows/error_codes.py: {sorted(unknown)}"


def test_links_in_the_documents_lead_somewhere():
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text(encoding="utf-8"))
        if not (page.parent / target).exists()
    ]
    assert not broken, broken
