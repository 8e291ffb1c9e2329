"""This package in the shape that the login benchmark takes: settings and addresses, as in the README."""

LOGIN = "/auth/login/"


def settings(ctx):
    """Return the settings that a project adds; ctx has `op`, `client_id` and `client_secret`."""
    return {
        "INSTALLED_APPS": ["stateful_oauth.storage", "stateful_oauth.django"],
        "AUTHENTICATION_BACKENDS": ["stateful_oauth.django.backends.Auth0Backend"],
        "STATEFUL_OAUTH": {
            "BASE_URL": "http://testserver",
            "PROVIDER": "generic",  # its provider sends refresh tokens unasked
            "ISSUER": ctx["op"],
            "CLIENT_ID": ctx["client_id"],
            "CLIENT_SECRET": ctx["client_secret"],
            "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
        },
    }


def urls():
    """Return the addresses that a project includes."""
    from django.urls import include, path

    return [path("auth/", include("stateful_oauth.django.urls"))]
