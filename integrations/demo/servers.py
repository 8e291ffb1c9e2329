"""The two servers of the demo, on loopback."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

HOST: Final = "127.0.0.1"
SITE_PORT: Final = 8000
EMULATOR_PORT: Final = 9400
SETTINGS: Final = "stateful_oauth.demo.settings"


class PortTaken(Exception):
    """Another process listens at the port that was asked for."""


@dataclass(frozen=True, slots=True)
class Running:
    """Where the demo is.

    Attributes:
        data: The folder of the database.
        is_kept: Whether the folder outlives the demo.
    """

    site: str
    emulator: str
    data: Path
    is_kept: bool


@contextmanager
def running(port: int | None, emulator_port: int | None) -> Iterator[Running]:
    """Run site and emulator in background threads, as long as the context is open.

    Args:
        port: Of the site; None is 8000, or a free one when that is taken; 0 is a free one.
        emulator_port: The same for the emulator, with 9400.

    Raises:
        PortTaken: A port that was asked for is taken.
    """
    with ExitStack() as stack:
        data, is_kept = _data(stack)
        ports = _choose(port, SITE_PORT), _choose(emulator_port, EMULATOR_PORT)
        site, emulator = (f"http://{HOST}:{chosen}" for chosen in ports)
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": SETTINGS,
            "STATEFUL_OAUTH_DEMO_URL": site,
            "STATEFUL_OAUTH_DEMO_ISSUER": f"{emulator}/",
            "STATEFUL_OAUTH_DEMO_DATA": str(data),
        }
        _prepare(stack, ports[1])
        stack.enter_context(_site(ports[0]))
        yield Running(site, emulator, data, is_kept)


def _prepare(stack: ExitStack, emulator_port: int) -> None:
    """Set Django up, make the tables, and seed both sides. Imported late: the settings come first."""
    import django  # noqa: PLC0415

    django.setup()
    from django.core.management import call_command  # noqa: PLC0415
    from django.db import connections  # noqa: PLC0415

    from stateful_oauth.demo import running, seed_data  # noqa: PLC0415
    from stateful_oauth.demo.clock import OffsetClock  # noqa: PLC0415
    from stateful_oauth.django import wiring  # noqa: PLC0415
    from stateful_oauth.emulator import EmulatorServer, Tenant  # noqa: PLC0415

    stack.callback(connections.close_all)
    call_command("migrate", verbosity=0, interactive=False)
    tenant = Tenant()
    server = stack.enter_context(EmulatorServer(tenant, emulator_port, HOST))
    clock = OffsetClock()
    wiring.clock = clock
    running.enter(running.RunningDemo(tenant, server, clock))
    seed_data.seed_tenant(tenant)
    seed_data.seed_site(tenant.issuer)


@contextmanager
def _site(port: int) -> Iterator[None]:
    from django.contrib.staticfiles.handlers import StaticFilesHandler  # noqa: PLC0415
    from django.core.servers.basehttp import ThreadedWSGIServer, WSGIRequestHandler  # noqa: PLC0415
    from django.core.wsgi import get_wsgi_application  # noqa: PLC0415

    server = ThreadedWSGIServer((HOST, port), WSGIRequestHandler)
    # The admin's style sheets; a project's web server has them.
    server.set_app(StaticFilesHandler(get_wsgi_application()))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        # Not `server_close`, which would wait for browsers that keep their connections alive.
        server.socket.close()
        thread.join()


def _data(stack: ExitStack) -> tuple[Path, bool]:
    chosen = os.environ.get("STATEFUL_OAUTH_DEMO_DATA")
    if chosen:
        folder = Path(chosen).absolute()
        folder.mkdir(parents=True, exist_ok=True)
        return folder, True
    made = TemporaryDirectory(prefix="stateful-oauth-demo-", ignore_cleanup_errors=True)
    stack.callback(os.environ.pop, "STATEFUL_OAUTH_DEMO_DATA", None)
    return Path(stack.enter_context(made)), False


def _choose(wanted: int | None, usual: int) -> int:
    """Return a port that is free now. Fixed and not bound as 0, so that the emulator can come back to it."""
    if wanted:
        return _free(wanted)
    if wanted is None:
        with suppress(PortTaken):
            return _free(usual)
    return _free(0)


def _free(port: int) -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except (OSError, OverflowError) as error:
            raise PortTaken(f"Port {port} of {HOST} cannot be had: {error}.") from error
        chosen: int = probe.getsockname()[1]
        return chosen
