"""The shop's settings: its own, not those of the package's tests."""

SECRET_KEY = "the shop is an example and keeps nothing secret"
ALLOWED_HOSTS = ["shop.example"]
USE_TZ = True
ROOT_URLCONF = "shop.urls"
AUTH_USER_MODEL = "shop.Customer"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "stateful_oauth.storage",
    "stateful_oauth.django",
    "shop",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "stateful_oauth.django.SignInSessionMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]
AUTHENTICATION_BACKENDS = ["shop.backends.CustomerBackend"]
LOGIN_URL = "stateful_oauth:login"
LOGIN_REDIRECT_URL = "/basket/"
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": ":memory:",
        "OPTIONS": {"transaction_mode": "IMMEDIATE"},
    }
}
STATEFUL_OAUTH = {
    "BASE_URL": "https://shop.example",
    "DOMAIN": "shop.eu.auth0.com",
    "CLIENT_ID": "the-shop",
    "CLIENT_SECRET": "a-client-secret-of-at-least-32-characters",
    "SCOPE": "openid profile email offline_access",
    "CONNECTIONS": {"google-oauth2": {"title": "Google"}},
    "LINKING": "confirm",
    "MANAGEMENT_CLIENT_ID": "the-shop-linking",
    "MANAGEMENT_CLIENT_SECRET": "another-secret-of-at-least-32-characters",
    "FLOWS": ["shop.gifts.GiftFlow"],
}
