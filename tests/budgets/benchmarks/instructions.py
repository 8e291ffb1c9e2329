"""How many instructions a sign-in takes, beside the least that one can cost. Needs valgrind, and the harness.

    python -m tests.budgets.benchmarks.instructions                          this package and the minimum
    python -m tests.budgets.benchmarks.instructions --peers floor:raw,floor:sm,ours --scheme https

Times depend on what else the machine does. Instructions of the same code do not, within one in a thousand. They
say nothing about caches and waits, so `make bench` has the last word; it says where the harness is looked for.
Every peer runs in this environment, on SQLite. Each figure is the smallest of the measured sign-ins, in
thousands.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.budgets.benchmarks.run import HERE, find_harness, table

STEPS = ("login", "callback", "page")
CLIENT = {"client_id": "bench-client", "client_secret": "bench-secret-0123456789abcdef0123456789abcdef"}
WARM_UP, MEASURED = 6, 3  # sign-ins of returning users

# In valgrind's process: `login` of the worker asks for the CPU time before and after each request of the site,
# and callgrind writes down the instructions between two such questions.
SITE = """
import sys
__name__, __file__ = "worker", sys.argv[2]  # so that it does not begin its own loop
exec(compile(open(__file__).read(), __file__, "exec"))
peer = start()
Browser.connect()
for _ in range(int(sys.argv[3])):
    must_login(peer, "auth0|r1")
"""


def measured(harness: Path, folder: Path, peer: str, op: str, bundle: Path) -> dict[str, int]:
    """Return the instructions of each step."""
    name, _, variant = peer.partition(":")
    context = CLIENT | {
        "name": name, "variant": variant, "db": "sqlite", "op": op, "log": str(folder / f"{name}.log"),
        "database": str(folder / f"{name}.sqlite3"), "scheme": op.partition(":")[0],
        "folder": str(HERE / "peer" if name == "ours" else harness / "peers" / name),
    }  # fmt: skip
    environment = os.environ | {"PYTHONHASHSEED": "0", "REQUESTS_CA_BUNDLE": str(bundle)}
    environment["SSL_CERT_FILE"] = str(bundle)
    dumps = folder / peer.replace(":", "-")
    dumps.mkdir()
    command = [
        "valgrind", "--tool=callgrind", "--dump-before=time_process_time", "--combine-dumps=no",
        f"--callgrind-out-file={dumps}/out", sys.executable, "-c", SITE, json.dumps(context),
        harness / "worker.py", str(WARM_UP + MEASURED),
    ]  # fmt: skip
    subprocess.run(command, env=environment, check=True, stderr=subprocess.DEVNULL, cwd=harness)
    totals = [total_of(file) for file in sorted(dumps.glob("out.*"), key=lambda f: int(f.suffix[1:]))]
    # The first dump ends before the first request; then come a request and what lies between two of them.
    requests = totals[1::2]
    requests = requests[-MEASURED * len(STEPS) :]
    return {step: min(requests[index :: len(STEPS)]) for index, step in enumerate(STEPS)}


def total_of(dump: Path) -> int:
    """Return the instructions of one of callgrind's files."""
    for line in dump.read_text().splitlines():
        if line.startswith(("summary:", "totals:")):
            return int(line.split()[1])
    raise ValueError(f"{dump} has no summary.")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peers", default="floor:raw,ours", help="peers of the harness, the minimum first")
    parser.add_argument("--scheme", choices=("http", "https"), default="http")
    arguments = parser.parse_args()
    harness = find_harness()
    if harness is None or shutil.which("valgrind") is None:
        sys.exit("This needs valgrind, and the harness that `make bench` compares with.")
    rows: list[list[str]] = []
    with tempfile.TemporaryDirectory(prefix="stateful-oauth-instructions-") as temporary:
        folder = Path(temporary)
        provider = subprocess.Popen(
            [sys.executable, harness / "op.py", "--folder", folder], stdout=subprocess.PIPE, text=True
        )
        try:
            assert provider.stdout
            op = json.loads(provider.stdout.readline())[arguments.scheme]
            least = 0
            for peer in arguments.peers.split(","):
                found = measured(harness, folder, peer, op, folder / "ca-bundle.pem")
                least = least or sum(found.values())
                cells = [f"{found[step] / 1000:,.0f}" for step in STEPS]
                total = sum(found.values())
                rows.append([peer, *cells, f"{total / 1000:,.0f}", f"{total / least:.2f}"])
        finally:
            provider.kill()
            provider.wait()
    table(["thousand instructions", *STEPS, "all", "x the first"], rows)


if __name__ == "__main__":
    main()
