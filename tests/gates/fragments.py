"""Fail if the files that users run have changed without a changelog fragment.

fragments.py [--record]: `--record` is a step of a release. Git is not used, because neither the copy that a gate runs
in nor a shallow clone has a history: the release records a digest of its files.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path

import yaml

FOLDERS = ("plugins", "roles", "playbooks")
RECORD = Path("changelogs", "released.json")
VERSION = re.compile(r"(\d+)\.(\d+)\.(\d+)(?:-(.+))?")
# The same pattern as in antsibull-changelog.
FRAGMENTS = ("*.yml", "*.yaml")


def latest_release(root: Path) -> str:
    """Return the newest version in the changelog of the collection at `root`."""
    text = (root / "changelogs" / "changelog.yaml").read_text(encoding="utf-8")
    return str(max(yaml.safe_load(text)["releases"], key=_order))


def _order(version: str) -> tuple[int, int, int, bool, str]:
    """Return a sort key for a version; a pre-release is before its release."""
    parts = VERSION.fullmatch(version)
    if not parts:
        raise ValueError(f"changelogs/changelog.yaml has the release {version!r}, expected X.Y.Z")
    major, minor, patch, suffix = parts.groups()
    return int(major), int(minor), int(patch), suffix is None, suffix or ""


def digest(root: Path) -> str:
    """Return a digest of the files in plugins/, roles/ and playbooks/, which users run."""
    found = hashlib.sha256()
    paths = [path for folder in FOLDERS for path in (root / folder).rglob("*") if path.is_file()]
    for path in sorted(path.relative_to(root) for path in paths if "__pycache__" not in path.parts):
        content = hashlib.sha256((root / path).read_bytes()).hexdigest()
        found.update(f"{content} {path.as_posix()}\n".encode())
    return found.hexdigest()


def record(root: Path) -> None:
    """Record that the files at `root` are those of the latest release."""
    released = {"version": latest_release(root), "digest": digest(root)}
    (root / RECORD).write_text(json.dumps(released, indent=2) + "\n", encoding="utf-8")


def complaint(root: Path) -> str | None:
    """Return what is wrong with the collection at `root`, and what to do; or None."""
    recorded = json.loads((root / RECORD).read_text(encoding="utf-8"))
    latest = latest_release(root)
    if recorded["version"] != latest:
        return (
            f"{RECORD} has the digest of release {recorded['version']}, expected the latest release, {latest}. "
            "Run `python tests/gates/fragments.py --record` in the commit of the release."
        )
    fragments = [path for pattern in FRAGMENTS for path in (root / "changelogs" / "fragments").glob(pattern)]
    if fragments or recorded["digest"] == digest(root):
        return None
    return (
        f"plugins/, roles/ or playbooks/ differ from release {latest}, and changelogs/fragments/ is empty. "
        "Add a fragment that says what users notice (section `trivial` where they notice nothing)."
    )


def main(arguments: list[str]) -> int:
    """Check the collection in the working folder, or record its release.

    Return the exit code.
    """
    if arguments == ["--record"]:
        record(Path())
        return 0
    said = complaint(Path())
    if said:
        print(f"ERROR: {said}")
    return 1 if said else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
