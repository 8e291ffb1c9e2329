"""A callback of the wrong form gets a code and a page of its own, and destroys nothing."""

from __future__ import annotations

from urllib.parse import quote, urlencode

import pytest

from stateful_oauth.flows.engine.identifiers import new_state
from tests.support.error_pages import shown
from tests.support.rows import check_rows, the_row

pytestmark = pytest.mark.database_in_ci

ADA = "ada@example.com"
CALLBACK = "/auth/callback/"


def query(*pairs):
    return urlencode(pairs)


BAD_FORMS = {
    "nothing at all": (lambda code, state: "", "state_missing"),
    "no state": (lambda code, state: query(("code", code)), "state_missing"),
    "an empty state": (lambda code, state: query(("code", code), ("state", "")), "state_missing"),
    "an error without state": (lambda code, state: "error=access_denied", "state_missing"),
    "state as a list": (lambda code, state: query(("code", code), ("state[]", state)), "state_missing"),
    "neither code nor error": (lambda code, state: query(("state", state)), "response_incomplete"),
    "an empty code": (lambda code, state: query(("code", ""), ("state", state)), "response_incomplete"),
    "an empty error": (lambda code, state: query(("error", ""), ("state", state)), "response_incomplete"),
    "both code and error": (
        lambda code, state: query(("code", code), ("error", "access_denied"), ("state", state)),
        "parameter_invalid",
    ),
    "two states": (
        lambda code, state: query(("code", code), ("state", state), ("state", state)),
        "parameter_repeated",
    ),
    "two codes": (
        lambda code, state: query(("code", code), ("code", "another"), ("state", state)),
        "parameter_repeated",
    ),
    "two issuers": (
        lambda code, state: query(
            ("code", code),
            ("state", state),
            ("iss", "https://tenant.example/"),
            ("iss", "https://evil.example/"),
        ),
        "parameter_repeated",
    ),
    "two errors": (
        lambda code, state: query(("error", "a"), ("error", "b"), ("state", state)),
        "parameter_repeated",
    ),
    "two descriptions": (
        lambda code, state: query(
            ("error", "a"), ("error_description", "x"), ("error_description", "y"), ("state", state)
        ),
        "parameter_repeated",
    ),
    "a state too long": (
        lambda code, state: query(("code", code), ("state", state + "A" * 129)),
        "parameter_invalid",
    ),
    "a state of a megabyte": (
        lambda code, state: query(("code", code), ("state", "A" * 1_000_000)),
        "parameter_invalid",
    ),
    "a code too long": (
        lambda code, state: query(("code", "c" * 2049), ("state", state)),
        "parameter_invalid",
    ),
    "an issuer too long": (
        lambda code, state: query(("code", code), ("state", state), ("iss", "i" * 513)),
        "parameter_invalid",
    ),
    "an error too long": (
        lambda code, state: query(("error", "e" * 129), ("state", state)),
        "parameter_invalid",
    ),
    "NUL in the state": (
        lambda code, state: query(("code", code), ("state", state + "\0")),
        "parameter_invalid",
    ),
    "NUL in the code": (
        lambda code, state: query(("code", code + "\0"), ("state", state)),
        "parameter_invalid",
    ),
    "a line break in the code": (
        lambda code, state: query(("code", code + "\r\nSet-Cookie: a=b"), ("state", state)),
        "parameter_invalid",
    ),
    "letters beyond ASCII": (
        lambda code, state: query(("code", "çödé"), ("state", state)),
        "parameter_invalid",
    ),
    "bytes that are no UTF-8": (lambda code, state: f"code=%ff%fe&state={state}", "parameter_invalid"),
    "a state that is no base64": (
        lambda code, state: query(("code", code), ("state", "not ours!")),
        "transaction_unknown",
    ),
    "a short state": (
        lambda code, state: query(("code", code), ("state", state[:-4])),
        "transaction_unknown",
    ),
    "another letter in the state": (
        lambda code, state: query(("code", code), ("state", state[:-3] + state[-3:].swapcase() + "")),
        "transaction_unknown",
    ),
    "a state of another case": (
        lambda code, state: query(("code", code), ("state", state.swapcase())),
        "transaction_unknown",
    ),
}


@pytest.mark.security("S4", "S7", "S18", "B4", "B5")
@pytest.mark.parametrize(("damage", "code"), BAD_FORMS.values(), ids=list(BAD_FORMS))
def test_a_damaged_callback_has_its_code_and_the_right_one_still_finishes(browser, damage, code):
    good = browser.visitor.authorize(browser.start("/profile/?tab=2"), ADA)
    bad = damage(good.fields["code"], good.fields["state"])
    before = (the_row().state, the_row().version)

    assert shown(browser, browser.get(f"{CALLBACK}?{bad}")) == (code, 400)

    assert (the_row().state, the_row().version) == before
    assert browser.get(good)["Location"] == "/profile/?tab=2"
    assert browser.user_id is not None
    check_rows()


