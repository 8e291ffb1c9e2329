"""What must not be shown is in no message, no repr, no context and no log line, however a call ends."""

import base64
import json
import logging
import traceback
from pathlib import Path

import pytest
import requests

from stateful_oauth import auth0
from stateful_oauth.auth0.transport import Transport
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.accounts import ConnectRequest, ProviderToken
from stateful_oauth.flows.oauth.openid import AuthorizationRequest

OURS = str(Path(auth0.__file__).parent)
SENTINELS = {
    name: f"SENTINEL-{name}-0123456789abcdef0123456789"
    for name in ("secret", "code", "verifier", "state", "nonce", "token")
}
JSON = {"Content-Type": "application/json"}
ENDINGS = {
    "unreachable": requests.ConnectTimeout("x"),
    "lost": requests.ReadTimeout("x"),
    "rate limited": (429, JSON, b'{"error":"SENTINEL-body"}'),
    "server error": (500, {"Content-Type": "text/html"}, b"<p>SENTINEL-body</p>"),
    "refused": (403, JSON, b'{"error":"invalid_grant","error_description":"SENTINEL-body"}'),
    "unknown error": (400, JSON, b'{"error":"SENTINEL-body"}'),
    "malformed": (200, JSON, b'{"access_token":"SENTINEL-token'),
    "wrong type": (
        200,
        JSON,
        b'{"access_token":"SENTINEL-token","token_type":"SENTINEL-body","id_token":"SENTINEL-token"}',
    ),
    "redirect": (302, {"Location": "https://evil.example/?SENTINEL-body"}, b""),
    "fine": (
        200,
        JSON,
        b'{"access_token":"SENTINEL-token","token_type":"Bearer","refresh_token":"SENTINEL-token"}',
    ),
}


def everything_shown(error):
    """The message, the repr, the chain, and the local variables of every frame, as error pages show them."""
    trace = traceback.TracebackException.from_exception(error, capture_locals=True)
    # The frames of this test hold the sentinels on purpose.
    library = [
        f"{frame.name} {sorted((frame.locals or {}).items())}"
        for frame in trace.stack
        if frame.filename.startswith(OURS)
    ]
    return [
        str(error),
        repr(error),
        "".join(trace.format_exception_only()),
        *library,
        repr(error.__context__),
        repr(error.__cause__),
    ]


