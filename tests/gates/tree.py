"""Copy the collection to where Ansible finds it: DESTINATION/ansible_collections/simops/yateota.

ansible-test and mypy need the real path; a symlink resolves to the checkout and fails. Only files that git tracks,
or would track, are copied, and only when they changed. Files that are gone are removed; tests/output is the runs' own.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = Path("ansible_collections", "simops", "yateota")
KEPT = Path("tests", "output")


def wanted_files() -> set[Path]:
    """The checkout's files that git tracks or would track, relative to its root."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A file deleted but not yet committed is still listed.
    return {Path(name) for name in listing.split("\0") if name and (ROOT / name).is_file()}


def refresh(destination: Path) -> Path:
    """Make the copy below `destination` equal to the checkout and return its path."""
    tree = destination / COLLECTION
    wanted = wanted_files()
    for name in wanted:
        source, target = ROOT / name, tree / name
        if target.is_file() and filecmp.cmp(source, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for found in sorted(tree.rglob("*"), reverse=True):
        name = found.relative_to(tree)
        if name.is_relative_to(KEPT) or name in wanted:
            continue
        if found.is_dir():
            if not any(found.iterdir()):
                found.rmdir()
        else:
            found.unlink()
    return tree


if __name__ == "__main__":
    refresh(Path(sys.argv[1]))
