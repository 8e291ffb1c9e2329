"""First tabs over real sockets: a threaded server, one jar of cookies, and responses in whatever order."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from functools import partial
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler
from django.core.wsgi import get_wsgi_application

from stateful_oauth.emulator import Tenant
from tests.support.together import together

pytestmark = [pytest.mark.database, pytest.mark.django_db(transaction=True), pytest.mark.security("S21")]

ADA = "ada@example.com"


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as the base class calls it
        pass


class Jar:
    """The cookies of one browser, which its tabs share."""

    def __init__(self, host: str) -> None:
        self.host, self.cookies, self._lock = host, dict[str, str](), threading.Lock()

    def get(self, path: str) -> str:
        """Send a request with the cookies of now; return where the response leads, when it has come."""
        with self._lock:
            sent = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        connection = http.client.HTTPConnection(self.host, timeout=30)
        connection.request("GET", path, headers={"Cookie": sent} if sent else {})
        response = connection.getresponse()
        response.read()
        with self._lock:
            for header in response.headers.get_all("Set-Cookie") or ():
                for name, morsel in SimpleCookie(header).items():
                    self.cookies[name] = morsel.value
                    if morsel["max-age"] == "0":
                        del self.cookies[name]
        connection.close()
        return str(response.headers["Location"])


@pytest.fixture
def host(tenant: Tenant, settings: Any) -> Iterator[str]:
    server = ThreadedWSGIServer(("127.0.0.1", 0), Quiet)
    server.set_app(get_wsgi_application())
    host = f"127.0.0.1:{server.server_port}"
    settings.STATEFUL_OAUTH = {**settings.STATEFUL_OAUTH, "BASE_URL": f"http://{host}"}
    settings.ALLOWED_HOSTS = ["127.0.0.1"]
    tenant.clients["web"].callbacks = [f"http://{host}/auth/callback/"]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield host
    server.shutdown()
    server.server_close()
    thread.join(10)


@pytest.mark.parametrize("number", [3, 8])
def test_first_tabs_finish_over_real_sockets(tenant, host, number):
    for _ in range(3):
        jar, visitor = Jar(host), tenant.visitor()
        starts = [f"/auth/login/?next=/profile/%3Ftab%3D{each}" for each in range(number)]
        locations = together([partial(jar.get, start) for start in starts])
        callbacks = [urlsplit(str(visitor.authorize(each, as_user=ADA))) for each in locations]
        paths = [f"{each.path}?{each.query}" for each in callbacks]
        landed = together([partial(jar.get, path) for path in paths])
        assert landed == [f"/profile/?tab={each}" for each in range(number)]
        assert "sessionid" in jar.cookies
