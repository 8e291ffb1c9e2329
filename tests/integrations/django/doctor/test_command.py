"""`manage.py flows_doctor`: what it prints, and with what it ends."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from stateful_oauth.django.doctor import plan


def doctor(*arguments: str) -> tuple[str, int]:
    """Return output and exit code."""
    out = StringIO()
    try:
        call_command("flows_doctor", *arguments, stdout=out, no_color=True)
    except CommandError as error:
        return out.getvalue() + str(error), error.returncode
    return out.getvalue(), 0


@pytest.fixture
def sick(healthy: Any) -> Any:
    healthy.clients["web"].callbacks = []
    return healthy


def test_the_doctors_command_says_that_all_is_well(healthy):
    out, code = doctor()
    assert code == 0, out
    assert "OK         client of default (" in out
    assert "+ The provider accepts client_secret_post of web." in out
    assert " 0 failed" not in out


def test_the_doctors_command_fails_and_says_what_to_do(sick):
    out, code = doctor()
    assert code == 1
    assert "FAILED     callbacks of default (" in out
    assert "    -> Add https://app.example/auth/callback/ to the application's Allowed Callback URLs" in out
    assert out.endswith("stages need attention.")


def test_a_warning_fails_only_who_asks_for_it(healthy, settings):
    settings.SESSION_COOKIE_SECURE = False
    assert doctor()[1] == 0
    out, code = doctor("--fail-on", "warning")
    assert code == 1
    assert "WARNING    sessions (" in out


def test_the_doctors_command_gives_one_json_object(sick):
    out, code = doctor("--format", "json")
    report = json.loads(out.rpartition("}")[0] + "}")
    assert code == 1
    assert (report["ok"], report["verdict"]) == (False, "failed")
    stages = {(stage["tenant"], stage["name"]): stage for stage in report["stages"]}
    assert stages["", "settings"]["verdict"] == "ok"
    broken = stages["default", "callbacks"]
    assert broken["verdict"] == "failed"
    assert broken["latency_ms"] > 0
    assert broken["findings"][0]["remedy"].startswith("Add https://app.example/auth/callback/")


@pytest.mark.parametrize("chosen", ["text", "json"])
def test_a_dry_run_lists_the_stages_and_runs_none(healthy, chosen):
    out, code = doctor("--dry-run", "--format", chosen)
    assert code == 0
    names = [each.probe.name for each in plan()]
    if chosen == "json":
        assert [stage["name"] for stage in json.loads(out)["stages"]] == names
    else:
        assert len(out.splitlines()) == len(names)
        assert "client of default: the client credentials" in out
    assert not healthy.requests


def test_the_doctors_command_asks_no_provider_when_offline(sick):
    out, code = doctor("--offline")
    assert code == 0
    assert "of default" not in out
    assert not sick.requests


def test_a_tenant_that_is_not_there(healthy):
    out, code = doctor("--tenant", "nowhere")
    assert (out, code) == ("There is no tenant 'nowhere'.", 2)


def test_the_doctors_command_examines_one_tenant_when_asked(healthy):
    out, code = doctor("--tenant", "default")
    assert code == 0
    assert "client of default" in out


def test_it_says_what_is_wrong_with_settings_that_django_would_not_start_with(healthy, configure):
    configure(LEEWAY=-1)
    out, code = doctor("--offline")
    assert code == 1
    assert "stateful_oauth.E013" in out


def test_the_doctors_command_prints_no_secret_at_all(healthy, settings):
    out, _ = doctor("--grant", "newest")
    for secret in (settings.STATEFUL_OAUTH["CLIENT_SECRET"], *settings.STATEFUL_OAUTH["ENCRYPTION_KEYS"]):
        assert secret not in out
