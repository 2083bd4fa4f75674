"""Print the path of the newest Python for the newest ansible-core.

Nothing is printed if there is none.

A command on PATH may be a pyenv shim that fails when run, so each candidate is tried first.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

# Newest first. ansible-core 2.21 runs on these; the default Python of the Makefile covers 3.11.
VERSIONS = ("3.14", "3.13", "3.12")


def candidates(version: str) -> Iterator[str]:
    """Yield commands that may be a Python of `version`.

    Those on PATH come first, then those of pyenv, the latest patch release first.
    """
    if command := shutil.which(f"python{version}"):
        yield command
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser()
    patches = pyenv.glob(f"versions/{version}.*/bin/python")
    yield from sorted(
        map(str, patches),
        key=lambda path: [int(n) for n in path.split(os.sep)[-3].split(".") if n.isdigit()],
        reverse=True,
    )


def works(command: str) -> bool:
    """Return whether `command` runs and can set up a virtual environment."""
    return subprocess.run([command, "-c", "import ensurepip, venv"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    print(next((command for version in VERSIONS for command in candidates(version) if works(command)), ""))
