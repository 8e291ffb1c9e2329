"""How the application proves itself to the provider: a signed assertion, or a secret in a header."""

import base64
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from stateful_oauth.flows.engine.secret import Secret


def form_of(bench, endpoint="/oauth/token"):
    bench.answers[endpoint] = {"access_token": "a", "token_type": "Bearer"}
    bench.exchange()
    request = bench.adapter.requests[-1]
    return {name: values[0] for name, values in parse_qs(request.body.decode()).items()}, request


def pem_of(key):
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()


@pytest.mark.parametrize(
    ("algorithm", "signer"),
    [
        ("RS512", rsa.generate_private_key(65537, 2048)),
        ("PS384", rsa.generate_private_key(65537, 2048)),
        ("ES256", ec.generate_private_key(ec.SECP256R1())),
        ("ES512", ec.generate_private_key(ec.SECP521R1())),
        ("EdDSA", ed25519.Ed25519PrivateKey.generate()),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_assertion_is_signed_with_a_key_of_each_kind(make_bench, algorithm, signer):
    bench = make_bench(
        client_auth="private_key_jwt",
        private_key=Secret(pem_of(signer)),
        client_secret=None,
        private_key_alg=algorithm,
        client_assertion_audience="token_endpoint",
    )
    form, _ = form_of(bench)
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        form["client_assertion"], signer.public_key(), algorithms=[algorithm], options=options,
        audience="https://tenant.example/oauth/token",
    )  # fmt: skip
    assert claims["sub"] == "web"


@pytest.mark.parametrize("algorithm", ["RS256", "ES384", "EdDSA"])
def test_key_of_another_kind_than_the_algorithm_is_refused(make_bench, algorithm):
    pem = pem_of(ec.generate_private_key(ec.SECP256R1()))
    with pytest.raises(ValueError, match=f"private_key must be .* for {algorithm}"):
        make_bench(
            client_auth="private_key_jwt",
            private_key=Secret(pem),
            client_secret=None,
            private_key_alg=algorithm,
        )


def test_secret_signs_an_assertion_and_is_not_sent(make_bench):
    form, request = form_of(make_bench(client_auth="client_secret_jwt"))
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(
        form["client_assertion"],
        "s" * 64,
        algorithms=["HS256"],
        audience="https://tenant.example/",
        options=options,
    )
    assert claims["iss"] == claims["sub"] == "web"
    assert "client_secret" not in form
    assert "Authorization" not in request.headers


def test_public_client_sends_its_id_alone(make_bench):
    form, request = form_of(make_bench(client_auth="none", client_secret=None))
    assert (form["client_id"], form.get("client_secret")) == ("web", None)
    assert "Authorization" not in request.headers


@pytest.mark.parametrize("endpoint", ["https://mtls.tenant.example/oauth/token", None])
def test_client_with_a_certificate_calls_the_alias_if_there_is_one(make_bench, tools, endpoint):
    bench = make_bench(client_auth="tls_client_auth", client_secret=None, client_certificate="client.pem")
    aliases = {} if endpoint is None else {"mtls_endpoint_aliases": {"token_endpoint": endpoint}}
    bench.answers[bench.discovery_path] = tools.discovery_document(**aliases)
    form, request = form_of(bench)
    assert (form["client_id"], form.get("client_secret")) == ("web", None)
    assert request.url == (endpoint or "https://tenant.example/oauth/token")


def test_client_without_a_certificate_does_not_call_the_alias(bench, tools):
    bench.answers[bench.discovery_path] = tools.discovery_document(
        mtls_endpoint_aliases={"token_endpoint": "https://mtls.tenant.example/oauth/token"}
    )
    _, request = form_of(bench)
    assert request.url == "https://tenant.example/oauth/token"


class TestPrivateKeyJwt:
    @pytest.fixture
    def pem(self, key):
        return key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    def sent(self, bench):
        bench.answers["/oauth/token"] = {"access_token": "a", "token_type": "Bearer"}
        bench.exchange()
        return {
            name: values[0] for name, values in parse_qs(bench.adapter.requests[-1].body.decode()).items()
        }

    @pytest.mark.parametrize("algorithm", ["RS256", "RS384", "PS256"])
    def test_an_assertion_is_fresh_every_time(self, make_bench, pem, key, algorithm):
        bench = make_bench(
            client_auth="private_key_jwt", private_key=Secret(pem), private_key_id="k1", client_secret=None,
            private_key_alg=algorithm,
        )  # fmt: skip
        seen = set()
        for _ in range(2):
            form = self.sent(bench)
            assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
            assert "client_secret" not in form
            decoded = jwt.decode_complete(
                form["client_assertion"], key.public_key(), algorithms=[algorithm], audience="https://tenant.example/",
                options={"verify_exp": False, "verify_iat": False, "strict_aud": True},
            )  # fmt: skip
            claims = decoded["payload"]
            assert (claims["iss"], claims["sub"], decoded["header"]["kid"]) == ("web", "web", "k1")
            assert claims["exp"] - claims["iat"] == 60
            assert claims["iat"] == bench.clock.seconds
            assert len(form["client_assertion"]) < 2048
            seen.add(claims["jti"])
        assert len(seen) == 2

    @pytest.mark.parametrize(
        "pem", ["", "no pem", "-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----"]
    )
    def test_a_bad_key_is_noticed_at_once(self, make_bench, pem):
        with pytest.raises(ValueError, match="private_key") as caught:
            make_bench(client_auth="private_key_jwt", private_key=Secret(pem))
        assert "MII" not in str(caught.value)


def test_client_secret_basic_encodes_both_parts(make_bench):
    bench = make_bench(
        client_auth="client_secret_basic", client_id="a b:c", client_secret=Secret("p%:ä&" + "x" * 32)
    )
    bench.answers["/oauth/token"] = {"access_token": "a", "token_type": "Bearer"}
    bench.exchange()
    request = bench.adapter.requests[-1]
    scheme, _, value = request.headers["Authorization"].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "a+b%3Ac:p%25%3A%C3%A4%26" + "x" * 32)
    assert b"client_secret" not in request.body