@pytest.mark.security("S1")
def test_a_forged_state_with_the_right_row_in_it_is_unknown(browser):
    """The id finds the row, and only the secret part opens it."""
    good = browser.visitor.authorize(browser.start(), ADA)
    forged = new_state(the_row().pk)
    assert shown(browser, browser.get(f"{CALLBACK}?code=x&state={forged}")) == ("transaction_unknown", 400)
    assert browser.get(good)["Location"] == "/profile/"


def test_parameters_of_a_callback_that_are_unknown_are_ignored(browser):
    """RFC 6749 §4.1.2: the client must ignore what it does not know."""
    good = browser.visitor.authorize(browser.start(), ADA)
    assert browser.get(f"{good}&utm_source=mail&utm_source=mail&scope=openid")["Location"] == "/profile/"


def test_more_parameters_than_django_reads_are_refused_and_destroy_nothing(browser):
    good = browser.visitor.authorize(browser.start(), ADA)
    response = browser.get(f"{good}&{'&'.join(f'p{n}=1' for n in range(1100))}")
    assert response.status_code == 400
    assert response["Referrer-Policy"] == "no-referrer"  # the address holds the code
    assert browser.get(good)["Location"] == "/profile/"


@pytest.mark.security("S7")
def test_a_forged_error_changes_nothing_for_who_is_signed_in(browser):
    """`mozilla-django-oidc` signs the user out on any `?error=`."""
    browser.sign_in(ADA)
    user = browser.user_id
    for address in ("?error=access_denied", f"?error=access_denied&state={quote('A' * 54)}"):
        browser.get(CALLBACK + address)
        assert browser.user_id == user


@pytest.mark.security("B4")
def test_an_error_response_ends_its_own_transaction_with_its_own_code(browser):
    """An error is an event of its transaction, not a missing code."""
    callback = browser.visitor.decline(browser.start("/profile/?tab=2"))
    response = browser.get(str(callback))
    assert shown(browser, response) == ("access_denied", 403)
    assert (the_row().state, the_row().code) == ("cancelled", "access_denied")
    assert "/profile/?tab=2" in browser.opens(response).content.decode()


@pytest.mark.parametrize(
    ("error", "code", "status"),
    [
        ("login_required", "login_required", 401),
        ("consent_required", "interaction_required", 401),
        ("interaction_required", "interaction_required", 401),
        ("account_selection_required", "interaction_required", 401),
        ("temporarily_unavailable", "provider_busy", 503),
        ("server_error", "provider_error", 502),
        ("invalid_request", "request_rejected", 502),
        ("invalid_scope", "request_rejected", 502),
        ("unauthorized", "sign_in_refused", 403),
        ("unauthorized_client", "request_rejected", 502),
        ("unsupported_response_type", "request_rejected", 502),
        ("something_new", "provider_error", 502),
    ],
)
def test_each_error_of_the_provider_has_its_page(browser, error, code, status):
    state = browser.visitor.authorize(browser.start(), ADA).fields["state"]
    response = browser.get(f"{CALLBACK}?{query(('error', error), ('state', state))}")
    assert shown(browser, response) == (code, status)
    assert (the_row().state_kind, the_row().code) == ("final", code)


@pytest.mark.security("S4", "B3")
@pytest.mark.parametrize("answer", ["code", "error"])
@pytest.mark.parametrize(
    ("issuer", "announced", "code"),
    [
        ("https://evil.example/", False, "issuer_mismatch"),
        ("https://tenant.example", False, "issuer_mismatch"),  # without the slash: compared to the letter
        ("HTTPS://TENANT.EXAMPLE/", True, "issuer_mismatch"),
        ("", False, "issuer_mismatch"),
        (None, True, "issuer_missing"),
    ],
)
def test_a_wrong_or_missing_issuer_is_a_mismatch_on_code_and_error_alike(
    browser, tenant, issuer, announced, code, answer
):
    """RFC 9207 §2.4."""
    tenant.settings.iss_on_callback = announced
    fields = browser.visitor.authorize(browser.start(), ADA).fields
    pairs = [
        ("code", fields["code"]) if answer == "code" else ("error", "access_denied"),
        ("state", fields["state"]),
    ]
    response = browser.get(f"{CALLBACK}?{query(*pairs, *([('iss', issuer)] if issuer is not None else []))}")
    assert shown(browser, response) == (code, 403)
    assert the_row().state == "mismatched"
    assert tenant.ledger.count("code_exchanged") == 0
    assert browser.user_id is None


@pytest.mark.parametrize("announced", [True, False])
def test_the_right_issuer_passes_whether_announced_or_not(browser, tenant, announced):
    tenant.settings.iss_on_callback = announced
    callback = browser.visitor.authorize(browser.start(), ADA)
    assert ("iss" in callback.fields) is announced
    assert browser.get(callback)["Location"] == "/profile/"
