"""S16: what must not be shown is in no message, no repr, no context and no log line, however a call ends."""

import base64
import logging
import traceback

import pytest
import requests

from stateful_oauth.flows.errors import FlowError
from stateful_oauth.flows.openid import AuthorizationRequest
from stateful_oauth.flows.secret import Secret
from stateful_oauth.integrations.auth0.transport import Transport

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
        if "/integrations/auth0/" in frame.filename
    ]
    return [
        str(error),
        repr(error),
        "".join(trace.format_exception_only()),
        *library,
        repr(error.__context__),
        repr(error.__cause__),
    ]


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


def test_on_a_real_connection(make_bench, serve, caplog):
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


def test_an_authorization_request_that_is_refused(bench):
    request = AuthorizationRequest(
        redirect_uri="https://app.example/", scope="openid", state=Secret(SENTINELS["state"]),
        nonce=Secret(SENTINELS["nonce"]), code_challenge="c", parameters={"request": SENTINELS["token"]},
    )  # fmt: skip
    with pytest.raises(FlowError) as caught:
        bench.provider.authorization_url(request)
    assert "SENTINEL" not in f"{caught.value} {caught.value!r} {request.state!r}"


def test_a_rejected_token(bench):
    token = bench.token(bench.claims(email="SENTINEL@example.com", iss="https://SENTINEL.example/"))
    with pytest.raises(FlowError) as caught:
        bench.verify(token)
    text = f"{caught.value} {caught.value!r} {caught.value.__context__!r}"
    assert "SENTINEL" not in text
    assert token not in text
