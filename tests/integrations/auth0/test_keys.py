"""The provider's keys: by id, parsed once, read again when they must be and not more often."""

import threading

import pytest
import requests
from cryptography.hazmat.primitives.asymmetric import rsa

from stateful_oauth.auth0.provider import Auth0Provider
from stateful_oauth.flows.engine.errors import FlowError, RateLimited
from stateful_oauth.flows.engine.secret import Secret
from stateful_oauth.flows.oauth.errors import IdTokenRejected, ProviderUnreachable


def failing(bench, code, kind, *args, **kwargs):
    with pytest.raises(FlowError) as caught:
        bench.verify(*args, **kwargs)
    assert (caught.value.code, type(caught.value)) == (code, kind)


def test_keys_and_metadata_are_fetched_once_for_many_tokens(bench):
    for _ in range(5):
        bench.verify()
    assert (bench.key_fetches, bench.discovery_fetches) == (1, 1)


@pytest.mark.security("T20")
def test_rotation_is_noticed_by_one_more_fetch(bench, other_key, tools):
    bench.verify()
    bench.answers[bench.keys_path] = {
        "keys": [tools.public_jwk(other_key, "two"), tools.public_jwk(bench.key)]
    }
    bench.verify(bench.token(key=other_key, kid="two"))
    bench.verify()
    assert bench.key_fetches == 2


@pytest.mark.security("T20")
def test_t20_unknown_keys_are_throttled(bench, other_key):
    bench.verify()
    for _ in range(3):
        failing(bench, "id_token_key_unknown", IdTokenRejected, bench.token(key=other_key, kid="forged"))
    assert bench.key_fetches == 2
    bench.clock.sleep(30)
    failing(bench, "id_token_key_unknown", IdTokenRejected, bench.token(key=other_key, kid="forged"))
    assert bench.key_fetches == 3


@pytest.mark.security("T20")
def test_many_forged_ids_are_capped(bench, other_key):
    bench.verify()
    for number in range(20):
        with pytest.raises(FlowError):
            bench.verify(bench.token(key=other_key, kid=f"forged-{number}"))
    assert bench.key_fetches <= 6


def rotate(bench, key, kid, tools):
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(key, kid)]}


def test_failed_fetch_after_a_rotation_may_be_tried_again_at_once(bench, other_key, tools):
    bench.verify()
    rotated = bench.token(key=other_key, kid="two")
    bench.answers[bench.keys_path] = requests.ConnectTimeout()
    for _ in range(2):
        failing(bench, "keys_unavailable", FlowError, rotated)
    assert bench.key_fetches == 3, "Each attempt asks: it never says that keys were read that were not."
    rotate(bench, other_key, "two", tools)
    assert bench.verify(rotated).subject == "auth0|ada"


def test_two_rotations_within_the_interval_are_survived(bench, other_key, tools):
    third = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    bench.verify()
    for key, kid in ((other_key, "two"), (third, "three")):
        rotate(bench, key, kid, tools)
        bench.verify(bench.token(key=key, kid=kid))
        bench.clock.sleep(1)


@pytest.mark.parametrize("failure", [requests.ConnectTimeout(), (503, {}, b""), (429, {}, b"{}")])
def test_code_is_not_exchanged_while_a_missing_key_cannot_be_had(bench, other_key, tools, failure):
    bench.verify()
    bench.answers[bench.keys_path] = failure
    failing(bench, "keys_unavailable", FlowError, bench.token(key=other_key, kid="two"))
    bench.answers["/oauth/token"] = lambda: pytest.fail("The code was sent.")
    with pytest.raises(FlowError):
        bench.exchange()
    rotate(bench, other_key, "two", tools)
    bench.answers["/oauth/token"] = {"access_token": "a", "token_type": "Bearer"}
    assert bench.exchange().access_token.reveal() == "a"
    before = bench.key_fetches
    bench.exchange()
    assert bench.key_fetches == before, "Once they were had, nothing is asked for any more."


