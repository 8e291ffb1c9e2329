"""One test for each rule of an access token for an API, signed with the real key: nothing else is wrong."""

import hmac
import json
from datetime import UTC, datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from stateful_oauth.auth0.access_token import AccessTokenExpectation
from stateful_oauth.flows.engine.errors import FlowError
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import AccessTokenRejected

API = "https://api.example/"
USERINFO = "https://tenant.example/userinfo"


class Api:
    """An API's side of a bench: right claims, with changes, and what becomes of them."""

    def __init__(self, bench):
        self.bench = bench

    def claims(self, **changes):
        claims = {
            "iss": "https://tenant.example/",
            "sub": "auth0|ada",
            "aud": [API, USERINFO],
            "azp": "spa",
            "scope": "openid read:things write:things",
            "iat": self.bench.clock.seconds,
            "exp": self.bench.clock.seconds + 3600,
            **changes,
        }
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, *, headers=None, key=None, algorithm="RS256", kid="one", **changes):
        return self.bench.token(
            self.claims(**changes), headers=headers, key=key, algorithm=algorithm, kid=kid
        )

    def profile(self, **changes):
        own = {"client_id": "spa", "jti": "one", "azp": None, **changes}
        return self.token(headers={"typ": "at+jwt"}, **own)

    def verify(self, token=None, **expected):
        return self.bench.provider.verify_access_token(
            Secret(self.token() if token is None else token),
            AccessTokenExpectation(**{"audience": API, **expected}),
            now=self.bench.clock.now(),
        )

    def rejected(self, code, token, **expected):
        with pytest.raises(AccessTokenRejected) as caught:
            self.verify(token, **expected)
        assert caught.value.code == code


@pytest.fixture
def api(bench):
    return Api(bench)


def test_token_of_auth0s_dialect_is_read(api):
    found = api.verify()
    assert (found.issuer, found.subject, found.client_id) == ("https://tenant.example/", "auth0|ada", "spa")
    assert found.audience == (API, USERINFO)
    assert found.scopes == {"openid", "read:things", "write:things"}
    assert found.expires_at == datetime.fromtimestamp(api.bench.clock.seconds + 3600, UTC)
    assert not found.is_machine
    assert "auth0|ada" not in repr(found)


def test_token_of_the_standard_profile_is_read(api):
    found = api.verify(api.profile(auth_time=api.bench.clock.seconds - 60, acr="urn:mfa"))
    assert (found.client_id, found.acr) == ("spa", "urn:mfa")
    assert (found.issued_at - found.auth_time).total_seconds() == 60


@pytest.mark.parametrize("typ", ["at+jwt", "AT+JWT", "application/at+jwt"])
def test_both_spellings_of_the_profile_are_known(api, typ):
    found = api.verify(api.token(headers={"typ": typ}, client_id="spa", jti="one"))
    assert found.client_id == "spa"


@pytest.mark.parametrize("missing", ["client_id", "jti"])
def test_profile_requires_its_own_claims(api, missing):
    api.rejected("access_token_claims", api.profile(**{missing: None}))


def test_token_without_a_type_is_of_auth0s_dialect(api):
    assert api.verify(api.token(headers={"typ": None})).client_id == "spa"


def test_token_of_an_application_is_told_apart(api):
    assert api.verify(api.token(sub="cron@clients", azp="cron", gty="client-credentials")).is_machine
    assert api.verify(api.profile(sub="cron", client_id="cron")).is_machine


