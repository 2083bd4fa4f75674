"""Copy the collection to a folder where Ansible finds it.

The folder is DESTINATION/ansible_collections/simops/yateota. ansible-test and mypy need the real path; a symlink
resolves to the checkout and fails. The copy is a git repository of its own: below a repository that ignores it,
ansible-test and ansible-lint would find no files at all.
"""

from __future__ import annotations

import filecmp
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = Path("ansible_collections", "simops", "yateota")


def files_of(repository: Path) -> set[Path]:
    """Return the files that git tracks or would track in `repository`, relative to it."""
    listing = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=repository,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    # A file deleted but not yet committed is still listed.
    return {Path(name) for name in listing.split("\0") if name and (repository / name).is_file()}


def refresh(destination: Path) -> Path:
    """Update the copy below `destination` and return its path.

    Files that git ignores stay in it.
    """
    tree = destination / COLLECTION
    if not (tree / ".git").is_dir():
        tree.mkdir(parents=True, exist_ok=True)
        subprocess.run(["git", "init", "--quiet"], cwd=tree, check=True)
    wanted = files_of(ROOT)
    for name in wanted:
        source, target = ROOT / name, tree / name
        if target.is_file() and filecmp.cmp(source, target):
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(source, target)
    for name in files_of(tree) - wanted:
        (tree / name).unlink()
        remove_empty(tree / name.parent)
    return tree


def remove_empty(folder: Path) -> None:
    """Remove `folder` and its parent folders if they are empty."""
    while not any(folder.iterdir()):
        folder.rmdir()
        folder = folder.parent


if __name__ == "__main__":
    refresh(Path(sys.argv[1]))
