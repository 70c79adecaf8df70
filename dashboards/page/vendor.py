"""Fetches the pinned plotly bundle anew and refuses anything but the bytes we know. `python -m strata.dashboards.page.vendor`."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

PACKAGE = "plotly.js-cartesian-dist-min@4.1.1"
SHA256 = "79542150855a52c567260e3137095dbe2b744e6d702a5cabe67da246942fba7a"
ASSETS = Path(__file__).parent / "assets"
_FILES = {"package/plotly-cartesian.min.js": "plotly-cartesian.min.js", "package/LICENSE": "plotly.LICENSE"}


def sha256(data: bytes) -> str:
    """Hex digest of some bytes."""
    return hashlib.sha256(data).hexdigest()


def unpack(archive: Path, target: Path = ASSETS) -> None:
    """Writes bundle and licence out of an npm archive; raises ValueError on another bundle than the pinned one."""
    with tarfile.open(archive) as tar:
        members = {name: tar.extractfile(name) for name in _FILES}
        data = {name: member.read() for name, member in members.items() if member is not None}
    digest = sha256(data["package/plotly-cartesian.min.js"])
    if digest != SHA256:
        raise ValueError(f"{PACKAGE} has sha256 {digest}, expected {SHA256}")
    for name, short in _FILES.items():
        (target / short).write_bytes(data[name])


def main() -> int:
    """Runs `npm pack` in a temporary folder; 0 when the vendored files are the pinned ones."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        unpack(next(Path(folder).glob("*.tgz")))
    sys.stdout.write(f"{PACKAGE}: {SHA256}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
