"""One test for each rule of the ID token: signed with the real key, so that nothing else is wrong with it."""

import base64
import hmac
import json

import jwt
import pytest
from cryptography.hazmat.primitives import serialization

from stateful_oauth.flows.engine.errors import FlowError, Mismatch
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import IdTokenRejected


def encode(data):
    return (
        base64.urlsafe_b64encode(data if isinstance(data, bytes) else json.dumps(data).encode())
        .rstrip(b"=")
        .decode()
    )


def rejected(bench, code, token, kind=IdTokenRejected, **expected):
    with pytest.raises(kind) as caught:
        bench.verify(token, **expected)
    assert caught.value.code == code
    assert type(caught.value) is kind


def broken(bench, code, kind=IdTokenRejected, expected=None, **changes):
    rejected(bench, code, bench.token(bench.claims(**changes)), kind, **(expected or {}))


def signed_raw(bench, payload, header=None):
    """A token whose payload is exactly these bytes, signed with the real key."""
    return jwt.PyJWS().encode(payload, bench.key, algorithm="RS256", headers={"kid": "one", **(header or {})})


def test_a_right_token_is_accepted(bench):
    identity = bench.verify()
    assert (identity.issuer, identity.subject, identity.sid) == (
        "https://tenant.example/",
        "auth0|ada",
        "session-1",
    )
    assert identity.claims == bench.claims()


def test_what_is_optional_may_be_missing(bench):
    bench.verify(bench.token(bench.claims(sid=None, at_hash=None), headers={"typ": None}))


def test_a_list_with_one_audience_is_one_audience(bench):
    bench.verify(bench.token(bench.claims(aud=["web"])))


class TestForm:
    @pytest.mark.security("T1")
    def test_t1_an_encrypted_id_token_is_refused_by_name(self, bench):
        rejected(bench, "id_token_encrypted", ".".join(["abcd"] * 5))

    @pytest.mark.security("T14")
    @pytest.mark.parametrize("token", ["", "a", "a.b", "a.b.c.d", "a.b.c", "..", " . . ", "ä.b.c", "a.b.c\n"])
    def test_t14_a_text_that_is_no_jwt_is_malformed(self, bench, token):
        rejected(bench, "id_token_malformed", token)

    @pytest.mark.security("T14")
    def test_t14_an_id_token_that_is_too_long_is_refused(self, bench):
        rejected(bench, "id_token_too_large", bench.token(bench.claims(padding="x" * 200_000)))

    @pytest.mark.security("T14")
    def test_t14_padding_is_not_base64url(self, bench):
        rejected(bench, "id_token_malformed", bench.token() + "=")

    @pytest.mark.security("T14")
    @pytest.mark.parametrize(
        "payload",
        [b"[]", b'"text"', b"null", b"{", b"\xff{}", b'{"sub":"a","sub":"b"}', b'{"exp":NaN}',
         b'{"exp":Infinity}',
         b"[" * 10_000, b'{"iat":' + b"9" * 5000 + b"}"],
        ids=lambda payload: payload[:12].decode("latin-1"),
    )  # fmt: skip
    def test_t14_payload_is_no_reliable_object(self, bench, payload):
        rejected(bench, "id_token_malformed", signed_raw(bench, payload))

    @pytest.mark.security("T14")
    @pytest.mark.parametrize(
        "name", ["sub", "iss", "nonce", "at_hash", "sid", "org_name", "email", "given_name", "\ud800"]
    )
    def test_t14_half_of_a_surrogate_pair(self, bench, name):
        """JSON can write what no encoding can carry (RFC 8259 §8.2)."""
        rejected(bench, "id_token_malformed", bench.token(bench.claims(**{name: "a\ud800"})))

    def test_a_whole_pair_is_a_letter(self, bench):
        token = signed_raw(
            bench, json.dumps(bench.claims(given_name="\U0001f469", nickname="\\ud800")).encode()
        )
        assert bench.verify(token).claims["given_name"] == "\U0001f469"

    @pytest.mark.security("T14")
    @pytest.mark.parametrize("header", [b"[]", b"{", b'{"alg":"RS256","alg":"RS256"}'])
    def test_t14_header_is_no_reliable_object(self, bench, header):
        _, payload, signature = bench.token().split(".")
        rejected(bench, "id_token_malformed", f"{encode(header)}.{payload}.{signature}")


