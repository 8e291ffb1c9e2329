"""The demo as a program: it starts, says where it is, keeps to loopback, and stops."""

from __future__ import annotations

import json
import socket
import sys
from urllib.parse import urlsplit

import pytest
import requests

from stateful_oauth.demo.people import PEOPLE, SPECIAL, TWICE
from stateful_oauth.demo.smoke import HttpVisitor

DEMO = ("-m", "stateful_oauth.demo")
SETTINGS = "stateful_oauth.demo.settings"


@pytest.mark.slow  # starts a demo of its own; .ci/run runs it
def test_smoke_visits_every_page_and_says_so(run):
    done = run(*DEMO, "--smoke")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    lines = done.stdout.splitlines()
    assert len(lines) == 19
    assert all(line.startswith("ok ") for line in lines)


@pytest.mark.slow  # starts a demo of its own; .ci/run runs it
def test_smoke_fails_with_a_readable_line(run):
    broken = (
        "from stateful_oauth.demo import __main__, people, smoke;"
        "smoke.ADA = people.BEA;"  # whom the tenant has blocked, and who has no password
        "raise SystemExit(__main__.main(['--smoke']))"
    )
    done = run("-c", broken)
    assert done.returncode == 1
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1].startswith("FAILED  sign in at the emulator: ")


def test_the_welcome_names_the_addresses_and_who_can_sign_in(demo):
    assert demo.site.startswith("http://127.0.0.1:")
    assert demo.emulator.startswith("http://127.0.0.1:")
    for person in (*PEOPLE, *SPECIAL, *TWICE):
        line = next(line for line in demo.welcome.splitlines() if person.name in line)
        assert person.email in line
        assert person.connection in line
        assert (person.password or "(just click)") in line


def test_everybody_named_can_sign_in(demo):
    for person in PEOPLE:
        with HttpVisitor(demo.site) as visitor:
            provider = visitor.submit(visitor.open("/").form_to("/auth/login/"))
            profile = visitor.submit(provider.form(account=person.sub))
            profile.at("/profile/").shows(person.email).shows(person.sub)


@pytest.mark.skipif(sys.platform == "win32", reason="a console of its own is needed to send Ctrl-C")
def test_control_c_stops_it_without_a_traceback_and_leaves_nothing_behind(start):
    demo = start()
    data = demo.data
    assert (data / "demo.sqlite3").is_file()
    requests.get(demo.site, timeout=10)
    code, out, err = demo.stop()
    assert (code, err) == (0, "")
    assert "Stopping." in out
    assert not data.exists()


@pytest.mark.slow  # starts a demo of its own; .ci/run runs it
def test_a_chosen_folder_keeps_the_database_for_the_next_time(start, tmp_path):
    for _ in range(2):
        demo = start(STATEFUL_OAUTH_DEMO_DATA=str(tmp_path))
        assert demo.data == tmp_path
        with HttpVisitor(demo.site) as visitor:
            visitor.sign_in().at("/profile/").shows("auth0|ada")
        assert demo.stop()[0] == 0
    assert (tmp_path / "demo.sqlite3").is_file()


def test_a_taken_port_is_said(run):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for option in ("--port", "--emulator-port"):
            done = run(*DEMO, option, port)
            assert done.returncode == 1
            assert f"Port {port} " in done.stderr
            assert "Traceback" not in done.stderr


def test_only_loopback_is_listened_at(demo):
    for address in (demo.site, demo.emulator):
        port = urlsplit(address).port
        with socket.socket() as elsewhere:
            elsewhere.bind(("127.0.0.2", port))  # free: a server at 0.0.0.0 would have it


def test_localhost_is_sent_to_the_address_that_cookies_come_back_to(demo):
    port = urlsplit(demo.site).port
    with requests.Session() as http:
        http.trust_env = False
        answer = http.get(
            f"{demo.site}/what-if/?a=b",
            headers={"Host": f"localhost:{port}"},
            allow_redirects=False,
            timeout=10,
        )
        assert answer.headers["Location"] == f"{demo.site}/what-if/?a=b"
        assert http.get(demo.site, headers={"Host": "evil.example"}, timeout=10).status_code == 400


def test_every_page_has_a_strict_policy(demo):
    with HttpVisitor(demo.site) as visitor:
        visitor.sign_in()
        for path in ("/", "/profile/", "/accounts/", "/timeline/", "/what-if/", "/nowhere/"):
            headers = visitor.open(path).headers
            policy = headers["Content-Security-Policy"]
            assert policy.startswith("default-src 'none'; style-src 'nonce-")
            assert "unsafe" not in policy
            assert headers["X-Frame-Options"] == "DENY"
            assert headers["Referrer-Policy"]


def test_the_settings_do_nothing_when_they_are_imported(run, tmp_path):
    program = (
        "import json, os, sys, threading\n"
        f"import {SETTINGS} as settings\n"
        "print(json.dumps([os.listdir(), threading.active_count(), 'socket' in sys.modules,"
        " settings.DATABASES['default']['NAME']]))"
    )
    done = run("-c", f"import os; os.chdir({str(tmp_path)!r})\n{program}")
    assert json.loads(done.stdout) == [[], 1, False, ":memory:"]


def test_the_settings_pass_the_checks(run):
    done = run("-W", "error", "-m", "django", "check", DJANGO_SETTINGS_MODULE=SETTINGS)
    assert done.returncode == 0, done.stderr


def test_the_first_page_is_there_without_the_servers(run):
    program = (
        "import django; django.setup()\n"
        "from django.test import Client\n"
        "answer = Client(headers={'host': '127.0.0.1:8000'}).get('/')\n"
        "assert answer.status_code == 200, answer\n"
        "assert b'Sign in' in answer.content"
    )
    done = run("-c", program, DJANGO_SETTINGS_MODULE=SETTINGS)
    assert (done.returncode, done.stderr) == (0, "")


def test_without_the_extra_it_says_what_is_missing(run):
    program = (
        "import sys; from importlib import util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *a: None if name == 'werkzeug' else find(name, *a)\n"
        "from stateful_oauth.demo.__main__ import main\n"
        "sys.exit(main([]))"
    )
    done = run("-c", program)
    assert done.returncode == 1
    assert "django-stateful-oauth[demo]" in done.stderr
    assert "Traceback" not in done.stderr
