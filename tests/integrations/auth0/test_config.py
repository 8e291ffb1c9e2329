"""The configuration: what goes together, which addresses are allowed, and that secrets stay hidden."""

import subprocess
import sys

import pytest

from stateful_oauth.auth0.config import Auth0Config
from stateful_oauth.flows.engine.secret import Secret

BASE = {"issuer": "https://tenant.example/", "client_id": "web", "client_secret": Secret("s3cr3t-value" * 3)}


def test_a_config_has_safe_defaults_and_hides_its_secret():
    config = Auth0Config(**BASE)
    assert (config.client_auth, config.id_token_signing_alg) == ("client_secret_post", "RS256")
    assert "s3cr3t-value" not in repr(config)


@pytest.mark.parametrize(
    "issuer", ["https://tenant.example", "https://tenant.example/path", "https://[::1]:8443/"]
)
def test_a_config_keeps_its_issuer_byte_for_byte(issuer):
    assert Auth0Config(**{**BASE, "issuer": issuer}).issuer == issuer


@pytest.mark.security("S14")
@pytest.mark.parametrize(
    "issuer",
    ["", "tenant.example", "http://tenant.example/", "http://127.0.0.1/", "https://",
     "https://u:p@tenant.example/",
     "https://tenant.example/?a=b", "https://tenant.example/#a", "https://tenant.example/ ",
     "https://tenänt.example/",
     "https://tenant.example/\n", "https://a\\b/", "ftp://tenant.example/",
     "https://tenant.example:x/", None],
)  # fmt: skip
def test_s14_issuers_that_are_refused(issuer):
    with pytest.raises(ValueError, match="issuer") as caught:
        Auth0Config(**{**BASE, "issuer": issuer})
    assert "u:p" not in str(caught.value)


@pytest.mark.security("S14")
@pytest.mark.parametrize("host", ["127.0.0.1:9400", "localhost", "[::1]:9400"])
def test_s14_plain_http_on_loopback_only_when_allowed(host):
    changes = {**BASE, "issuer": f"http://{host}/"}
    with pytest.raises(ValueError, match="allow_insecure_http_on_loopback"):
        Auth0Config(**changes)
    Auth0Config(**changes, allow_insecure_http_on_loopback=True)


@pytest.mark.security("S14")
@pytest.mark.parametrize(
    "host", ["127.0.0.1.evil.example", "localhost.evil.example", "127.0.0.2", "0.0.0.0", "tenant.example"]
)
def test_s14_plain_http_elsewhere_never(host):
    with pytest.raises(ValueError, match="https"):
        Auth0Config(**{**BASE, "issuer": f"http://{host}/"}, allow_insecure_http_on_loopback=True)


@pytest.mark.parametrize(
    ("changes", "named"),
    [({"client_id": ""}, "client_id"), ({"client_secret": None}, "client_secret"),
     ({"client_secret": Secret("")}, "client_secret"),
     ({"client_auth": "basic"}, "client_auth"), ({"client_auth": "tls_client_auth"}, "client_certificate"),
     ({"client_auth": "client_secret_jwt", "client_secret": Secret("x" * 31)}, "HS256"),
     ({"client_assertion_audience": "app"}, "client_assertion_audience"),
     ({"client_auth": "private_key_jwt"}, "private_key"),
     ({"id_token_signing_alg": "none"}, "id_token_signing_alg"),
     ({"id_token_signing_alg": "ES256K"}, "id_token_signing_alg"),
     ({"private_key_alg": "HS256"}, "private_key_alg"),
     ({"id_token_signing_alg": "HS256", "client_secret": Secret("x" * 31)}, "HS256"),
     ({"leeway": 61}, "leeway"), ({"leeway": -1}, "leeway"), ({"max_token_age": 0}, "max_token_age"),
     ({"connect_timeout": 0}, "connect_timeout"), ({"read_timeout": float("nan")}, "read_timeout"),
     ({"max_response_bytes": 0}, "max_response_bytes"), ({"metadata_lifetime": 0}, "metadata_lifetime"),
     ({"jwks_refetch_interval": -1}, "jwks_refetch_interval"),
     ({"trusted_audiences": "api"}, "trusted_audiences")],
    ids=lambda value: value if isinstance(value, str) else "",
)  # fmt: skip
def test_what_does_not_go_together(changes, named):
    with pytest.raises(ValueError, match=named):
        Auth0Config(**{**BASE, **changes})


def test_reading_a_configuration_loads_no_http_client():
    code = (
        "import sys, stateful_oauth.auth0.config;"
        "print([m for m in ('requests', 'urllib3', 'jwt', 'cryptography', 'ssl') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
