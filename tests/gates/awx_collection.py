"""Install the collection awx.awx from the Python package `ansible`.

The collection is put in DESTINATION. Ansible Galaxy is not needed. Only that collection is kept of the package, which
takes half a gigabyte when installed.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "ansible==12.3.0"
WITHIN = "ansible_collections/awx/awx/"


def main(destination: Path) -> None:
    """Download the package and unpack the collection."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "-qq", "--no-deps", "--dest", folder, PACKAGE]
        subprocess.run(command, check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(destination, [name for name in archive.namelist() if name.startswith(WITHIN)])


if __name__ == "__main__":
    main(Path(sys.argv[1]))
