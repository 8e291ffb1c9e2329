"""docs/tutorial.md works as it stands: each file, each command, and what the pages say then."""

from __future__ import annotations

import os
import re
import sys

import pytest

from stateful_oauth.demo.smoke import HttpVisitor
from tests.support.tutorial import Reader, sections

ADA, GOOGLE = "auth0|ada", "google-oauth2|1001"


def sign_in(visitor, account):
    home = visitor.open("/")
    if "Sign out" in home.text:
        visitor.submit(home.form_to("/auth/logout/"))
    return visitor.submit(visitor.open("/auth/login/").form(account=account))


@pytest.mark.slow
def test_the_tutorial_works_to_the_letter(tmp_path):
    project, sign_in_works, what_happened, connecting, linking, own_flow = sections()
    # `make release-check` names the interpreter of an environment that has the wheel alone.
    reader = Reader(tmp_path, os.environ.get("TUTORIAL_PYTHON", sys.executable))
    try:
        reader.follow(project)
        reader.follow(sign_in_works)
        with HttpVisitor(reader.site) as visitor:
            visitor.open("/").shows("Sign in")
            sign_in(visitor, ADA).at("/").shows("You are ada@example.com")

            visitor.submit(visitor.open("/").form_to("/auth/logout/"))
            reader.follow(what_happened)
            page = sign_in(visitor, ADA).shows("code_exchange_lost")
            (command,) = set(re.findall(r"python manage.py flow_show [\w-]+", page.text))
            assert "What to do" in reader.run(*command.split())
            # The session at the provider signs Ada in without a question.
            visitor.submit(page.form_to("/auth/login/")).shows("You are ada@example.com")

            reader.follow(connecting)
            sign_in(visitor, ADA)
            chosen = visitor.submit(visitor.open("/accounts/").form(connection="google-oauth2"))
            visitor.submit(chosen.form(account=GOOGLE)).at("/accounts/").shows(
                "google-oauth2: ada@example.com"
            )

            reader.follow(linking)
            sign_in(visitor, GOOGLE).at("/").shows("You are ada@example.com")
            visitor.open("/accounts/").shows("<h1>Linked</h1>\n<p>google-oauth2: ada@example.com</p>")
            users = "from django.contrib.auth import get_user_model as m; print(m().objects.count())"
            assert (
                reader.run("python", "manage.py", "shell", "--no-imports", "-v", "0", "-c", users).strip()
                == "1"
            )

            reader.follow(own_flow)
            order = visitor.open("/voucher/").form_to("/voucher/")
            first = visitor.submit(order).shows("Issued")
            assert visitor.submit(order).text == first.text
            assert (tmp_path / "pages.voucher.svg").exists()
    finally:
        reader.stop()