class TestSignature:
    @pytest.mark.security("T6")
    def test_t6_an_id_token_signed_with_another_key_is_refused(self, bench, other_key):
        rejected(bench, "id_token_signature", bench.token(key=other_key))

    @pytest.mark.security("T6")
    def test_t6_an_id_token_with_a_changed_payload_is_refused(self, bench):
        header, _, signature = bench.token().split(".")
        rejected(bench, "id_token_signature", f"{header}.{encode(bench.claims(sub='auth0|eve'))}.{signature}")

    @pytest.mark.security("T7")
    def test_t7_an_id_token_without_a_signature_is_refused(self, bench):
        token = f"{encode({'alg': 'none'})}.{encode(bench.claims())}."
        rejected(bench, "id_token_malformed", token)
        rejected(bench, "id_token_algorithm", token + "AA")

    @pytest.mark.security("T7")
    def test_t7_another_algorithm_with_the_real_key(self, bench):
        rejected(bench, "id_token_algorithm", bench.token(algorithm="PS256"))
        rejected(bench, "id_token_algorithm", bench.token(algorithm="RS512"))

    @pytest.mark.security("T7")
    def test_t7_hmac_with_the_public_key(self, bench):
        pem = bench.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        signed = f"{encode({'alg': 'HS256', 'kid': 'one'})}.{encode(bench.claims())}"
        mac = hmac.digest(pem, signed.encode(), "sha256")
        rejected(bench, "id_token_algorithm", f"{signed}.{encode(mac)}")

    @pytest.mark.security("T7")
    def test_t7_hmac_with_the_client_secret_when_it_is_not_configured(self, bench):
        rejected(bench, "id_token_algorithm", bench.token(key="s" * 64, algorithm="HS256"))

    @pytest.mark.security("T7")
    @pytest.mark.parametrize(
        "header",
        [{"jwk": {"kty": "RSA"}}, {"jku": "https://evil.example/"}, {"x5u": "https://evil.example/"},
         {"x5c": ["MII"]}, {"crit": ["exp"]}, {"typ": "logout+jwt"}, {"typ": "at+jwt"}, {"typ": 7}],
        ids=lambda header: next(iter(header)),
    )  # fmt: skip
    def test_t7_an_id_token_whose_header_brings_a_key_is_refused(self, bench, header):
        rejected(bench, "id_token_header", bench.token(headers=header))

    @pytest.mark.security("T7")
    def test_t7_kid_is_no_text(self, bench):
        _, payload, signature = bench.token().split(".")
        rejected(bench, "id_token_header", f"{encode({'alg': 'RS256', 'kid': 7})}.{payload}.{signature}")

    @pytest.mark.security("T8")
    def test_t8_hmac_when_it_is_configured(self, make_bench):
        bench = make_bench(id_token_signing_alg="HS256")
        token = bench.token(key="s" * 64, algorithm="HS256")
        assert bench.verify(token).subject == "auth0|ada"
        assert bench.key_fetches == 0
        rejected(bench, "id_token_signature", bench.token(key="t" * 64, algorithm="HS256"))
        rejected(bench, "id_token_algorithm", bench.token())

    @pytest.mark.security("T8")
    def test_t8_hmac_has_one_audience(self, make_bench):
        bench = make_bench(id_token_signing_alg="HS256", trusted_audiences=("api",))
        claims = bench.claims(aud=["web", "api"], azp="web")
        rejected(bench, "id_token_audience", bench.token(claims, key="s" * 64, algorithm="HS256"))

    def test_ps256_when_it_is_configured(self, make_bench, tools):
        bench = make_bench(id_token_signing_alg="PS256")
        bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(bench.key, alg="PS256")]}
        bench.verify(bench.token(algorithm="PS256"))
        rejected(bench, "id_token_algorithm", bench.token())


class TestWho:
    @pytest.mark.security("T2")
    @pytest.mark.parametrize(
        "issuer", ["https://tenant.example", "https://TENANT.example/", "https://other.example/"]
    )
    def test_t2_an_id_token_of_another_issuer_is_refused(self, bench, issuer):
        broken(bench, "id_token_issuer", iss=issuer)

    @pytest.mark.security("T3")
    @pytest.mark.parametrize("audience", ["other", ["other"], "Web", ["web", "other"]], ids=str)
    def test_t3_an_id_token_for_another_audience_is_refused(self, bench, audience):
        broken(bench, "id_token_audience", aud=audience, azp="web")

    @pytest.mark.security("T3")
    def test_t3_audience_of_another_client_whose_azp_is_us(self, bench):
        broken(bench, "id_token_audience", aud="other", azp="web")

    @pytest.mark.security("T3")
    def test_t3_a_second_audience_has_to_be_trusted(self, make_bench):
        bench = make_bench(trusted_audiences=("api",))
        bench.verify(bench.token(bench.claims(aud=["web", "api"], azp="web")))
        broken(bench, "id_token_audience", aud=["web", "api", "third"], azp="web")

    @pytest.mark.security("T4")
    def test_t4_azp_is_required_with_several_audiences(self, make_bench):
        broken(make_bench(trusted_audiences=("api",)), "id_token_authorized_party", aud=["web", "api"])

    @pytest.mark.security("T5")
    def test_t5_the_authorized_party_has_to_be_this_client(self, bench):
        bench.verify(bench.token(bench.claims(azp="web")))
        broken(bench, "id_token_authorized_party", azp="other")


