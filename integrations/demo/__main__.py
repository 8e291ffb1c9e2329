"""`python -m stateful_oauth.demo`: run the demo site and the emulated tenant until Ctrl-C."""

from __future__ import annotations

import argparse
import signal
import sys
from importlib.util import find_spec
from threading import Event
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from stateful_oauth.demo.servers import Running


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m stateful_oauth.demo",
        description="Run the demo site and a local stand-in for Auth0, both on 127.0.0.1, until Ctrl-C.",
        epilog="STATEFUL_OAUTH_DEMO_DATA names a folder that keeps the database; otherwise it is temporary. "
        "STATEFUL_OAUTH_DEMO_LOG=INFO shows the log.",
    )
    parser.add_argument("--port", type=int, help="of the site; 8000 if that is free, 0 for any free one")
    parser.add_argument("--emulator-port", type=int, help="of the emulator; 9400 if that is free")
    parser.add_argument("--smoke", action="store_true", help="visit every page once over HTTP, and stop")
    options = parser.parse_args(arguments)
    if find_spec("werkzeug") is None:
        sys.stderr.write("The demo needs its extra: pip install 'django-stateful-oauth[demo]'\n")
        return 1
    try:
        return _smoke(options) if options.smoke else _serve(options)
    except KeyboardInterrupt:
        return 130


def _serve(options: argparse.Namespace) -> int:
    from stateful_oauth.demo.servers import PortTaken, running  # noqa: PLC0415 - needs the extra

    stop = Event()
    try:
        with running(options.port, options.emulator_port) as demo:
            for name in (signal.SIGINT, signal.SIGTERM):
                signal.signal(name, lambda *_: stop.set())
            sys.stdout.write(_welcome(demo))
            sys.stdout.flush()
            # In slices: on Windows an Event that waits for good cannot be interrupted.
            while not stop.wait(1):
                pass
            sys.stdout.write("\nStopping.\n")
    except PortTaken as error:
        sys.stderr.write(f"{error} Choose another one with --port or --emulator-port.\n")
        return 1
    return 0


def _smoke(options: argparse.Namespace) -> int:
    from stateful_oauth.demo.servers import PortTaken, running  # noqa: PLC0415 - needs the extra
    from stateful_oauth.demo.smoke import visit_everything  # noqa: PLC0415

    try:
        with running(options.port or 0, options.emulator_port or 0) as demo:
            return visit_everything(demo.site, sys.stdout)
    except PortTaken as error:
        sys.stderr.write(f"{error}\n")
        return 1


def _welcome(demo: Running) -> str:
    from stateful_oauth.demo.people import (  # noqa: PLC0415 - needs Django set up
        OPERATOR_NAME,
        OPERATOR_PASSWORD,
        PEOPLE,
        SPECIAL,
        TWICE,
    )

    rows = [("Name", "Email", "Password", "Connection", "")]
    rows += [
        (person.name, person.email, person.password or "(just click)", person.connection, person.note)
        for person in (*PEOPLE, *SPECIAL, *TWICE)
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = [
        "  ".join([*(f"{cell:{width}}" for cell, width in zip(row, widths, strict=False)), row[4]])
        for row in rows
    ]
    lines.insert(1, "  ".join("─" * width for width in widths))
    table = "\n".join(f"  {line.rstrip()}" for line in lines)
    kept = "" if demo.is_kept else " (removed at the end)"
    return (
        f"\n  Demo site       {demo.site}/\n"
        f"  Auth0 emulator  {demo.emulator}/\n"
        f"  Database        {demo.data}{kept}\n"
        f"\n  Who can sign in:\n\n{table}\n"
        f"\n  Who is on call  {demo.site}/admin/ as {OPERATOR_NAME} with the password {OPERATOR_PASSWORD}\n"
        "\n  Ctrl-C stops it.\n"
    )


if __name__ == "__main__":
    sys.exit(main())