class TestSignature:
    @pytest.mark.security("T6")
    def test_signature_of_another_key_is_refused(self, api, other_key):
        api.rejected("access_token_signature", api.token(key=other_key))

    @pytest.mark.security("T7")
    def test_an_unsigned_access_token_is_refused(self, api):
        unsigned = jwt.encode(api.claims(), None, algorithm="none", headers={"kid": "one"})
        api.rejected("access_token_malformed", unsigned)

    @pytest.mark.security("T7")
    def test_public_key_is_never_a_shared_secret(self, api, bench):
        public = bench.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        parts = ({"alg": "HS256", "kid": "one"}, api.claims())
        signed = b".".join(jwt.utils.base64url_encode(json.dumps(part).encode()) for part in parts)
        mac = jwt.utils.base64url_encode(hmac.digest(public, signed, "sha256"))
        api.rejected("access_token_algorithm", (signed + b"." + mac).decode())

    @pytest.mark.security("T7")
    def test_algorithm_is_the_configured_one_alone(self, api):
        api.rejected("access_token_algorithm", api.token(algorithm="PS256"))

    @pytest.mark.security("T7")
    def test_configured_algorithm_may_differ_from_that_of_id_tokens(self, make_bench, key, tools):
        api = Api(make_bench(access_token_signing_alg="PS256"))
        api.bench.answers[api.bench.keys_path] = {
            "keys": [tools.public_jwk(key), tools.public_jwk(key, kid="two", alg="PS256")]
        }
        assert api.verify(api.token(algorithm="PS256", kid="two")).client_id == "spa"
        api.rejected("access_token_algorithm", api.token())
        api.rejected("access_token_key_unknown", api.token(algorithm="PS256", kid="one"))

    def test_key_on_a_curve_is_taken_where_it_is_configured(self, make_bench):
        curve = ec.generate_private_key(ec.SECP256R1())
        api = Api(make_bench(access_token_signing_alg="ES256"))
        jwk = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(curve.public_key()))
        api.bench.answers[api.bench.keys_path] = {"keys": [jwk | {"kid": "one"}]}
        assert api.verify(api.token(key=curve, algorithm="ES256")).client_id == "spa"

    @pytest.mark.security("T7")
    @pytest.mark.parametrize("name", ["jwk", "jku", "x5u", "x5c", "crit", "b64"])
    def test_header_brings_no_key_of_its_own(self, api, name):
        header, payload, signature = api.token().split(".")
        made = json.dumps({"alg": "RS256", "kid": "one", name: ["exp"]}).encode()
        del header
        encoded = jwt.utils.base64url_encode(made).decode()
        api.rejected("access_token_header", ".".join([encoded, payload, signature]))

    @pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "secevent+jwt", "id"])
    def test_type_of_another_token_is_refused(self, api, typ):
        api.rejected("access_token_header", api.token(headers={"typ": typ}))

    @pytest.mark.security("T20")
    def test_unknown_key_reads_the_keys_once_in_a_while(self, api):
        api.verify()
        for _ in range(20):
            api.rejected("access_token_key_unknown", api.token(kid="other"))
        assert api.bench.key_fetches == 2

    @pytest.mark.security("T20")
    def test_many_unknown_keys_read_the_keys_a_few_times(self, api):
        api.verify()
        for number in range(20):
            with pytest.raises(FlowError):
                api.verify(api.token(kid=f"other-{number}"))
        assert api.bench.key_fetches <= 5

    def test_the_key_of_an_access_token_is_found_after_a_rotation(self, api, other_key, tools):
        api.verify()
        api.bench.answers[api.bench.keys_path] = {"keys": [tools.public_jwk(other_key, kid="two")]}
        assert api.verify(api.token(key=other_key, kid="two")).client_id == "spa"

    def test_keys_that_cannot_be_read_are_no_fault_of_the_token(self, api):
        api.bench.answers[api.bench.keys_path] = (503, {}, b"")
        with pytest.raises(FlowError) as caught:
            api.verify()
        assert caught.value.code == "keys_unavailable"
        assert not isinstance(caught.value, AccessTokenRejected)

    @pytest.mark.parametrize(
        ("token", "code"),
        [
            ("", "access_token_malformed"),
            ("opaque", "access_token_malformed"),
            ("a.b.c", "access_token_malformed"),
            ("a.b.c.d.e", "access_token_encrypted"),
            ("a" * 262_145, "access_token_too_large"),
        ],
    )
    def test_form_that_is_no_signed_token_is_refused(self, api, token, code):
        api.rejected(code, token)