def test_a_withdrawn_key_is_refused_when_the_lifetime_is_over(bench, other_key, tools):
    bench.verify()
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(other_key, "two")]}
    bench.clock.sleep(3599)
    bench.verify()
    bench.clock.sleep(1)
    failing(bench, "id_token_key_unknown", IdTokenRejected)


def test_a_clock_that_is_set_back_does_not_make_keys_live_longer(bench):
    bench.verify()
    bench.clock.sleep(-10)
    bench.verify()
    assert bench.key_fetches == 2


def test_old_keys_do_not_serve_when_new_ones_cannot_be_read(bench):
    bench.verify()
    bench.answers[bench.keys_path] = requests.ConnectTimeout()
    bench.clock.sleep(3600)
    failing(bench, "keys_unavailable", FlowError)


def test_a_token_without_kid_needs_a_single_key(bench, other_key, tools):
    bench.verify(bench.token(kid=None))
    bench.answers[bench.keys_path] = {
        "keys": [tools.public_jwk(bench.key), tools.public_jwk(other_key, "two")]
    }
    bench.clock.sleep(3600)
    failing(bench, "id_token_key_unknown", IdTokenRejected, bench.token(kid=None))


def test_keys_without_an_id_are_found_by_tokens_without_one(bench, tools):
    jwk = tools.public_jwk(bench.key)
    del jwk["kid"], jwk["use"], jwk["alg"]
    bench.answers[bench.keys_path] = {"keys": [jwk]}
    bench.verify(bench.token(kid=None))
    failing(bench, "id_token_key_unknown", IdTokenRejected)


def test_two_keys_of_one_id_mean_none(bench, other_key, tools):
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(bench.key), tools.public_jwk(other_key)]}
    failing(bench, "id_token_key_unknown", IdTokenRejected)


@pytest.mark.parametrize(
    "members",
    [{"use": "enc"}, {"alg": "RS512"}, {"alg": "PS256"}, {"kty": "EC"}, {"n": "AQAB"}, {"n": 7}, {"n": "!"},
     {"e": ""},
     {"d": "AQAB"}, {"key_ops": ["sign"]}, {"key_ops": 7}, {"kid": 7}, {"kid": ["one"]}, {"n": None},
     {"e": {}}],
    ids=str,
)  # fmt: skip
def test_a_key_that_is_not_for_us_is_ignored(bench, other_key, tools, members):
    useless = tools.public_jwk(bench.key, **members)
    bench.answers[bench.keys_path] = {"keys": [useless, tools.public_jwk(other_key, "two")]}
    bench.verify(bench.token(key=other_key, kid="two"))
    failing(bench, "id_token_key_unknown", IdTokenRejected)


def test_a_short_key_is_ignored(bench, tools):
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    bench.answers[bench.keys_path] = {"keys": [tools.public_jwk(short)]}
    failing(bench, "keys_unavailable", FlowError)


@pytest.mark.parametrize(
    "answer",
    [{}, {"keys": 7}, {"keys": []}, {"keys": [7, None]}, {"keys": [{}] * 65}, []],
    ids=lambda a: str(a)[:20],
)
def test_a_key_set_without_a_usable_key_is_told(bench, answer):
    bench.answers[bench.keys_path] = answer
    failing(bench, "keys_unavailable", FlowError)
    with pytest.raises(FlowError) as caught:
        bench.exchange()
    assert caught.value.code in {"keys_unavailable", "provider_unreachable"}
    assert bench.adapter.calls["/oauth/token"] == 0


