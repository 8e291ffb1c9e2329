"""How much a sign-in costs, and whether that is within what the project promises. Run by `make bench`.

    make bench                          everything: about seven minutes
    make bench BENCH_ARGS=--quick       fewer rounds
    make bench BENCH_ARGS=--alone       our own figures only, without the harness of other packages
    make bench BENCH_ARGS=--million     sign-ins before and after a million finished rows (PostgreSQL)

The harness that measures other packages, and the least that a sign-in can cost, side by side is no part of
this project. It is looked for in `STATEFUL_OAUTH_BENCH` and in `../shared/bench`; it needs Python 3.12 or
later (`BENCH_PYTHON`, or one on the PATH). Without it our own figures are measured alone. Ratios within one
run mean something; milliseconds of two runs, or of two machines, do not compare.
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
from typing import Any

from tests.support.checkout import ROOT

HERE = Path(__file__).resolve().parent
DATABASES = ("sqlite", "postgresql")
SCHEMES = ("https", "http")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--alone", action="store_true", help="our own figures only")
    parser.add_argument("--million", action="store_true", help="before and after a million finished rows")
    parser.add_argument("--rows", type=int, default=1_000_000, help="how many rows --million makes")
    arguments = parser.parse_args()
    if arguments.million:
        with_many_rows(arguments.rows, n=40 if arguments.quick else 150)
        return
    harness, python = (None, None) if arguments.alone else (find_harness(), find_python())
    if harness is None or python is None:
        if not arguments.alone:
            missing = "The harness is not there" if harness is None else "There is no Python 3.12 or later"
            print(f"{missing}: our own figures alone. See {Path(__file__).name} --help.\n")
        alone(quick=arguments.quick)
    else:
        beside_others(harness, python, quick=arguments.quick)


def find_harness() -> Path | None:
    """Return the harness's folder, or None."""
    named = os.environ.get("STATEFUL_OAUTH_BENCH")
    folder = Path(named) if named else ROOT.parent / "shared" / "bench"
    return folder if (folder / "run_peers.py").exists() else None