class TestWhen:
    @pytest.mark.security("T9")
    def test_t9_an_id_token_counts_until_it_expires(self, bench):
        bench.verify(bench.token(bench.claims(exp=bench.clock.seconds - 29)))
        broken(bench, "id_token_expired", exp=bench.clock.seconds - 30)

    @pytest.mark.security("T10")
    def test_t10_an_id_token_from_the_future_is_refused(self, bench):
        bench.verify(bench.token(bench.claims(iat=bench.clock.seconds + 30)))
        broken(bench, "id_token_issued_at", iat=bench.clock.seconds + 31)

    @pytest.mark.security("T10")
    def test_t10_an_id_token_that_is_too_old_is_refused(self, bench):
        bench.verify(bench.token(bench.claims(iat=bench.clock.seconds - 630)))
        broken(bench, "id_token_issued_at", iat=bench.clock.seconds - 631)

    @pytest.mark.security("T10")
    def test_t10_an_id_token_that_is_not_yet_valid_is_refused(self, bench):
        bench.verify(bench.token(bench.claims(nbf=bench.clock.seconds + 30)))
        broken(bench, "id_token_issued_at", nbf=bench.clock.seconds + 31)

    def test_the_age_of_an_id_token_is_told_by_the_callers_clock(self, bench):
        token = bench.token()
        bench.clock.sleep(4000)
        rejected(bench, "id_token_expired", token)

    @pytest.mark.security("T13")
    def test_t13_a_requested_max_age_needs_a_recent_auth_time(self, bench):
        now = bench.clock.seconds
        bench.verify(bench.token(bench.claims(auth_time=now - 330)), max_age=300)
        broken(bench, "id_token_auth_time", expected={"max_age": 300}, auth_time=now - 331)
        broken(bench, "id_token_auth_time", expected={"max_age": 300}, auth_time=now + 31)
        broken(bench, "id_token_auth_time", expected={"max_age": 300})
        broken(bench, "id_token_auth_time", expected={"max_age": 0}, auth_time=now - 31)

    @pytest.mark.security("T13")
    def test_t13_an_old_auth_time_counts_when_no_max_age_was_requested(self, bench):
        bench.verify(bench.token(bench.claims(auth_time=1)))


class TestWhatWasAskedFor:
    @pytest.mark.security("T11")
    @pytest.mark.parametrize("nonce", ["other", "", None, "n-0S6_WzA2M", "ñ"])
    def test_t11_an_id_token_with_another_nonce_is_refused(self, bench, nonce):
        broken(bench, "nonce_mismatch", Mismatch, nonce=nonce)

    @pytest.mark.security("T11")
    def test_t11_the_nonce_is_compared_as_a_secret_in_constant_time(self, bench, monkeypatch):
        compared = []
        equals = Secret.equals
        monkeypatch.setattr(
            Secret, "equals", lambda self, other: compared.append((self, other)) or equals(self, other)
        )
        bench.verify()
        assert (Secret(bench.claims()["nonce"]), bench.claims()["nonce"]) in compared

    @pytest.mark.security("T12")
    def test_t12_an_id_token_has_to_have_a_requested_acr(self, bench):
        asked = {"acr_values": ("urn:mfa", "urn:phishing-resistant")}
        bench.verify(bench.token(bench.claims(acr="urn:mfa")), **asked)
        broken(bench, "id_token_acr", expected=asked, acr="urn:password")
        broken(bench, "id_token_acr", expected=asked)

    @pytest.mark.security("T15")
    @pytest.mark.parametrize("at_hash", ["77QmUPtjPfzWtF2AnpK9RQ", "", "ä"])
    def test_t15_an_at_hash_of_another_access_token_is_refused(self, bench, at_hash):
        broken(bench, "id_token_at_hash", at_hash=at_hash)

    @pytest.mark.security("T18")
    def test_t18_organization_id_is_exact(self, bench):
        bench.verify(bench.token(bench.claims(org_id="org_Abc")), organization="org_Abc")
        broken(bench, "organization_mismatch", Mismatch, {"organization": "org_Abc"}, org_id="org_abc")
        broken(bench, "organization_mismatch", Mismatch, {"organization": "org_Abc"}, org_name="org_Abc")
        broken(bench, "organization_mismatch", Mismatch, {"organization": "org_Abc"})

    @pytest.mark.security("T18")
    def test_t18_organization_name_has_no_case(self, bench):
        bench.verify(bench.token(bench.claims(org_name="acme", org_id="org_1")), organization="Acme")
        broken(bench, "organization_mismatch", Mismatch, {"organization": "Acme"}, org_name="acme-2")
        broken(bench, "organization_mismatch", Mismatch, {"organization": "Acme"}, org_id="org_1")
        broken(bench, "organization_mismatch", Mismatch, {"organization": ""}, org_name="")

    def test_another_subject_than_the_requested_one_is_refused(self, bench):
        bench.verify(subject="auth0|ada")
        rejected(bench, "subject_mismatch", bench.token(), Mismatch, subject="auth0|Ada")


