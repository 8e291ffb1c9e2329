"""A secret stays one, whatever is done with it but `reveal()`; and personal values are in no repr."""

from __future__ import annotations

import copy
import dataclasses
import hmac
import json
import pickle
from pprint import pformat
from typing import Any

import pytest

from stateful_oauth.flows.engine import secret as secret_module
from stateful_oauth.flows.engine.identifiers import new_transaction_id
from stateful_oauth.flows.engine.outcomes import RedirectTo
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ProfileIdentity, ProviderUser, UserProfile
from stateful_oauth.flows.oauth.authorization_response import AuthorizationResponse
from stateful_oauth.flows.oauth.domain_events import AccountsLinked, GrantIssued
from stateful_oauth.flows.oauth.openid import TokenResponse, VerifiedIdentity
from stateful_oauth.flows.oauth.outcomes import SignedIn
from stateful_oauth.flows.oauth.sign_in import SignIn
from stateful_oauth.testing.clock import ManualClock

PLANTED = "planted-0123456789"


@dataclasses.dataclass
class Holder:
    secret: Secret


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("wrap", [lambda secret: secret, Holder, lambda secret: {"a": [secret]}])
def test_a_secret_cannot_be_pickled_or_copied_out(protocol: int, wrap: Any) -> None:
    with pytest.raises(TypeError, match="cannot be pickled") as caught:
        pickle.dumps(wrap(Secret(PLANTED)), protocol)
    assert PLANTED not in str(caught.value)


def test_copies_of_a_secret_are_the_secret() -> None:
    secret = Secret(PLANTED)
    assert copy.copy(secret) is secret
    assert copy.deepcopy({"a": secret})["a"] is secret
    assert dataclasses.asdict(Holder(secret)) == {"secret": secret}
    assert dataclasses.replace(Holder(secret)).secret is secret


@pytest.mark.parametrize(
    "show",
    [
        repr, str, ascii, pformat, "{}".format, "{!r}".format, "{!s}".format, "%s".__mod__, "%r".__mod__,
        lambda secret: f"{Holder(secret)!r} {dataclasses.asdict(Holder(secret))}",
        lambda secret: str([secret]), lambda secret: json.dumps({"a": secret}, default=str), dir,
    ],
)  # fmt: skip
def test_no_way_of_showing_shows_a_secret(show: Any) -> None:
    assert PLANTED not in str(show(Secret(PLANTED)))


@pytest.mark.parametrize(
    "use",
    [
        vars,
        json.dumps,
        len,
        iter,
        list,
        bytes,
        "".join,
        "a".__add__,
        int,
        "{:>20}".format,
        lambda secret: secret[0],
    ],
)
def test_a_secret_cannot_be_used_as_text(use: Any) -> None:
    with pytest.raises(TypeError) as caught:
        use([Secret(PLANTED)] if use == "".join else Secret(PLANTED))
    assert PLANTED not in str(caught.value)


@pytest.mark.security("T11")
def test_secrets_are_compared_in_constant_time(monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    class Noticing:
        @staticmethod
        def compare_digest(one: bytes, other: bytes) -> bool:
            compared.append((one, other))
            return hmac.compare_digest(one, other)

    monkeypatch.setattr(secret_module, "hmac", Noticing)
    assert Secret("a") == Secret("a")
    assert Secret("a") != Secret("b")
    assert Secret("a").equals("a")
    assert Secret("a") != "a"
    assert len(compared) == 3


def test_half_of_a_surrogate_pair_is_compared_without_an_error() -> None:
    """An UnicodeEncodeError shows the whole text."""
    assert not Secret("\ud800" + PLANTED).equals(PLANTED)
    assert Secret("\ud800") == Secret("\ud800")


def personal_values() -> list[Any]:
    now = ManualClock().now()
    identity = VerifiedIdentity(
        issuer="https://t.example/", subject="auth0|" + PLANTED,
        claims={"email": PLANTED, "nonce": PLANTED, "name": PLANTED},
    )  # fmt: skip
    tokens = TokenResponse(access_token=Secret(PLANTED), refresh_token=Secret(PLANTED))
    grant = GrantIssued(
        id=new_transaction_id(now), identity=identity, user_id="1", refresh_token=Secret(PLANTED),
        scope="openid", audience="",
    )  # fmt: skip
    linked = AccountsLinked(
        issuer="https://t.example/", primary="a", secondary="b", email=PLANTED, rule="rule",
        evidence={"email": PLANTED},
        identity=ProfileIdentity(connection="google-oauth2", provider="google-oauth2", user_id="1"),
    )  # fmt: skip
    return [
        identity,
        SignIn.granted(identity, tokens, at=now),
        tokens,
        grant,
        linked,
        ProviderUser(id="1", email=PLANTED),
        RedirectTo(url=PLANTED, next_url=f"/?token={PLANTED}"),
        SignedIn(user_id="1", session={"sid": PLANTED}, next_url=PLANTED),
        UserProfile(
            user_id="auth0|1", email=PLANTED, name=PLANTED, user_metadata={"a": PLANTED},
            app_metadata={"a": PLANTED},
        ),
        AuthorizationResponse.parse(
            [("state", [PLANTED]), ("code", [PLANTED]), ("error_description", [PLANTED])]
        ),
    ]  # fmt: skip


@pytest.mark.parametrize("value", personal_values(), ids=lambda value: type(value).__name__)
def test_no_repr_shows_what_is_personal(value: Any) -> None:
    """Emails, names, claims, metadata and tokens: a repr reaches logs and error reports."""
    assert PLANTED not in f"{value!r} {value} {pformat(value)}"


def test_identity_shows_the_names_of_its_claims() -> None:
    shown = repr(VerifiedIdentity(issuer="i", subject="s", claims={"sub": "x", "email": "x"}))
    assert shown == "VerifiedIdentity(claims=<email, sub>)"