class TestBeforeTheCodeIsSpent:
    """Keys that cannot be read must not cost a code."""

    @pytest.mark.parametrize(
        ("answer", "kind"),
        [(requests.ConnectTimeout(), ProviderUnreachable), (requests.ReadTimeout(), ProviderUnreachable),
         ((503, {}, b""), ProviderUnreachable),
         ((302, {"Location": "https://evil.example/"}, b""), ProviderUnreachable),
         ((429, {"Retry-After": "7"}, b""), RateLimited)],
        ids=["connect", "read", "503", "redirect", "429"],
    )  # fmt: skip
    def test_no_code_is_sent_while_keys_cannot_be_read(self, bench, answer, kind):
        bench.answers[bench.keys_path] = answer
        with pytest.raises(kind):
            bench.exchange()
        assert bench.adapter.calls["/oauth/token"] == 0

    def test_tokens_signed_with_the_secret_need_no_keys(self, make_bench):
        bench = make_bench(id_token_signing_alg="HS256")
        bench.answers["/oauth/token"] = {"access_token": "a", "token_type": "Bearer"}
        bench.exchange()
        assert bench.key_fetches == 0

    @pytest.mark.parametrize(
        "answer", [requests.ConnectTimeout(), (429, {}, b""), (503, {}, b"")], ids=["connect", "429", "503"]
    )
    def test_afterwards_nothing_says_that_the_exchange_did_not_happen(self, bench, other_key, answer):
        bench.verify()
        bench.answers[bench.keys_path] = answer
        failing(bench, "keys_unavailable", FlowError, bench.token(key=other_key, kid="two"))


class TestThreads:
    """Many threads at once, all of them in the middle of asking while the fetch is under way."""

    COUNT = 32

    @pytest.fixture
    def crowd(self, bench):
        """Run work in threads; `crowd.answer(x)` answers x when every thread has looked and found nothing."""
        looked, really_now = set(), bench.clock.now
        complete, others_done = threading.Event(), threading.Event()

        def now():
            looked.add(threading.current_thread())
            if len(looked) >= self.COUNT:
                complete.set()
            return really_now()

        class Crowd:
            def answer(self, value):
                def give():
                    assert complete.wait(10)
                    return value

                return give

            def answer_last(self, value):
                """Answer when every other thread has its result."""

                def give():
                    assert others_done.wait(10)
                    return value

                return give

            def run(crowd, work):  # noqa: N805
                looked.clear()
                complete.clear()
                results = []

                def one():
                    try:
                        results.append(work())
                    except FlowError as error:
                        results.append(error.code)
                    if len(results) >= self.COUNT - 1:
                        others_done.set()

                threads = [threading.Thread(target=one) for _ in range(self.COUNT)]
                for thread in threads:
                    thread.start()
                for thread in threads:
                    thread.join(10)
                return results

        bench.clock.now = now
        # The provider took the method itself, so it is made again.
        bench.provider = Auth0Provider(bench.config, bench.transport, bench.clock)
        return Crowd()

    def test_one_fetch_of_metadata_serves_all_waiting_threads(self, bench, crowd, tools):
        bench.answers[bench.discovery_path] = crowd.answer(tools.discovery_document())
        assert crowd.run(bench.provider.sends_issuer) == [False] * self.COUNT
        assert bench.discovery_fetches == 1

    def test_one_failed_fetch_of_metadata_serves_all_waiting_threads(self, bench, crowd):
        bench.answers[bench.discovery_path] = crowd.answer((503, {}, b""))
        assert crowd.run(bench.provider.sends_issuer) == ["provider_unreachable"] * self.COUNT
        assert bench.discovery_fetches == 1

    def test_the_old_document_serves_while_one_thread_fetches(self, bench, crowd, tools):
        bench.provider.sends_issuer()
        bench.clock.sleep(3600)
        bench.answers[bench.discovery_path] = crowd.answer_last(tools.discovery_document())
        assert crowd.run(bench.provider.sends_issuer) == [False] * self.COUNT
        assert bench.discovery_fetches == 2

    @pytest.mark.security("T20")
    def test_one_refetch_for_an_unknown_key(self, bench, crowd, other_key, tools):
        bench.verify()
        bench.answers[bench.keys_path] = crowd.answer({"keys": [tools.public_jwk(other_key, "two")]})
        token = bench.token(key=other_key, kid="two")
        expected, moment = bench.expected, bench.clock.moment
        results = crowd.run(
            lambda: bench.provider.verify_id_token(Secret(token), expected, now=moment).subject
        )
        assert results == ["auth0|ada"] * self.COUNT
        assert bench.key_fetches == 2
