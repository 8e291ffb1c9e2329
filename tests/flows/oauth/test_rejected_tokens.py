"""An API that does not take an access token before its time is over gets another one, once."""

from __future__ import annotations

import pytest

from stateful_oauth.django import wiring
from stateful_oauth.flows.engine.errors import ServiceRefused
from stateful_oauth.flows.engine.secret import Secret

pytestmark = [pytest.mark.database, pytest.mark.django_db]

API, REJECTED = "https://calendar.example/", "my_account_token_rejected"
both = pytest.mark.parametrize("rotation", [True, False], ids=["rotation", "no rotation"])


class Api:
    """An API that refuses the tokens that it is told to refuse."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.refuses_all = False
        self.calls: list[str] = []

    def __call__(self, token: Secret) -> str:
        self.calls.append(token.reveal())
        if self.refuses_all or token.reveal() in self.refused:
            raise ServiceRefused(REJECTED)
        return "done"


def use(grant, api, *, rejected=REJECTED):
    return wiring.access_tokens().used(
        grant.id, api, audience=API, scope="read:events", time_limit=10, rejected=rejected
    )


@both
def test_a_kept_token_that_is_refused_is_replaced_and_the_next_one_kept(granted, rotation):
    grant, api = granted(rotation=rotation), Api()
    assert use(grant, api) == "done"
    api.refused = list(api.calls)
    assert use(grant, api) == "done"
    assert grant.sent == 2
    assert use(grant, api) == "done"
    assert grant.sent == 2, "The new one is kept."
    assert grant.tenant.ledger.count("refresh_reused") == 0


@both
def test_other_tokens_of_the_grant_stay(granted, rotation):
    grant, api = granted(rotation=rotation), Api()
    other = grant.token()
    use(grant, api)
    api.refused = list(api.calls)
    use(grant, api)
    sent = grant.sent
    assert grant.token() == other
    assert grant.sent == sent


@both
def test_a_new_token_that_is_refused_is_not_asked_for_again(granted, rotation):
    """It is not the token then."""
    grant, api = granted(rotation=rotation), Api()
    api.refuses_all = True
    with pytest.raises(ServiceRefused, match=REJECTED):
        use(grant, api)
    assert (len(api.calls), grant.sent) == (1, 1)
    with pytest.raises(ServiceRefused, match=REJECTED):
        use(grant, api)
    assert (len(api.calls), grant.sent) == (3, 2), "The kept one, and one more."


def test_another_refusal_is_not_the_tokens(granted):
    grant, api = granted(rotation=True), Api()
    use(grant, api)
    api.refused = list(api.calls)
    with pytest.raises(ServiceRefused, match=REJECTED):
        use(grant, api, rejected="something_else")
    assert grant.sent == 1


def test_what_somebody_else_has_replaced_is_left_alone(granted):
    grant, api = granted(rotation=True), Api()
    use(grant, api)
    refused = list(api.calls)

    def replaced_meanwhile(token: Secret) -> str:
        if token.reveal() in refused:
            if not api.refused:
                api.refused = refused
                use(grant, api)
            raise ServiceRefused(REJECTED)
        return token.reveal()

    latest = use(grant, replaced_meanwhile)
    assert grant.sent == 2, "The other one's token served both."
    assert latest == api.calls[-1]
