"""The site, in a process of its own: signs people in through Django's test client and says what that took.

Reads its orders from the first argument: `scheme`, `database` ("sqlite" or "postgresql"), `n` sign-ins to
time, `left` sign-ins to weigh; `million` finished rows to add in between, or `only` = "reconnect". Prints one
JSON object.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

USERS = 20
STEPS = ("login", "callback", "page")


class Provider:
    """The other process."""

    def __init__(self, scheme: str, folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, HERE / "provider.py", scheme, folder],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.issuer: str = self._answer()["issuer"]

    def ask(self, **order: Any) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout
        return json.loads(self._process.stdout.readline())

    def stop(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(10)


def set_up(issuer: str, database: dict[str, Any]) -> None:
    """Make a Django project with nothing in it but us."""
    import django
    from django.conf import settings
    from django.core.management import call_command
    from django.http import HttpResponse
    from django.urls import include, path

    settings.configure(
        SECRET_KEY="a key of the benchmark",
        ALLOWED_HOSTS=["testserver"],
        USE_TZ=True,
        LOGGING_CONFIG=None,
        ROOT_URLCONF="benchmark_urls",
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LOGIN_REDIRECT_URL="/me/",
        DATABASES={"default": database},
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "stateful_oauth.storage",
            "stateful_oauth.django",
        ],
        MIDDLEWARE=[
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
        ],
        AUTHENTICATION_BACKENDS=["stateful_oauth.django.backends.Auth0Backend"],
        STATEFUL_OAUTH={
            "BASE_URL": "http://testserver",
            "ISSUER": issuer,
            "CLIENT_ID": "web",
            "CLIENT_SECRET": "a-secret-of-the-benchmark-0123456789",
            "ALLOW_INSECURE_HTTP_ON_LOOPBACK": True,
        },
    )
    django.setup()
    call_command("migrate", verbosity=0, interactive=False)
    urls: Any = type(sys)("benchmark_urls")
    urls.urlpatterns = [
        path("auth/", include("stateful_oauth.django.urls")),
        path("me/", lambda request: HttpResponse(f"user:{request.user.email}")),
    ]
    sys.modules["benchmark_urls"] = urls


class Bench:
    """Signs people in, each from a new browser."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def sign_in(self, number: int, around: Callable[[str], Any] | None = None) -> dict[str, float]:
        """Do one whole sign-in; return CPU and wall seconds of the site's requests."""
        from django.test import Client

        browser, email = Client(), f"user{number % USERS}@example.com"
        spent = {"cpu": 0.0, "wall": 0.0, **dict.fromkeys(STEPS, 0.0)}

        def ask(step: str, address: str) -> Any:
            with ExitStack() as stack:
                if around is not None:
                    stack.enter_context(around(step))
                cpu, wall = time.process_time(), time.perf_counter()
                response = browser.get(address)
                spent[step] = time.process_time() - cpu
                spent["wall"] += time.perf_counter() - wall
            spent["cpu"] += spent[step]
            return response

        location = ask("login", "/auth/login/")["Location"]
        back = self._provider.ask(authorize=location, user=email)["location"]
        arrived = ask("callback", back.removeprefix("http://testserver"))
        page = ask("page", arrived["Location"]).content.decode()
        if page != f"user:{email}":
            raise RuntimeError(f"The sign-in of {email} ended with {page!r} at {arrived['Location']}.")
        return spent

    def timed(self, n: int) -> dict[str, float]:
        """Return medians in milliseconds."""
        gc.collect()
        samples = [self.sign_in(number) for number in range(n)]
        return {key: 1e3 * statistics.median(sample[key] for sample in samples) for key in samples[0]}

    def counts(self) -> dict[str, Any]:
        """Count one warm sign-in of a returning user."""
        from tests.support.counting import counted

        steps: dict[str, Any] = {}

        @contextmanager
        def around(step: str) -> Iterator[None]:
            with counted() as count:
                yield
            steps[step] = {"statements": len(count.statements), "commits": count.commits}

        before = self._provider.ask(stats=True)
        self.sign_in(0, around)
        after = self._provider.ask(stats=True)
        calls = {path: n - before["calls"].get(path, 0) for path, n in after["calls"].items()}
        ours = ("/oauth/", "/.well-known/", "/userinfo")
        return {
            "statements": sum(step["statements"] for step in steps.values()),
            "commits": sum(step["commits"] for step in steps.values()),
            "calls": sum(n for path, n in calls.items() if path.startswith(ours)),
            "connections": after["connections"] - before["connections"],
        }

    def reconnecting(self, n: int) -> dict[str, float]:
        """Compare callbacks on a kept connection with callbacks after it was dropped; milliseconds of CPU."""
        kept, dropped = [], []
        for number in range(n):
            kept.append(self.sign_in(number)["callback"])
            self._provider.ask(drop=True)
            dropped.append(self.sign_in(number)["callback"])
        return {"reconnect": 1e3 * (statistics.median(dropped) - statistics.median(kept))}

    def bare_connection(self, n: int) -> float:
        """Return what a new connection of a plain `requests` session takes, over a kept one."""
        import requests

        def spent(session: requests.Session) -> float:
            cpu = time.process_time()
            session.get(self._provider.issuer + ".well-known/jwks.json", timeout=5)
            return time.process_time() - cpu

        new, kept = [], []
        for _ in range(n):
            with requests.Session() as session:
                new.append(spent(session))
                kept.append(spent(session))
        return 1e3 * (statistics.median(new) - statistics.median(kept))

    def left(self, n: int, *, only_start: bool = False) -> float:
        """Return the bytes that a sign-in leaves in the database, compacted."""
        from django.test import Client

        before = size()
        for number in range(n):
            if only_start:
                Client().get("/auth/login/")
            else:
                self.sign_in(number)
        return (size() - before) / n


