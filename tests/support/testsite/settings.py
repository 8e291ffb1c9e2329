"""The Django project that the tests run in: what the README tells a project to write, and little else."""

import os

SECRET_KEY = "the-tests-have-no-secrets-to-keep"
DEBUG = False
ALLOWED_HOSTS = ["app.example", "testserver", "evil.example"]
USE_TZ = True
ROOT_URLCONF = "tests.support.testsite.urls"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "stateful_oauth.storage",
    "stateful_oauth.django",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stateful_oauth.django.SignInSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
# Many tests make users of their own, and none is about passwords: a slow hash took half of their time.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
AUTHENTICATION_BACKENDS = ["stateful_oauth.django.backends.Auth0Backend"]
MAILERS = {"default": {"BACKEND": "django.core.mail.backends.locmem.EmailBackend"}}  # Django 6.1
STATIC_URL = "/static/"
LOGIN_URL = "stateful_oauth:login"
LOGIN_REDIRECT_URL = "/profile/"
STATEFUL_OAUTH = {
    "BASE_URL": "https://app.example",
    "ISSUER": "https://tenant.example/",
    "CLIENT_ID": "web",
    "CLIENT_SECRET": "a-client-secret-of-the-tests-0123456789",
    "MANAGEMENT_CLIENT_ID": "linker",
    "MANAGEMENT_CLIENT_SECRET": "a-machine-secret-of-the-tests-0123456789",
    "PROVIDER_USERINFO": {
        connection: {"url": f"https://tenant.example/_provider/{connection}/userinfo"}
        for connection in ("google-oauth2", "github", "windowslive")
    },
    "REFRESH_TOKEN_ROTATION": False,
    "TRANSPORT_ADAPTER": "tests.support.tenants.tenant_adapter",
}

_POSTGRESQL = os.environ.get("STATEFUL_OAUTH_TEST_POSTGRESQL")
if _POSTGRESQL:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": "postgres",
            "USER": "postgres",
            "HOST": _POSTGRESQL,  # the folder of the server's socket
        }
    }
else:
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": ":memory:",
            "OPTIONS": {"transaction_mode": "IMMEDIATE"},
        }
    }
