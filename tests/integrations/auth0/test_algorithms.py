"""Keys and signatures of every kind that OpenID Providers use."""

from __future__ import annotations

import json
from typing import Any, get_args

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from stateful_oauth.auth0.algorithms import ALGORITHMS
from stateful_oauth.auth0.config import AssertionAlg, SigningAlg
from stateful_oauth.flows.engine.errors import FlowError

ALGS = [alg for alg in get_args(SigningAlg) if alg != "HS256"]
CURVES = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


def new_key(algorithm: str) -> Any:
    if algorithm in CURVES:
        return ec.generate_private_key(CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk_of(key: Any, **members: Any) -> dict[str, Any]:
    maker: Any = (
        RSAAlgorithm
        if isinstance(key, rsa.RSAPrivateKey)
        else ECAlgorithm
        if isinstance(key, ec.EllipticCurvePrivateKey)
        else OKPAlgorithm
    )
    return {**json.loads(maker.to_jwk(key.public_key())), **members}


@pytest.fixture(scope="module")
def keys() -> dict[str, Any]:
    shared = new_key("RS256")
    return {alg: shared if alg[:2] in ("RS", "PS") else new_key(alg) for alg in ALGS}


def hash_of(bench: Any, algorithm: str) -> str:
    import base64

    hashed = ALGORITHMS[algorithm].digest(bench.access_token.encode()).digest()
    return base64.urlsafe_b64encode(hashed[: len(hashed) // 2]).rstrip(b"=").decode()


def code_of(bench: Any, token: str) -> str:
    with pytest.raises(FlowError) as caught:
        bench.verify(token)
    return caught.value.code


def test_settings_name_the_algorithms_that_there_are() -> None:
    assert set(get_args(SigningAlg)) == ALGORITHMS.keys()
    assert set(get_args(AssertionAlg)) == set(ALGS)


@pytest.mark.security("T7")
@pytest.mark.parametrize("algorithm", ALGS)
def test_each_algorithm_is_accepted_where_it_is_configured(make_bench, keys, algorithm) -> None:
    bench = make_bench(id_token_signing_alg=algorithm)
    # All kinds at once, and nothing that tells them apart but their own form.
    bench.answers[bench.keys_path] = {
        "keys": [jwk_of(keys[alg]) for alg in ("RS256", "ES256", "ES384", "ES512", "EdDSA")]
    }
    claims = bench.claims(at_hash=hash_of(bench, algorithm))
    token = bench.token(claims, key=keys[algorithm], algorithm=algorithm, kid=None)
    assert bench.verify(token).subject == "auth0|ada"


@pytest.mark.security("T7")
@pytest.mark.parametrize("algorithm", [alg for alg in ALGS if alg != "ES256"])
def test_another_algorithm_than_configured_is_refused(make_bench, keys, algorithm) -> None:
    bench = make_bench(id_token_signing_alg="ES256")
    bench.answers[bench.keys_path] = {
        "keys": [jwk_of(keys[alg], kid="one") for alg in ("RS256", "ES256", "EdDSA")]
    }
    assert code_of(bench, bench.token(key=keys[algorithm], algorithm=algorithm)) == "id_token_algorithm"


@pytest.mark.security("T15")
@pytest.mark.parametrize("algorithm", ["RS384", "PS512", "ES384", "EdDSA"])
def test_access_token_is_compared_by_the_hash_of_the_algorithm(make_bench, keys, algorithm) -> None:
    bench = make_bench(id_token_signing_alg=algorithm)
    bench.answers[bench.keys_path] = {"keys": [jwk_of(keys[algorithm], kid="one")]}
    token = bench.token(bench.claims(), key=keys[algorithm], algorithm=algorithm)  # at_hash by SHA-256
    assert code_of(bench, token) == "id_token_at_hash"


def test_key_on_another_curve_is_not_used(make_bench, keys) -> None:
    bench = make_bench(id_token_signing_alg="ES256")
    bench.answers[bench.keys_path] = {
        "keys": [jwk_of(keys["ES384"], kid="one"), jwk_of(keys["ES256"], kid="two")]
    }
    assert code_of(bench, bench.token(key=keys["ES256"], algorithm="ES256")) == "id_token_key_unknown"


def test_ed448_key_is_passed_over(make_bench) -> None:
    bench = make_bench(id_token_signing_alg="EdDSA")
    key = ed448.Ed448PrivateKey.generate()
    bench.answers[bench.keys_path] = {"keys": [jwk_of(key, kid="one")]}
    assert code_of(bench, bench.token(key=key, algorithm="EdDSA")) == "keys_unavailable"


@pytest.mark.parametrize(
    "damage",
    [{"x": "!"}, {"x": None}, {"crv": "P-999"}, {"crv": 7}, {"y": "AA"}, {"kty": "EC", "n": "AQAB", "x": ""}],
    ids=str,
)
def test_damaged_curve_key_is_passed_over(make_bench, keys, damage) -> None:
    bench = make_bench(id_token_signing_alg="ES256")
    good = jwk_of(keys["ES256"], kid="one")
    bench.answers[bench.keys_path] = {"keys": [{**good, **damage, "kid": "bad"}, good]}
    assert bench.verify(bench.token(bench.claims(), key=keys["ES256"], algorithm="ES256")).subject


@pytest.mark.security("T20")
def test_new_key_under_the_same_id_is_noticed(bench, other_key, tools) -> None:
    bench.verify()
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(other_key)]}
    assert bench.verify(bench.token(key=other_key)).subject == "auth0|ada"
    assert bench.key_fetches == 2


@pytest.mark.security("T20")
def test_wrong_signatures_make_no_more_fetches_than_one_an_interval(bench, other_key) -> None:
    bench.verify()
    for _ in range(3):
        assert code_of(bench, bench.token(key=other_key)) == "id_token_signature"
    assert bench.key_fetches == 2
    bench.clock.sleep(30)
    assert code_of(bench, bench.token(key=other_key)) == "id_token_signature"
    assert bench.key_fetches == 3


def test_wrong_signature_stays_one_while_the_keys_cannot_be_read(bench, other_key) -> None:
    bench.verify()
    bench.answers[bench.keys_path] = (503, {}, b"")
    assert code_of(bench, bench.token(key=other_key)) == "id_token_signature"


def test_first_token_without_kid_is_verified_after_the_key_was_changed(bench, other_key, tools) -> None:
    bench.verify(bench.token(kid=None))
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(other_key)]}
    assert bench.verify(bench.token(key=other_key, kid=None)).subject == "auth0|ada"


def test_library_knows_every_algorithm_by_its_name() -> None:
    assert ALGORITHMS.keys() <= set(jwt.api_jws.PyJWS().get_algorithms())
