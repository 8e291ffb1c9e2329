"""How secrets are let out on purpose, so that the World's invariant of secrets notices it."""

from __future__ import annotations

import logging

from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.django.pages import responses
from stateful_oauth.storage import encryption


def secrets_are_not_encrypted(patch):
    patch.setattr(encryption, "seal", lambda plaintext, context: encryption._bytes(plaintext).decode())
    patch.setattr(encryption, "unseal", lambda token, context: token.encode())


def the_code_is_logged(patch):
    exchange = Auth0Provider.exchange_code

    def log(self, **asked):
        logging.getLogger("stateful_oauth.tests").warning("exchanging %s", asked["code"].reveal())
        return exchange(self, **asked)

    patch.setattr(Auth0Provider, "exchange_code", log)


def the_code_is_on_the_next_page(patch):
    codes: list[str] = []
    exchange = Auth0Provider.exchange_code

    def remember(self, **asked):
        codes.append(asked["code"].reveal())
        return exchange(self, **asked)

    patch.setattr(Auth0Provider, "exchange_code", remember)
    patch.setattr(responses, "destination", lambda next_url: f"/?from={codes[-1]}")
