"""``python -m stateful_oauth.emulator``: serve a tenant until interrupted."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from stateful_oauth.emulator.seeding import SeedError, seed
from stateful_oauth.emulator.server import EmulatorServer
from stateful_oauth.emulator.tenant import Tenant


def main(arguments: list[str] | None = None) -> int:
    """Serve; print the URL first, so that another process can wait for that line."""
    parser = argparse.ArgumentParser(prog="python -m stateful_oauth.emulator", description=__doc__)
    parser.add_argument("--port", type=int, default=9400, help="0 takes a free port")
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address")
    parser.add_argument("--public-url", help="the URL to use as the issuer, if not the bound one")
    parser.add_argument(
        "--people", type=Path, help="JSON with users, clients, connections, apis, organizations"
    )
    chosen = parser.parse_args(arguments)
    tenant = Tenant()
    try:
        if chosen.people is not None:
            seed(tenant, json.loads(chosen.people.read_text(encoding="utf-8")))
        server = EmulatorServer(tenant, chosen.port, chosen.host, public_url=chosen.public_url).start()
    except (OSError, ValueError, SeedError) as error:
        sys.stderr.write(f"The emulator cannot start: {error}\n")
        return 1
    sys.stdout.write(f"Auth0 emulator at {server.url}\n")
    sys.stdout.flush()
    try:
        server.wait()
    except KeyboardInterrupt:
        server.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
