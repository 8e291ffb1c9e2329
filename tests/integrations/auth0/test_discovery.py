"""The discovery document: of the right issuer, complete, safe, and read once in a while."""

import pytest
import requests

from stateful_oauth.flows.engine.errors import FlowError, RateLimited
from stateful_oauth.flows.oauth.errors import ProviderUnreachable


def refused(bench, document):
    bench.answers[bench.discovery_path] = document
    with pytest.raises(FlowError) as caught:
        bench.provider.sends_issuer()
    assert caught.value.code == "discovery_invalid"
    assert type(caught.value) is FlowError


@pytest.mark.security("T2")
@pytest.mark.parametrize("issuer", ["https://tenant.example", "https://evil.example/", None, 7])
def test_t2_issuer_must_match_to_the_letter(bench, tools, issuer):
    refused(bench, tools.discovery_document(issuer=issuer))


@pytest.mark.security("S14")
@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "jwks_uri"])
@pytest.mark.parametrize(
    "value",
    [None, 7, "", "/relative", "http://tenant.example/x", "http://127.0.0.1/x", "ftp://tenant.example/",
     "https://user:pw@tenant.example/x", "https://tenant.example/x#y", "https://", "https://[::1",
     "https://a b/",
     "https://tenant.example:port/", "javascript:alert(1)"],
)  # fmt: skip
def test_s14_metadata_with_an_unsafe_endpoint_is_refused(bench, tools, name, value):
    refused(bench, tools.discovery_document(**{name: value}))


@pytest.mark.security("S14")
@pytest.mark.parametrize(
    "name", ["revocation_endpoint", "end_session_endpoint", "pushed_authorization_request_endpoint"]
)
def test_s14_optional_endpoints_are_safe_too(bench, tools, name):
    bench.answers[bench.discovery_path] = tools.discovery_document(**{name: None})
    assert bench.provider.sends_issuer() is False
    bench.clock.sleep(100_000)
    refused(bench, tools.discovery_document(**{name: "http://tenant.example/x"}))


@pytest.mark.security("S3")
@pytest.mark.parametrize("methods", [None, [], ["plain"], "S256", [7]], ids=str)
def test_s3_pkce_is_never_given_up(bench, tools, methods):
    refused(bench, tools.discovery_document(code_challenge_methods_supported=methods))


@pytest.mark.security("S3")
def test_s3_setting_vouches_for_a_provider_that_does_not_announce_pkce(make_bench, tools):
    bench = make_bench(pkce_without_metadata=True)
    bench.answers[bench.discovery_path] = tools.discovery_document(code_challenge_methods_supported=None)
    assert bench.provider.sends_issuer() is False


@pytest.mark.security("S3")
@pytest.mark.parametrize("methods", [[], ["plain"]], ids=str)
def test_s3_setting_vouches_for_no_provider_that_announces_otherwise(make_bench, tools, methods):
    refused(
        make_bench(pkce_without_metadata=True),
        tools.discovery_document(code_challenge_methods_supported=methods),
    )


def test_missing_pkce_metadata_names_the_setting(bench, tools):
    bench.answers[bench.discovery_path] = tools.discovery_document(code_challenge_methods_supported=None)
    with pytest.raises(FlowError, match="set PKCE_WITHOUT_METADATA"):
        bench.provider.sends_issuer()


def test_par_must_be_announced_when_it_is_on(make_bench, tools):
    bench = make_bench(pushed_authorization_requests=True)
    refused(bench, tools.discovery_document())


@pytest.mark.security("S4")
@pytest.mark.parametrize(("value", "sends"), [(True, True), (False, False), (None, False), ("true", False)])
def test_s4_whether_callbacks_carry_the_issuer(bench, tools, value, sends):
    bench.answers[bench.discovery_path] = tools.discovery_document(
        authorization_response_iss_parameter_supported=value
    )
    assert bench.provider.sends_issuer() is sends


@pytest.mark.parametrize(
    "answer",
    [(200, {"Content-Type": "text/html"}, b"<html>"), (200, {"Content-Type": "application/json"}, b"[]"),
     (200, {"Content-Type": "application/json"}, b'{"issuer":"a","issuer":"b"}'), (404, {}, b""),
     (200, {}, b"{}")],
    ids=["html", "list", "repeated", "404", "no type"],
)  # fmt: skip
def test_a_response_that_is_no_metadata_document_is_refused(bench, answer):
    refused(bench, answer)


@pytest.mark.parametrize(
    ("answer", "kind"),
    [(requests.ConnectTimeout(), ProviderUnreachable), (requests.ReadTimeout(), ProviderUnreachable),
     ((502, {}, b"<html>"), ProviderUnreachable), ((302, {"Location": "/"}, b""), ProviderUnreachable),
     ((429, {}, b""), RateLimited)],
    ids=["connect", "read", "502", "redirect", "429"],
)  # fmt: skip
def test_no_code_is_sent_while_metadata_cannot_be_read(bench, answer, kind):
    bench.answers[bench.discovery_path] = answer
    with pytest.raises(kind):
        bench.exchange()
    assert bench.adapter.calls["/oauth/token"] == 0


def test_it_is_read_again_when_its_lifetime_is_over(bench):
    bench.provider.sends_issuer()
    bench.clock.sleep(3599)
    bench.provider.sends_issuer()
    assert bench.discovery_fetches == 1
    bench.clock.sleep(1)
    bench.provider.sends_issuer()
    assert bench.discovery_fetches == 2


def test_the_old_one_serves_for_a_day_while_it_cannot_be_read(bench):
    bench.provider.sends_issuer()
    bench.answers[bench.discovery_path] = requests.ConnectTimeout()
    bench.clock.sleep(3600 + 86_399)
    assert bench.provider.sends_issuer() is False
    assert bench.provider.sends_issuer() is False
    assert bench.discovery_fetches == 2  # the failure is remembered for a while
    bench.clock.sleep(1)
    with pytest.raises(ProviderUnreachable):
        bench.provider.sends_issuer()


def test_a_failure_is_forgotten_after_the_interval(bench, tools):
    bench.provider.sends_issuer()
    bench.answers[bench.discovery_path] = requests.ConnectTimeout()
    bench.clock.sleep(3600)
    bench.provider.sends_issuer()
    bench.answers[bench.discovery_path] = tools.discovery_document(
        authorization_response_iss_parameter_supported=True
    )
    assert bench.provider.sends_issuer() is False
    bench.clock.sleep(30)
    assert bench.provider.sends_issuer() is True


def test_the_address_follows_the_issuer(make_bench, tools):
    """OpenID Connect Discovery §4.1: a path of the issuer comes before /.well-known."""
    bench = make_bench(issuer="https://tenant.example/realms/a")
    bench.answers["/realms/a/.well-known/openid-configuration"] = tools.discovery_document(
        issuer="https://tenant.example/realms/a"
    )
    assert bench.provider.sends_issuer() is False


@pytest.mark.security("S14")
def test_s14_loopback_endpoints_only_when_allowed(make_bench, tools):
    bench = make_bench(issuer="http://localhost:9400/", allow_insecure_http_on_loopback=True)
    local = tools.discovery_document(
        issuer="http://localhost:9400/", token_endpoint="http://[::1]:9400/oauth/token"
    )
    bench.answers[bench.discovery_path] = local
    assert bench.provider.sends_issuer() is False
    bench.clock.sleep(100_000)
    refused(bench, {**local, "token_endpoint": "http://tenant.example/oauth/token"})