@pytest.mark.security("S16")
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("client_auth", ["client_secret_post", "client_secret_basic"])
def test_a_call_however_it_ends(make_bench, caplog, ending, client_auth):
    caplog.set_level(logging.DEBUG)
    bench = make_bench(client_auth=client_auth, client_secret=Secret(SENTINELS["secret"]))
    bench.answers["/oauth/token"] = bench.answers["/oauth/revoke"] = ENDINGS[ending]
    shown = [repr(bench.config), repr(bench.provider), repr(bench.transport)]
    calls = (
        lambda: bench.provider.exchange_code(
            code=Secret(SENTINELS["code"]), redirect_uri="https://app.example/",
            code_verifier=Secret(SENTINELS["verifier"]), time_limit=5,
        ),
        lambda: bench.provider.revoke_refresh_token(Secret(SENTINELS["token"]), time_limit=5),
    )  # fmt: skip
    for call in calls:
        try:
            shown.append(repr(call()))
        except FlowError as error:
            shown.extend(everything_shown(error))
    shown.extend(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
    basic = base64.b64encode(f"web:{SENTINELS['secret']}".encode()).decode()
    assert [text for text in shown if "SENTINEL" in text or basic in text] == []


ME = "/me/v1/connected-accounts"
USERS = "/api/v2/users"
FINE = {  # answers that carry secrets, where the shared ones would be none
    f"{ME}/connect": (
        201,
        JSON,
        json.dumps(
            {
                "auth_session": "SENTINEL-session",
                "connect_uri": "https://tenant.example/c?SENTINEL-query",
                "connect_params": {"ticket": "SENTINEL-ticket"},
                "expires_in": 300,
            }
        ).encode(),
    ),
    "/oauth/token": ENDINGS["fine"],
}


def calls_for_accounts(provider, sentinel):
    """Every call that has a secret to lose, by the path that ends it."""
    request = ConnectRequest(
        connection="google-oauth2", redirect_uri="https://app.example/", state=sentinel("state"),
        code_challenge="c" * 43,
    )  # fmt: skip
    token, me = sentinel("token"), provider.my_account
    return {
        "/oauth/token": lambda: provider.refresh(token, audience="https://a.example/", time_limit=5),
        "/oauth/token#vault": lambda: provider.provider_token(token, connection="github", time_limit=5),
        "/oauth/token#machine": lambda: provider.management.user("auth0|ada", time_limit=5),
        f"{ME}/connect": lambda: me.connect(token, request, time_limit=5),
        f"{ME}/complete": lambda: me.complete(
            token, auth_session=sentinel("nonce"), connect_code=sentinel("code"),
            redirect_uri="https://app.example/", code_verifier=sentinel("verifier"), time_limit=5,
        ),
        f"{ME}/accounts": lambda: me.accounts(token, time_limit=5),
        f"{ME}/connections": lambda: me.connections(token, time_limit=5),
        f"{ME}/accounts/cac_a": lambda: me.disconnect(token, "cac_a", time_limit=5),
        "/user": lambda: provider.provider_user(
            ProviderToken(value=token), connection="github", strategy="github", time_limit=5
        ),
        f"{USERS}/auth0%7Cada": lambda: provider.management.user("auth0|ada", time_limit=5),
        f"{USERS}-by-email": lambda: provider.management.users_by_email("a@example.com", time_limit=5),
        f"{USERS}/auth0%7Cada/identities": lambda: provider.management.link(
            "auth0|ada", provider="github", user_id="1", time_limit=5
        ),
        f"{USERS}/auth0%7Cada/identities/github/1": lambda: provider.management.unlink(
            "auth0|ada", provider="github", user_id="1", time_limit=5
        ),
    }  # fmt: skip


@pytest.mark.security("S16")
@pytest.mark.parametrize("ending", [*ENDINGS, "401"])
def test_calls_for_accounts_however_they_end(make_bench, caplog, ending):
    caplog.set_level(logging.DEBUG)
    answer = ENDINGS.get(ending, (401, JSON, b'{"message":"SENTINEL-body","errorCode":"SENTINEL-body"}'))

    def sentinel(name):
        return Secret(SENTINELS[name])

    strangers = []
    for path in calls_for_accounts(make_bench().provider, sentinel):
        bench = make_bench(
            client_secret=sentinel("secret"), management_client_id="m2m",
            management_client_secret=sentinel("secret"),
        )  # fmt: skip
        bench.answers["/oauth/token"] = bench.answers[f"{USERS}/auth0%7Cada"] = ENDINGS["fine"]
        address = path.partition("#")[0]
        bench.answers[address] = FINE.get(address, answer) if ending == "fine" else answer
        shown = [repr(bench.config), repr(bench.provider)]
        call = calls_for_accounts(bench.provider, sentinel)[path]
        try:
            shown.append(repr(call()))
        except FlowError as error:
            shown.extend(everything_shown(error))
            strangers.extend(frames_of_others(error))
        assert bench.adapter.calls[address], "the call went where its answer is"
        shown.extend(f"{record.getMessage()} {record.__dict__}" for record in caplog.records)
        assert [text for text in shown if "SENTINEL" in text] == [], path
    assert strangers == [], "an error page shows what is in these frames"


def frames_of_others(error):
    """The frames of a traceback that are neither this room's nor the tests'."""
    trace = traceback.TracebackException.from_exception(error)
    return [
        frame.filename
        for frame in trace.stack
        if not frame.filename.startswith(OURS) and "/tests/" not in frame.filename
    ]


@pytest.mark.security("S16")
def test_a_lost_connection_shows_no_secret_in_errors_or_logs(make_bench, serve, caplog):
    caplog.set_level(logging.DEBUG)

    def read_and_close(server, connection):
        server.read_request(connection)

    server = serve(read_and_close)
    with pytest.raises(FlowError) as caught:
        Transport().post_form(server.url, {"code": Secret(SENTINELS["code"])}, time_limit=5)
    assert SENTINELS["code"].encode() in server.requests[0]
    shown = everything_shown(caught.value) + [
        f"{record.getMessage()} {record.__dict__}" for record in caplog.records
    ]
    assert [text for text in shown if "SENTINEL" in text] == []


@pytest.mark.security("S16")
def test_an_authorization_request_that_is_refused(bench):
    request = AuthorizationRequest(
        redirect_uri="https://app.example/", scope="openid", state=Secret(SENTINELS["state"]),
        nonce=Secret(SENTINELS["nonce"]), code_challenge="c", parameters={"request": SENTINELS["token"]},
    )  # fmt: skip
    with pytest.raises(FlowError) as caught:
        bench.provider.authorization_url(request)
    assert "SENTINEL" not in f"{caught.value} {caught.value!r} {request.state!r}"


@pytest.mark.security("S16")
def test_a_rejected_token_shows_no_claim_in_its_error(bench):
    token = bench.token(bench.claims(email="SENTINEL@example.com", iss="https://SENTINEL.example/"))
    with pytest.raises(FlowError) as caught:
        bench.verify(token)
    text = f"{caught.value} {caught.value!r} {caught.value.__context__!r}"
    assert "SENTINEL" not in text
    assert token not in text
