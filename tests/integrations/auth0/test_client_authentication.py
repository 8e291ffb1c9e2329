"""How the application proves itself to the provider: a signed assertion, or a secret in a header."""

import base64
from urllib.parse import parse_qs

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from stateful_oauth.flows.engine.secret import Secret


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
