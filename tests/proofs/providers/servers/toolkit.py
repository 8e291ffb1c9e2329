"""django-oauth-toolkit as an OpenID Provider on 127.0.0.1: `toolkit.py PORT FOLDER OPTIONS`.

It runs in an environment of its own: nothing of this package is imported.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import django
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings

PORT, FOLDER, OPTIONS = int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
    serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
)

sys.modules["toolkit"] = sys.modules[__name__]
settings.configure(
    SECRET_KEY="a-provider-for-tests",
    ALLOWED_HOSTS=["127.0.0.1"],
    USE_TZ=True,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": FOLDER / "toolkit.sqlite3"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "toolkit.sign_ada_in",
    ],
    TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}],
    ROOT_URLCONF="toolkit",
    OAUTH2_PROVIDER={
        "OIDC_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": KEY.decode(),
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ALWAYS_PROMPT": False,
        "OAUTH2_VALIDATOR_CLASS": "toolkit.Validator",
        "SCOPES": {"openid": "", "profile": "", "email": ""},
        "PKCE_REQUIRED": True,
        "ROTATE_REFRESH_TOKEN": OPTIONS.get("rotation", True),
    },
)
django.setup()

from django.contrib.auth import get_user_model, login  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.urls import include, path  # noqa: E402
from oauth2_provider.models import get_application_model  # noqa: E402
from oauth2_provider.oauth2_validators import OAuth2Validator  # noqa: E402

urlpatterns = [path("o/", include("oauth2_provider.urls", namespace="oauth2_provider"))]


class Validator(OAuth2Validator):
    oidc_claim_scope = None

    def get_additional_claims(self, request):
        return {} if OPTIONS.get("thin") else {"email": request.user.email, "name": "Ada"}

    def get_userinfo_claims(self, request):
        claims = super().get_userinfo_claims(request)
        return {**claims, "email": request.user.email, "name": "Ada"}


def sign_ada_in(get_response):
    def middleware(request):
        if request.path.endswith("/authorize/") and not request.user.is_authenticated:
            login(request, get_user_model().objects.get(username="ada"))
        return get_response(request)

    return middleware


class Quiet(WSGIRequestHandler):
    def log_message(self, *_):
        pass


def main():
    call_command("migrate", verbosity=0)
    get_user_model().objects.get_or_create(username="ada", defaults={"email": "ada@example.com"})
    application, _ = get_application_model().objects.get_or_create(client_id="web")
    application.client_secret = OPTIONS["secret"]
    application.hash_client_secret = False
    application.client_type = "confidential"
    application.authorization_grant_type = "authorization-code"
    application.redirect_uris = OPTIONS["callback"]
    application.post_logout_redirect_uris = OPTIONS["home"]
    application.algorithm = OPTIONS.get("alg", "RS256")
    application.skip_authorization = True
    application.save()
    make_server("127.0.0.1", PORT, get_wsgi_application(), handler_class=Quiet).serve_forever()


if __name__ == "__main__":
    main()
