"""Settings of the demo. Importing them starts nothing and writes nothing.

`__main__.py` says in the environment where the two servers are and where the database may be.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

_BASE_URL = os.environ.get("STATEFUL_OAUTH_DEMO_URL", "http://127.0.0.1:8000")
_ISSUER = os.environ.get("STATEFUL_OAUTH_DEMO_ISSUER", "http://127.0.0.1:9400/")
_DATA = os.environ.get("STATEFUL_OAUTH_DEMO_DATA", "")

# ---- What a project writes ---------------------------------------------------------------------------------

INSTALLED_APPS = [
    "stateful_oauth.demo",  # your own apps; before the package's, to override its templates
    "django.contrib.admin",  # for operators
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "stateful_oauth.storage",  # the tables
    "stateful_oauth.django",  # the pages
]

AUTHENTICATION_BACKENDS = [
    # Or stateful_oauth.django.backends.Auth0Backend, of which this is a subclass.
    "stateful_oauth.demo.backends.DemoBackend",
    # Only for the demo's operator, who has a password of Django's own.
    "django.contrib.auth.backends.ModelBackend",
]

LOGIN_URL = "stateful_oauth:login"
LOGIN_REDIRECT_URL = "/profile/"

STATEFUL_OAUTH = {
    "BASE_URL": _BASE_URL,  # https://www.example.com
    "ISSUER": _ISSUER,  # with Auth0 instead: "DOMAIN": "example.eu.auth0.com"
    "CLIENT_ID": "demo",
    "CLIENT_SECRET": "the-secret-of-the-demo-is-no-secret",  # from your environment
    "SCOPE": "openid profile email offline_access",  # a refresh token, which connecting needs
    "REFRESH_TOKEN_ROTATION": False,  # Token Vault needs it off, here and at the application
    "CONNECTIONS": {
        "google-oauth2": {"scopes": ["openid", "profile", "email"]},
        "github": {"scopes": ["read:user"]},
        "linkedin": {"scopes": ["profile"]},
    },
    "LINKING": "automatic",
    "LINKING_TRUSTED_CONNECTIONS": ["Username-Password-Authentication", "google-oauth2", "github"],
    "MANAGEMENT_CLIENT_ID": "demo-linking",  # a machine-to-machine application
    "MANAGEMENT_CLIENT_SECRET": "this-secret-is-no-secret-as-well",  # from your environment
    # Only because both servers of the demo are on this machine and speak plain http:
    "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
    "ANSWER_WITHIN": 0,  # a menu entry ends where it says, and not on the page that waits
    "BREAKER_FAILURES": 0,  # the menu makes the same call fail as often as a visitor asks for it
    # Only because Google and GitHub are pages of the emulator. The real ones are known, LinkedIn is not.
    "PROVIDER_USERINFO": {
        name: {"url": f"{_ISSUER}_provider/{name}/userinfo"} for name in ("google-oauth2", "github")
    },
}

# urls.py: path("auth/", include("stateful_oauth.django.urls"))

# ---- What every Django project has -------------------------------------------------------------------------

SECRET_KEY = "django-insecure-the-demo-is-for-loopback-only"  # noqa: S105 - nothing here is secret
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost"]
ROOT_URLCONF = "stateful_oauth.demo.urls"
USE_TZ = True
TIME_ZONE = "UTC"
STATIC_URL = "/static/"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Cookies do not know ports: these names keep the demo apart from other sites that you develop on 127.0.0.1.
SESSION_COOKIE_NAME = "demo_session"
CSRF_COOKIE_NAME = "demo_csrf"

MIDDLEWARE = [
    "stateful_oauth.demo.middleware.DemoMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stateful_oauth.django.SignInSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES: list[dict[str, Any]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "stateful_oauth.demo.views.chrome.chrome",
            ]
        },
    }
]

DATABASES: dict[str, dict[str, Any]] = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": str(Path(_DATA) / "demo.sqlite3") if _DATA else ":memory:",
        "OPTIONS": {
            "transaction_mode": "IMMEDIATE",
            "timeout": 2,  # seconds; short, because the demo shows what happens when the database is locked
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;",
        },
    }
}

# The terminal is for the URLs and for bugs. What goes wrong on purpose is shown on pages.
LOGGING: dict[str, Any] = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {
        "bugs": {"()": "django.utils.log.CallbackFilter", "callback": lambda record: bool(record.exc_info)}
    },
    "handlers": {
        "terminal": {"class": "logging.StreamHandler"},
        "bugs": {"class": "logging.StreamHandler", "filters": ["bugs"]},
        "nowhere": {"class": "logging.NullHandler"},
    },
    "loggers": {
        "django.request": {"handlers": ["bugs"], "level": "ERROR", "propagate": False},
        "django.server": {"handlers": ["nowhere"], "level": "ERROR", "propagate": False},
        "stateful_oauth": {"handlers": ["nowhere"], "level": "ERROR", "propagate": False},
    },
}
if os.environ.get("STATEFUL_OAUTH_DEMO_LOG"):
    LOGGING["loggers"] = {}
    LOGGING["root"] = {"handlers": ["terminal"], "level": os.environ["STATEFUL_OAUTH_DEMO_LOG"]}
