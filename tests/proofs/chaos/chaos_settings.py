"""The site that chaos kills: the tests' own project on PostgreSQL, in front of an emulator on loopback."""

import os

from tests.support.testsite.settings import *  # noqa: F403 - the same project, with a few things different
from tests.support.testsite.settings import STATEFUL_OAUTH

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": os.environ["CHAOS_DATABASE"],
    }
}
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "tests.support.testsite.urls"
LOGIN_REDIRECT_URL = "/auth/restart/"
STATEFUL_OAUTH = {
    **{key: value for key, value in STATEFUL_OAUTH.items() if key not in ("TRANSPORT_ADAPTER", "ISSUER")},
    "BASE_URL": os.environ["CHAOS_SITE"],
    "ISSUER": os.environ["CHAOS_ISSUER"],
    "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
    "SCOPE": "openid profile email offline_access",
    "REFRESH_TOKEN_ROTATION": False,
    "LINKING": "automatic",
    "LINKING_TRUSTED_CONNECTIONS": ("Username-Password-Authentication", "google-oauth2"),
    "PROVIDER_USERINFO": {
        name: {"url": f"{os.environ['CHAOS_ISSUER']}_provider/{name}/userinfo"}
        for name in ("google-oauth2", "github")
    },
    "READ_TIMEOUT": 4.0,
}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"file": {"class": "logging.FileHandler", "filename": os.environ["CHAOS_LOG"]}},
    "root": {"handlers": ["file"], "level": "WARNING"},
}
