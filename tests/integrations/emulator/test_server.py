"""The emulator as a server, and its control API."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
import time

import pytest
import requests

from stateful_oauth.emulator import EmulatorServer, SeedError, Tenant, seed
from tests.integrations.emulator.conftest import CALLBACK, Desk, make_tenant


@pytest.fixture
def served():
    tenant = make_tenant()
    with EmulatorServer(tenant) as server, requests.Session() as session:
        desk = Desk(tenant, session)
        desk.server = server
        yield desk


def control(desk, method, path, body=None, **kwargs):
    return desk.http.request(method, desk.url(f"/_emulator{path}"), json=body, timeout=5, **kwargs)


def test_a_whole_login_over_one_kept_connection(served):
    assert served.tenant.issuer == f"http://127.0.0.1:{served.server.port}/"
    body = served.tokens()
    assert served.claims(body["id_token"])["iss"] == served.tenant.issuer
    assert served.server.connections == 1
    assert served.tenant.requests["/oauth/token"] == 1


def test_a_browser_session_over_http(served):
    page = served.http.get(served.location(), timeout=5)
    assert "Sign in to The shop" in page.text
    state = page.url.partition("state=")[2]
    form = {
        "state": state,
        "action": "account",
        "account": "auth0|ada",
        "connection": "Username-Password-Authentication",
    }
    reply = served.http.post(served.url("/u/login"), data=form, allow_redirects=False, timeout=5)
    assert reply.headers["Location"].startswith(CALLBACK)
    assert "Secure" not in reply.headers["Set-Cookie"]
    silent = served.http.get(served.location(prompt="none"), allow_redirects=False, timeout=5)
    assert "code=" in silent.headers["Location"]


@pytest.mark.parametrize(("kind", "effects"), [("lost_request", 0), ("lost_answer", 1)])
def test_lost_messages_close_the_socket(served, kind, effects):
    code = served.code()
    served.tenant.faults.add("/oauth/token", kind)
    with pytest.raises(requests.ConnectionError):
        served.exchange(code)
    assert served.tenant.ledger.count("code_exchanged", code=code) == effects


def test_a_truncated_answer_is_truncated_on_the_wire(served):
    served.tenant.faults.add("/.well-known/jwks.json", "truncated")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        served.http.get(served.url("/.well-known/jwks.json"), timeout=5)


def test_a_slow_answer_really_delays_the_client(served):
    served.tenant.faults.add("/.well-known/jwks.json", "slow", delay=1)
    with pytest.raises(requests.ReadTimeout):
        # However late this thread looks, the answer is not there yet; and connecting may take its time.
        served.http.get(served.url("/.well-known/jwks.json"), timeout=(5, 0.05))
    served.tenant.faults.add("/.well-known/jwks.json", "slow", delay=0.1)
    started = time.perf_counter()
    assert served.http.get(served.url("/.well-known/jwks.json"), timeout=5).status_code == 200
    assert time.perf_counter() - started >= 0.1


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Content-Length": "x"}, 400),
        ({"Content-Length": "-1"}, 400),
        ({"Transfer-Encoding": "chunked"}, 411),
    ],
)
def test_content_lengths_that_are_wrong_are_refused(served, headers, status):
    connection = http.client.HTTPConnection("127.0.0.1", served.server.port, timeout=5)
    connection.putrequest("POST", "/oauth/token")
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    assert connection.getresponse().status == status
    connection.close()


def test_head_and_methods_that_are_unknown_are_answered(served):
    reply = served.http.head(served.url("/.well-known/openid-configuration"), timeout=5)
    assert (reply.status_code, reply.content) == (200, b"")
    assert served.http.request("BREW", served.url("/"), timeout=5).status_code == 501
    assert served.http.get(served.url("/"), timeout=5).status_code == 404


def test_the_server_listens_on_loopback_only():
    with pytest.raises(ValueError, match="loopback"):
        EmulatorServer(Tenant(), host="0.0.0.0")


def test_the_server_takes_its_public_url_as_issuer():
    tenant = Tenant()
    with EmulatorServer(tenant, public_url="http://login.localhost:9") as server:
        assert (tenant.issuer, server.url) == ("http://login.localhost:9/", "http://login.localhost:9")


def test_the_control_api_makes_users_and_clients(served):
    user = control(served, "POST", "/users", {"email": "eve@example.com", "connection": "github"})
    assert user.status_code == 201
    user_id = user.json()["user_id"]
    assert user_id.startswith("github|")
    patched = control(served, "PATCH", f"/users/{user_id}", {"blocked": True})
    assert patched.json()["blocked"] is True
    assert user_id in [found["user_id"] for found in control(served, "GET", "/users").json()["users"]]
    assert control(served, "DELETE", f"/users/{user_id.replace('|', '%7C')}").status_code == 204
    assert control(served, "DELETE", f"/users/{user_id}").status_code == 404
    client = {"client_id": "c", "client_secret": "top", "callbacks": [CALLBACK], "rotation": True}
    reply = control(served, "POST", "/clients", client)
    assert (reply.status_code, "top" in reply.text) == (201, False)
    assert served.tenant.clients["c"].rotation
    for kind, body in [
        ("connections", {"name": "corp", "strategy": "samlp"}),
        ("apis", {"identifier": "https://x/", "scopes": ["a"]}),
        ("client_grants", {"client_id": "c", "audience": "https://x/", "scopes": ["a"]}),
        ("organizations", {"name": "acme", "members": ["auth0|ada"]}),
    ]:
        assert control(served, "POST", f"/{kind}", body).status_code == 201
        assert control(served, "GET", f"/{kind}").json()[kind]


def test_control_clock_faults_ledger_requests_keys_settings_reset(served):
    now = control(served, "GET", "/clock").json()["now"]
    assert control(served, "POST", "/clock", {"advance": 60}).json()["now"] == now + 60
    assert control(served, "POST", "/clock", {"now": 5}).json() == {"now": 5, "standing": True}
    fault = {"endpoint": "/oauth/token", "kind": "rate_limit", "times": 2, "reset": 5}
    assert control(served, "POST", "/faults", fault).status_code == 201
    assert served.exchange("x").status_code == 429
    assert control(served, "GET", "/faults").json()["faults"][0]["fired"] == 1
    assert control(served, "DELETE", "/faults").status_code == 204
    code = served.code()
    served.exchange(code)
    found = control(served, "GET", "/ledger", params={"effect": "code_exchanged", "code": code}).json()
    assert (found["count"], found["entries"][0]["user_id"]) == (1, "auth0|ada")
    assert control(served, "GET", "/requests").json()["requests"]["/oauth/token"] == 2
    assert len(control(served, "POST", "/keys/rotate", {}).json()["published"]) == 2
    assert len(control(served, "POST", "/keys/revoke-previous", {}).json()["published"]) == 1
    assert control(served, "PATCH", "/settings", {"par": True}).json()["par"] is True
    assert served.tenant.settings.par
    assert control(served, "POST", "/reset", {}).status_code == 204
    assert control(served, "GET", "/ledger").json()["count"] == 0
    assert "GET /_emulator/ledger" in control(served, "GET", "").json()["control"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/users", []),
        ("POST", "/users", {"email": 7}),
        ("POST", "/users", {"nickname": "x", "wings": 2}),
        ("POST", "/users", {"user_id": "ada"}),
        ("PATCH", "/users/auth0|ada", {"user_id": "x"}),
        ("PATCH", "/users/auth0|ada", {"blocked": "yes"}),
        ("POST", "/clients", {"callbacks": "https://x/"}),
        ("POST", "/clients", {"signing_alg": "none"}),
        ("POST", "/apis", {}),
        ("POST", "/clock", {}),
        ("POST", "/clock", {"advance": "x"}),
        ("POST", "/clock", {"advance": True}),
        ("POST", "/faults", {}),
        ("POST", "/faults", {"endpoint": "*", "kind": "gremlins"}),
        ("POST", "/faults", {"endpoint": "*", "kind": "html", "times": "x"}),
        ("POST", "/faults", {"endpoint": "*", "kind": "html", "match": {"a": 1}}),
        ("POST", "/faults", {"endpoint": "*", "kind": "html", "fired": 1}),
        ("PATCH", "/settings", {"par": "yes"}),
        ("PATCH", "/settings", {"nothing": True}),
        ("PATCH", "/settings", {"__class__": True}),
    ],
)
def test_control_refuses_what_it_does_not_understand(served, method, path, body):
    reply = control(served, method, path, body)
    assert (reply.status_code, list(reply.json())) == (400, ["error"])


def test_web_pages_cannot_steer_it(served):
    text = {"Content-Type": "text/plain"}
    reply = served.http.post(served.url("/_emulator/reset"), data="{}", headers=text, timeout=5)
    assert reply.status_code == 415
    rebound = served.http.get(served.url("/_emulator/ledger"), headers={"Host": "evil.example"}, timeout=5)
    assert rebound.status_code == 403


def test_the_emulator_runs_as_a_process_of_its_own(tmp_path):
    people = tmp_path / "people.json"
    people.write_text(
        json.dumps(
            {
                "settings": {"par": True},
                "clients": [{"client_id": "web", "callbacks": [CALLBACK]}],
                "users": [{"email": "ada@example.com", "name": "Ada"}],
            }
        )
    )
    command = [
        sys.executable,
        "-m",
        "stateful_oauth.emulator",
        "--port",
        "0",
        "--people",
        str(people),
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            line = process.stdout.readline()
            url = line.rpartition(" ")[2].strip()
            users = requests.get(f"{url}/_emulator/users", timeout=5).json()["users"]
            assert [user["name"] for user in users] == ["Ada"]
            data = requests.get(f"{url}/.well-known/openid-configuration", timeout=5).json()
            assert data["issuer"] == f"{url}/"
            assert "pushed_authorization_request_endpoint" in data
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "document", [[], {"peoples": []}, {"users": {}}, {"users": ["x"]}, {"apis": [{}]}, {"settings": []}]
)
def test_bad_people_files_say_what_is_wrong(document):
    with pytest.raises(SeedError):
        seed(Tenant(), document)


def test_the_emulator_serves_https_with_a_certificate(tmp_path):
    import datetime as dt
    import ipaddress
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization

    from stateful_oauth.emulator.keys import KeyMaterial

    key = KeyMaterial().private
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 7, now - dt.timedelta(1), now + dt.timedelta(1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = (serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (tmp_path / "both.pem").write_bytes(certificate.public_bytes(pem) + key.private_bytes(pem, *plain))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "both.pem")
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(pem))
    with EmulatorServer(make_tenant(), ssl_context=context) as server:
        data = requests.get(
            f"{server.url}/.well-known/openid-configuration", verify=tmp_path / "ca.pem", timeout=5
        ).json()
    assert data["issuer"].startswith("https://127.0.0.1:")


def test_of_16_parallel_exchanges_over_sockets_one_wins(served):
    from concurrent.futures import ThreadPoolExecutor

    code = served.code()

    def exchange(_):
        with requests.Session() as session:
            return Desk(served.tenant, session).exchange(code).status_code

    with ThreadPoolExecutor(16) as pool:
        assert sorted(pool.map(exchange, range(16))) == [200, *[403] * 15]
    assert served.server.connections == 16
    assert served.tenant.ledger.count("code_exchanged", code=code) == 1


def test_the_whole_of_it_is_a_wsgi_application(desk):
    from wsgiref.validate import validator

    from stateful_oauth.emulator.faults import AnswerLost

    started = []
    sent = {
        "REQUEST_METHOD": "GET",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/.well-known/jwks.json",
        "QUERY_STRING": "",
        "SERVER_NAME": "tenant.example",
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https",
        "wsgi.input": sys.stdin.buffer,
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }

    def start(status, headers, exc_info=None):
        started.append(status)
        return lambda data: None

    body = validator(desk.tenant.wsgi)(dict(sent), start)
    assert json.loads(b"".join(body))["keys"]
    body.close()
    assert started == ["200 OK"]
    desk.tenant.faults.add("*", "lost_answer")
    with pytest.raises(AnswerLost):
        desk.tenant.wsgi(dict(sent), start)