def find_python() -> str | None:
    """Return a Python that is new enough for the harness, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    candidates = [
        os.environ.get("BENCH_PYTHON"),
        *(shutil.which(f"python3.{minor}") for minor in (13, 12, 14)),
        *(str(folder / "bin" / "python") for folder in sorted(pyenv.glob("3.1[2-9].*"), reverse=True)),
        sys.executable,
    ]
    for candidate in filter(None, candidates):
        done = subprocess.run(
            [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 12))"],
            capture_output=True, check=False,
        )  # fmt: skip
        if done.returncode == 0:
            return candidate
    return None


def own(scheme: str, database: str, **more: Any) -> dict[str, Any]:
    """Measure ourselves, in two new processes."""
    order = {"scheme": scheme, "database": database, **more}
    done = subprocess.run(
        [sys.executable, "-m", "tests.budgets.benchmarks.own_site", json.dumps(order)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


# Our own figures.


def alone(*, quick: bool) -> None:
    """Print our own figures; without the minimum beside them the targets that are ratios cannot be judged."""
    rows = []
    for scheme in SCHEMES:
        for database in DATABASES:
            print(f"measuring {scheme}, {database}", file=sys.stderr)
            found = own(scheme, database, n=40 if quick else 150, left=400 if quick else 1000)
            rows.append((scheme, database, found))
    columns = ["", *(f"{scheme}, {database}" for scheme, database, _ in rows)]
    names = {
        "cpu": "CPU ms", "login": "  login", "callback": "  callback", "page": "  page", "wall": "wall ms",
        "statements": "statements", "commits": "commits", "calls": "outbound calls",
        "connections": "new connections", "reconnect": "CPU ms of a dropped connection",
        "bare": "  the same, bare requests", "left": "bytes left", "abandoned": "bytes left, abandoned",
    }  # fmt: skip
    print("One sign-in of a returning user from a new browser; medians, the site's process:\n")
    table(columns, [[name, *(number(found.get(key)) for *_, found in rows)] for key, name in names.items()])
    print("\nTargets that need no comparison:\n")
    judge(own_targets({(scheme, database): found for scheme, database, found in rows}))


def own_targets(found: dict[tuple[str, str], dict[str, Any]]) -> list[tuple[str, str, bool]]:
    worst = {key: max(f[key] for f in found.values()) for key in ("statements", "commits", "calls")}
    reconnect = max(f["reconnect"] for (scheme, _), f in found.items() if scheme == "https")
    connections = max(f["connections"] for f in found.values())
    left = max(f["left"] for (_, database), f in found.items() if database == "postgresql")
    return [
        ("statements: at most 15", f"{worst['statements']}", worst["statements"] <= 15),
        ("commits: at most 4", f"{worst['commits']}", worst["commits"] <= 4),
        ("outbound calls: 1, no new connection", f"{worst['calls']}, {connections}",
         worst["calls"] == 1 and connections == 0),
        ("a dropped connection: at most 3 ms of CPU", f"{reconnect:.1f} ms", reconnect <= 3),
        ("left in PostgreSQL: at most 1500 bytes", f"{left:.0f}", left <= 1500),
    ]  # fmt: skip


# Beside others.


def beside_others(harness: Path, python: str, *, quick: bool) -> None:
    """Run the harness for the minimum, Authlib and ours, and judge the ratios."""
    out = Path(tempfile.mkdtemp(prefix="stateful-oauth-bench-"))
    # The harness starts its own PostgreSQL, which a machine need not have.
    databases = ",".join(DATABASES if has_postgresql() else DATABASES[:1])
    command = [
        python, "run_peers.py", "--pin", "--peers", "floor:raw,floor:sm,authlib,ours", "--db", databases,
        "--scheme", ",".join(SCHEMES), "--rounds", "3" if quick else "7",
        "--per-round", "10" if quick else "20", "--bytes-n", "100" if quick else "400", "--out", str(out),
    ]  # fmt: skip
    environment = {**os.environ, "PROJECT": str(ROOT), "PEER_FOLDERS": f"ours={HERE / 'peer'}"}
    done = subprocess.run(command, cwd=harness, env=environment, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit("The harness failed. Our own figures alone: make bench BENCH_ARGS=--alone")
    result: dict[str, Any] = json.loads((out / "results.json").read_text())
    shutil.rmtree(out)
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for key, measured in result.items():
        peer, database, scheme = key.split(" ")
        groups.setdefault((scheme, database), {})[peer] = measured
    targets = []
    for (scheme, database), peers in sorted(groups.items(), reverse=True):
        minimum = tenth(peers["floor:raw"])
        print(f"\n{scheme}, {database}: one sign-in of a returning user, 10th percentiles\n")
        table(
            ["", "CPU ms", "login", "callback", "page", "wall ms", "x minimum", "bytes left"],
            [
                [
                    {"floor:raw": "the minimum", "floor:sm": "ORM, with state machine"}.get(peer, peer),
                    *(number(peers[peer]["return_"][k]["p10"])
                      for k in ("cpu", "login", "callback", "page", "wall")),
                    f"{tenth(peers[peer]) / minimum:.2f}",
                    number(peers[peer].get("bytes", {}).get("return", {}).get("live")),
                ]
                for peer in sorted(peers, key=lambda peer: tenth(peers[peer]))
            ],
        )  # fmt: skip
        targets += targets_of(scheme, database, peers)
    print("\nmeasuring a dropped connection", file=sys.stderr)
    found = own("https", "sqlite", n=15 if quick else 40, only="reconnect")
    targets.append(
        (
            "a dropped connection: at most 3 ms of CPU",
            f"{found['reconnect']:.1f} ms (bare requests: {found['bare']:.0f} ms)",
            found["reconnect"] <= 3,
        )
    )
    print("\nTargets:\n")
    judge(targets)


def targets_of(scheme: str, database: str, peers: dict[str, Any]) -> list[tuple[str, str, bool]]:
    ours, minimum, authlib = peers["ours"], tenth(peers["floor:raw"]), tenth(peers["authlib"])
    cpu, where = tenth(ours), f"{scheme}, {database}: "
    steps = ours["trace"]["steps"].values()
    statements = sum(step[verb] for step in steps for verb in ("SELECT", "INSERT", "UPDATE", "DELETE"))
    commits = sum(step["commits"] for step in steps)
    calls = sum(ours["trace"]["http"].values())
    if scheme == "https":
        judged = [
            (where + "CPU at most 1.25 x the minimum", f"{cpu / minimum:.2f}", cpu / minimum <= 1.25),
            (where + "CPU at most 0.25 x Authlib", f"{cpu / authlib:.2f}", cpu / authlib <= 0.25),
        ]
    else:
        judged = [
            (where + "CPU at most 1.25 x the minimum", f"{cpu / minimum:.2f}", cpu / minimum <= 1.25),
            (where + "CPU below Authlib", f"{cpu / authlib:.2f}", cpu < authlib),
        ]
    judged += [
        (where + "statements, commits: at most 15, 4", f"{statements}, {commits}",
         statements <= 15 and commits <= 4),
        (where + "outbound calls: 1", f"{calls}", calls == 1),
    ]  # fmt: skip
    if database == "postgresql" and "bytes" in ours:
        left = ours["bytes"]["return"]["live"]
        judged.append((where + "at most 1500 bytes left", f"{left:.0f}", left <= 1500))
    return judged


def tenth(measured: dict[str, Any]) -> float:
    """Return the CPU time that a tenth of the sign-ins stayed below: other work on the machine moves it least."""
    found: float = measured["return_"]["cpu"]["p10"]
    return found


def has_postgresql() -> bool:
    """Whether the harness would find PostgreSQL's programs."""
    if os.environ.get("PG_BIN") or shutil.which("initdb"):
        return True
    if shutil.which("pg_config") is None:
        return False
    place = subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=False).stdout
    return shutil.which("initdb", path=place.strip()) is not None


# A million finished rows.


def with_many_rows(rows: int, *, n: int) -> None:
    """Compare sign-ins before and after `rows` finished ones, on PostgreSQL."""
    found = own("http", "postgresql", n=n, million=rows)
    before, after = found["before"], found["after"]
    print(f"One sign-in on PostgreSQL, before and after {rows:,} finished ones with four records each:\n")
    table(
        ["", "before", "after", "ratio"],
        [
            [key, number(before[key]), number(after[key]), f"{after[key] / before[key]:.2f}"]
            for key in ("cpu", "wall", "login", "callback", "page")
        ],
    )


# Printing.


def table(head: list[str], rows: list[list[str]]) -> None:
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]
    for row in [head, *rows]:
        cells = [
            row[0].ljust(widths[0]),
            *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True)),
        ]
        print("  ".join(cells).rstrip())


def judge(targets: list[tuple[str, str, bool]]) -> None:
    width = max(len(name) for name, *_ in targets)
    for name, measured, met in targets:
        print(f"{'met   ' if met else 'MISSED'}  {name.ljust(width)}  {measured}")


def number(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if isinstance(value, int) or value >= 100 else f"{value:.2f}"


if __name__ == "__main__":
    main()
