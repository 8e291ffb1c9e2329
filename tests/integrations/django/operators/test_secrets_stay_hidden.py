"""No secret is on any page of the admin, in its log, or in a message: each is planted, and searched for."""

from __future__ import annotations

import logging
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.sessions.models import Session

from stateful_oauth.flows.engine.outcomes import RedirectTo
from stateful_oauth.storage.models import AccountLink, ConnectedAccount, FlowTransaction, Grant, Identity
from stateful_oauth.storage.store import DjangoTransactionStore
from tests.support.account_rows import make_accounts
from tests.support.crashes import crash_at
from tests.support.on_call import ALL, STUCK, OnCall
from tests.support.rows import the_row

pytestmark = [pytest.mark.database, pytest.mark.django_db]

MODELS = (FlowTransaction, Identity, Grant, ConnectedAccount, AccountLink)


class Planted(dict[str, str]):
    """What must not be found, by what it is; as it is written, and as the database keeps it."""

    def found_in(self, text: str) -> list[str]:
        return sorted(name for name, secret in self.items() if secret and secret in text)

    def add_columns(self, row: Any, *names: str) -> None:
        for name in names:
            value = getattr(row, name)
            if isinstance(value, (bytes, memoryview)):
                self[f"{name} as hex"] = bytes(value).hex()
                self[f"{name} as repr"] = repr(bytes(value))[2:-1]
            elif value:
                self[name] = str(value)


@pytest.fixture
def planted(attempt: Any, clock: Any, tenant: Any) -> Planted:
    """Plant a stuck row with all its secrets, and one row of every other table."""
    started = attempt(
        parameters={"login_hint": "planted-login-hint"}, next="/planted-next/?token=planted-in-address"
    ).authorize()
    assert isinstance(started.outcome, RedirectTo)
    asked = {name: values[0] for name, values in parse_qs(urlsplit(started.outcome.url).query).items()}
    with crash_at("claim.after_commit", "callback"):
        started.deliver()
    clock.advance(3600)
    row, secrets = the_row(started.id), Planted(code=started.code)
    secrets.update({name: asked[name] for name in ("state", "nonce", "code_challenge", "login_hint")})
    stored = DjangoTransactionStore().load(row.pk)
    assert stored is not None
    secrets.update({f"secret {name}": secret.reveal() for name, secret in stored.secrets.items()})
    secrets.add_columns(row, "secrets", "browser", "state_digest")
    secrets["client_secret"] = "a-client-secret-of-the-tests-0123456789"
    secrets["next"] = "planted-next"
    FlowTransaction.objects.filter(pk=row.pk).update(result={"sid": "planted-session-id"})
    secrets["sid"] = "planted-session-id"
    accounts = make_accounts(
        clock, refresh_token="planted-refresh-token", access_tokens="planted-access-tokens"
    )
    secrets.add_columns(accounts.grant, "refresh_token", "access_tokens")
    secrets.add_columns(accounts.identity, "digest")
    secrets.add_columns(accounts.link, "primary_digest", "secondary_digest")
    assert len(secrets) > 18
    return secrets


def addresses(operator: OnCall) -> list[str]:
    """Return every page that there is, for every row."""
    found = ["/admin/", "/admin/stateful_oauth/", STUCK, ALL]
    for model in MODELS:
        at = f"/admin/stateful_oauth/{model._meta.model_name}/"
        found.append(at)
        for row in model.objects.all():
            found += [f"{at}{row.pk}/change/", f"{at}{row.pk}/history/"]
            if model is FlowTransaction:
                found += [f"{STUCK}{row.pk}/change/", f"{STUCK}{row.pk}/history/"]
                names = ("retry", "cancel", "abandon")
                found += [f"{STUCK}operate/{name}/?transaction={row.pk}" for name in names]
    return found


@pytest.mark.security("S16", "B23")
def test_no_page_message_or_log_shows_a_secret(operator, planted, caplog):
    caplog.set_level(logging.DEBUG)
    row = FlowTransaction.objects.get()
    opened = addresses(operator)
    assert len(opened) > 15
    found = {path: names for path in opened if (names := planted.found_in(operator.page(path)))}
    assert found == {}
    assert planted.found_in(operator.operate("retry", row)) == []
    found = {path: names for path in addresses(operator) if (names := planted.found_in(operator.page(path)))}
    assert found == {}
    entry = LogEntry.objects.get()
    assert planted.found_in(f"{entry.change_message} {entry.object_repr}") == []
    sessions = [str(session.get_decoded()) for session in Session.objects.all()]
    assert planted.found_in(" ".join(sessions)) == []
    records = [
        f"{record.getMessage()} {record.args!r}"
        for record in caplog.records
        if record.name != "django.db.backends"
    ]
    assert planted.found_in(" ".join(records)) == []


@pytest.mark.parametrize(
    "which",
    ["code", "state", "nonce", "secret code_verifier", "secrets", "state_digest as hex", "refresh_token"],
)
def test_no_secret_can_be_searched_for(operator, planted, which):
    term = planted[which]
    for path in (STUCK, ALL, "/admin/stateful_oauth/grant/", "/admin/stateful_oauth/identity/"):
        page = operator.page(path, {"q": term})
        assert "/change/" not in page.partition("<main")[2], f"{which} finds a row at {path}"


def test_the_columns_with_secrets_are_not_even_read(operator, planted):
    from tests.support.counting import counted

    row = FlowTransaction.objects.get()
    with counted() as count:
        for path in (STUCK, ALL, f"{STUCK}{row.pk}/change/", f"{STUCK}operate/retry/?transaction={row.pk}"):
            operator.page(path)
    read = " ".join(sql for sql, _ in count.texts)
    for column in ("secrets", "state_digest", "browser", "inputs", "result"):
        assert f'"stateful_oauth_flowtransaction"."{column}"' not in read, column
    with counted() as count:
        operator.page("/admin/stateful_oauth/grant/")
    read = " ".join(sql for sql, _ in count.texts)
    for column in ("refresh_token", "access_tokens"):
        assert f'"stateful_oauth_grant"."{column}"' not in read, column
