"""Build the sdist and, from it, the wheel: the same bytes from the same commit, on any machine and day.

`python .ci/distributions.py TREE OUT` reads SOURCE_DATE_EPOCH (reproducible-builds.org), seconds since 1970.
setuptools takes times, owners and modes of the files as they lie there, so both archives are packed anew.
"""

from __future__ import annotations

import gzip
import io
import os
import stat
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path


def repack_wheel(wheel: Path, epoch: int) -> None:
    """Write the archive anew: in its order, with one time and plain modes."""
    date = time.gmtime(max(epoch, 315532800))[:6]  # a zip file knows no time before 1980
    content = io.BytesIO()
    with zipfile.ZipFile(wheel) as old, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as new:
        for member in sorted(old.infolist(), key=_place):
            plain = zipfile.ZipInfo(member.filename, date)
            plain.external_attr = (stat.S_IFREG | 0o644) << 16
            plain.compress_type, plain.create_system = zipfile.ZIP_DEFLATED, 3
            new.writestr(plain, old.read(member))
    wheel.write_bytes(content.getvalue())


def _place(member: zipfile.ZipInfo) -> tuple[bool, str]:
    """Sort by name, and the metadata to the end, as the format recommends."""
    return ".dist-info/" in member.filename, member.filename


def repack_sdist(sdist: Path, epoch: int) -> None:
    """Write the archive anew: sorted, with one time, no owner, and plain modes."""
    content = io.BytesIO()
    with (
        tarfile.open(sdist) as old,
        tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            plain = tarfile.TarInfo(member.name)
            plain.type, plain.size, plain.mtime = member.type, member.size, epoch
            plain.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
            new.addfile(plain, old.extractfile(member) if member.isfile() else None)
    with sdist.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=epoch) as packed:
        packed.write(content.getvalue())


def build(tree: Path, out: Path, epoch: int) -> list[Path]:
    """Build both from a tree.

    Returns:
        The sdist and the wheel.
    """
    environment = os.environ | {"SOURCE_DATE_EPOCH": str(epoch), "PYTHONHASHSEED": "0"}
    backend = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out)]
    subprocess.run([*backend, "--sdist", str(tree)], check=True, env=environment, capture_output=True)  # noqa: S603 - our own command
    (sdist,) = out.glob("*.tar.gz")
    repack_sdist(sdist, epoch)
    with tempfile.TemporaryDirectory() as unpacked:
        with tarfile.open(sdist) as archive:
            archive.extractall(unpacked, filter="data")
        (folder,) = Path(unpacked).iterdir()
        subprocess.run([*backend, "--wheel", str(folder)], check=True, env=environment, capture_output=True)  # noqa: S603 - as above
    (wheel,) = out.glob("*.whl")
    repack_wheel(wheel, epoch)
    return [sdist, wheel]


if __name__ == "__main__":
    built = build(
        Path(sys.argv[1]), Path(sys.argv[2]), int(os.environ.get("SOURCE_DATE_EPOCH", "0")) or 315532800
    )
    print(*built, sep="\n")