class TestClaims:
    @pytest.mark.parametrize(
        "changes",
        [
            {"iss": None}, {"iss": ""}, {"sub": None}, {"sub": ""}, {"sub": 7}, {"sub": "x" * 256},
            {"aud": None}, {"aud": []}, {"aud": [API, 7]}, {"aud": {API: 1}}, {"exp": None}, {"exp": "soon"},
            {"exp": True}, {"iat": None}, {"iat": -1}, {"nbf": "now"}, {"auth_time": []}, {"scope": ["a"]},
            {"scope": 1}, {"azp": 1}, {"client_id": []}, {"org_id": 1}, {"org_name": {}},
            {"permissions": "a"}, {"permissions": [1]}, {"acr": 1},
        ],
        ids=str,
    )  # fmt: skip
    def test_claim_of_another_type_is_refused(self, api, changes):
        api.rejected("access_token_claims", api.token(**changes))

    @pytest.mark.parametrize(
        "other", ["http://tenant.example/", "https://tenant.example", "https://TENANT.example/"]
    )
    def test_issuer_is_compared_to_the_letter(self, api, other):
        api.rejected("access_token_issuer", api.token(iss=other))

    @pytest.mark.parametrize(
        "audience", ["https://api.example", "https://api.example/v2", USERINFO, "web", [USERINFO]]
    )
    def test_token_for_another_api_is_refused(self, api, audience):
        api.rejected("access_token_audience", api.token(aud=audience))

    def test_expired_token_is_refused_after_the_leeway(self, api):
        token = api.token()
        api.bench.clock.sleep(3600 + 29)
        api.verify(token)
        api.bench.clock.sleep(1)
        api.rejected("access_token_expired", token)

    @pytest.mark.parametrize("name", ["iat", "nbf"])
    def test_token_of_the_future_is_refused(self, api, name):
        api.verify(api.token(**{name: api.bench.clock.seconds + 30}))
        api.rejected("access_token_issued_at", api.token(**{name: api.bench.clock.seconds + 31}))

    def test_old_token_lasts_until_its_end(self, api):
        api.verify(api.token(iat=api.bench.clock.seconds - 80_000))

    @pytest.mark.parametrize("name", ["nonce", "at_hash", "c_hash", "events"])
    def test_token_of_another_kind_is_no_access_token(self, api, name):
        api.rejected("access_token_kind", api.token(**{name: "x"}))

    @pytest.mark.parametrize("method", [{"jkt": "x"}, {"x5t#S256": "x"}, {}])
    def test_token_that_is_bound_to_a_key_is_no_bearer_token(self, api, method):
        api.rejected("access_token_bound", api.token(cnf=method))


class TestGrants:
    def test_an_access_token_needs_all_scopes_that_are_asked(self, api):
        api.verify(scopes=frozenset({"read:things", "write:things"}))
        api.rejected("access_token_scope", None, scopes=frozenset({"read:things", "delete:things"}))

    def test_scope_is_no_part_of_another_scope(self, api):
        api.rejected("access_token_scope", None, scopes=frozenset({"read:thing"}))

    def test_an_access_token_without_a_scope_grants_nothing(self, api):
        api.verify(api.token(scope=None))
        api.rejected("access_token_scope", api.token(scope=None), scopes=frozenset({"read:things"}))

    def test_a_permission_of_an_access_token_is_no_scope(self, api):
        token = api.token(permissions=["delete:things"])
        api.verify(token, permissions=frozenset({"delete:things"}))
        api.rejected("access_token_scope", token, scopes=frozenset({"delete:things"}))
        api.rejected("access_token_scope", token, permissions=frozenset({"read:things"}))

    @pytest.mark.security("T18")
    def test_organization_is_the_one_asked_for(self, api):
        token = api.token(org_id="org_Acme", org_name="acme")
        for right in ("org_Acme", "acme", "ACME"):
            assert api.verify(token, organization=right).organization == "org_Acme"
        for wrong in ("org_acme", "org_Other", "other", ""):
            api.rejected("access_token_organization", token, organization=wrong)

    @pytest.mark.security("T18")
    def test_token_without_an_organization_is_for_none(self, api):
        for wanted in ("org_Acme", "acme", ""):
            api.rejected("access_token_organization", None, organization=wanted)

    def test_token_for_another_organization_does_not_learn_of_scopes(self, api):
        api.rejected(
            "access_token_organization", None, organization="acme", scopes=frozenset({"delete:things"})
        )