class TestTypes:
    @pytest.mark.security("T14")
    @pytest.mark.parametrize("name", ["iss", "sub", "aud", "exp", "iat"])
    @pytest.mark.parametrize("value", [None, "", 0.5j, [], {}, True, [[]], [""], ["web", 1]], ids=str)
    def test_t14_required_claims_have_to_be_of_their_types(self, bench, name, value):
        if value == 0.5j:
            value = "1e5" if name in {"exp", "iat"} else 12
        payload = {**bench.claims(), name: value} if value is not None else bench.claims(**{name: None})
        rejected(bench, "id_token_claims", signed_raw(bench, json.dumps(payload).encode()))

    @pytest.mark.security("T14")
    @pytest.mark.parametrize("name", ["exp", "iat", "nbf", "auth_time"])
    @pytest.mark.parametrize(
        "value",
        [
            "-1",
            "1e300",
            "1" * 400,
            "true",
            '"-1"',
            '" 1"',
            '"1.5"',
            '"\u0661"',
            '"253402300800"',
            "253402300800",
        ],
    )
    def test_t14_numbers_that_are_no_moments(self, bench, name, value):
        payload = json.dumps({**bench.claims(), name: "@"}).replace('"@"', value)
        rejected(bench, "id_token_claims", signed_raw(bench, payload.encode()), max_age=10)

    @pytest.mark.parametrize("name", ["exp", "another"])
    @pytest.mark.parametrize("value", ["1e999", "-1e999", "NaN", "Infinity", "1" * 401, "[" * 65 + "]" * 65])
    def test_values_that_cannot_be_relied_on_are_no_claims(self, bench, name, value):
        payload = json.dumps({**bench.claims(), name: "@"}).replace('"@"', value)
        rejected(bench, "id_token_malformed", signed_raw(bench, payload.encode()))

    @pytest.mark.security("T14")
    def test_t14_moments_of_a_token_may_have_fractions(self, bench):
        bench.verify(
            bench.token(bench.claims(iat=bench.clock.seconds + 0.5, exp=bench.clock.seconds + 60.25))
        )

    @pytest.mark.security("T14")
    @pytest.mark.parametrize("subject", ["a" * 256, "ä" * 256, "a\0b", "a\nb", "a\x85b", "a\u202eb"])
    def test_t14_a_subject_of_another_type_is_refused(self, bench, subject):
        broken(bench, "id_token_claims", sub=subject)

    @pytest.mark.security("T14")
    def test_t14_a_subject_of_255_characters_is_accepted(self, bench):
        bench.verify(bench.token(bench.claims(sub="a" * 255)))

    @pytest.mark.security("T14", "T19")
    @pytest.mark.parametrize("name", ["azp", "nonce", "acr", "at_hash", "sid", "org_id", "org_name"])
    def test_t14_t19_texts_are_texts(self, bench, name):
        rejected(
            bench, "id_token_claims", signed_raw(bench, json.dumps({**bench.claims(), name: 7}).encode())
        )


def test_no_broken_token_raises_anything_else(bench):
    """Cutting and changing a right token anywhere gives a code, never a crash."""
    token = bench.token()
    for index in range(0, len(token), 7):
        for damaged in (
            token[:index],
            token[:index] + "!" + token[index + 1 :],
            token[:index] + "." + token[index:],
        ):
            with pytest.raises(FlowError):
                bench.verify(damaged)
