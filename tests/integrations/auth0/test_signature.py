"""The reading of a signed token, compared with PyJWT's own."""

from __future__ import annotations

import base64
import string

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.api_jws import PyJWS

from stateful_oauth.auth0.signature import verified_claims
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import IdTokenRejected

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
SHORT = rsa.generate_private_key(public_exponent=65537, key_size=1024)
CLAIMS = {"sub": "auth0|1", "name": "Ada"}
_LETTERS = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"
_PYJWT = PyJWS(algorithms=["RS256", "PS256", "HS256"], options={"enforce_minimum_key_length": True})


def code_of(token, key, algorithm="RS256"):
    """Return the code of the refusal, or None."""
    try:
        verified_claims(Secret(token), algorithm=algorithm, key=lambda _: key)
    except IdTokenRejected as error:
        return error.code
    return None


def with_useless_bits(part):
    """Return another text for the same bytes: the last letter has bits that mean nothing."""
    other = part[:-1] + _LETTERS[_LETTERS.index(part[-1]) + 1]
    decoded = [base64.urlsafe_b64decode(each + "==") for each in (part, other)]
    assert decoded[0] == decoded[1]
    return other


def damaged(part, change):
    parts = jwt.encode(CLAIMS, KEY, algorithm="RS256").split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


DAMAGES = {
    "none": lambda text: text,
    "useless bits": lambda text: with_useless_bits(text) if len(text) % 4 else text + "A",
    "one letter more": lambda text: text + "A" * (1 + -len(text) % 4),
    "one letter less": lambda text: text[:-1],
    "another letter": lambda text: ("a" if text[0] != "a" else "b") + text[1:],
}


@pytest.mark.security("T7")
@pytest.mark.parametrize("change", DAMAGES)
@pytest.mark.parametrize("part", [0, 1, 2])
def test_damaged_part_is_refused_as_by_pyjwt(part, change):
    token = damaged(part, DAMAGES[change])
    try:
        _PYJWT.decode_complete(token, KEY.public_key(), algorithms=["RS256"])
        taken = True
    except jwt.PyJWTError:
        taken = False
    assert (code_of(token, KEY.public_key()) is None) is taken


@pytest.mark.parametrize("algorithm", ["RS256", "PS256"])
def test_token_of_the_right_key_is_read(algorithm):
    token = Secret(jwt.encode(CLAIMS, KEY, algorithm=algorithm))
    assert verified_claims(token, algorithm=algorithm, key=lambda _: KEY.public_key()) == CLAIMS


def test_token_of_another_key_has_a_wrong_signature():
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    assert code_of(jwt.encode(CLAIMS, other, algorithm="RS256"), KEY.public_key()) == "id_token_signature"


def test_signature_written_in_another_way_is_malformed():
    assert code_of(damaged(2, with_useless_bits), KEY.public_key()) == "id_token_malformed"


@pytest.mark.filterwarnings("ignore::jwt.InsecureKeyLengthWarning")  # the tokens that are refused
@pytest.mark.parametrize(
    ("algorithm", "signing", "verifying"),
    [("RS256", SHORT, SHORT.public_key()), ("HS256", b"0123456789abcdef", b"0123456789abcdef")],
)
def test_key_that_is_too_short_verifies_nothing(algorithm, signing, verifying):
    token = jwt.encode(CLAIMS, signing, algorithm=algorithm)
    assert code_of(token, verifying, algorithm) == "id_token_malformed"


def test_public_key_in_pem_is_no_secret_of_hs256():
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(b"x" * 99) + b"\n-----END PUBLIC KEY-----\n"
    header, payload = jwt.encode(CLAIMS, b"x" * 32, algorithm="HS256").split(".")[:2]
    assert code_of(f"{header}.{payload}.{'A' * 43}", pem, "HS256") == "id_token_malformed"