def size() -> int:
    """Return the size of the compacted database."""
    from django.db import connection

    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("VACUUM")
            cursor.execute("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size")
        else:
            cursor.execute("VACUUM FULL")
            cursor.execute(
                "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n"
                " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname = 'public'"
            )
        return int(cursor.fetchone()[0])


def database(name: str, folder: Path, stack: ExitStack) -> dict[str, Any]:
    """Return Django's settings of a new database."""
    if name == "sqlite":
        pragmas = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"
        options = {"transaction_mode": "IMMEDIATE", "init_command": pragmas}
        return {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(folder / "db.sqlite3"),
            "OPTIONS": options,
        }
    from tests.support.postgresql import PostgreSQL

    server = PostgreSQL()
    stack.callback(server.stop)
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": server.host,
        "CONN_MAX_AGE": None,
    }


def measure(bench: Bench, order: dict[str, Any]) -> dict[str, Any]:
    n: int = order["n"]
    bench.timed(2 * USERS)  # signs everybody up, and warms what can be warm
    if order.get("only") == "reconnect":
        return bench.reconnecting(n) | {"bare": bench.bare_connection(10)}
    found: dict[str, Any] = bench.timed(n)
    if million := order.get("million"):
        from tests.support.finished import seed_finished

        found = {"before": found}
        for first in range(1, million, 100_000):
            seed_finished(min(100_000, million + 1 - first), first)
        bench.timed(USERS)
        return found | {"after": bench.timed(n), "rows": million}
    found |= bench.counts() | bench.reconnecting(max(n // 4, 5))
    if order["scheme"] == "https":
        found["bare"] = bench.bare_connection(10)
    return found | {
        "left": bench.left(order["left"]),
        "abandoned": bench.left(order["left"], only_start=True),
    }


def main() -> None:
    """Do what the first argument says."""
    order = json.loads(sys.argv[1])
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="stateful-oauth-bench-")))
        provider = Provider(order["scheme"], folder)
        stack.callback(provider.stop)
        if order["scheme"] == "https":
            os.environ["REQUESTS_CA_BUNDLE"] = str(folder / "bundle.pem")
        set_up(provider.issuer, database(order["database"], folder, stack))
        found = measure(Bench(provider), order)
        from django.db import connections

        connections.close_all()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
