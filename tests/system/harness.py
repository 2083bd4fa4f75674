"""What the system tests share: running a playbook as an operator would, and reading what came of it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COLLECTION = Path(__file__).resolve().parents[2]
COLLECTIONS = COLLECTION.parents[2]
# The environment whose Ansible is tried: another one than that of the tests where this names it.
ENVIRONMENT = Path(os.environ.get("YATEOTA_TEST_CORE", Path(sys.executable).parents[1]))
# Where Ansible finds the collection: where it was installed from its tarball, if this names a folder.
INSTALLED = os.environ.get("YATEOTA_TEST_COLLECTIONS", str(COLLECTIONS))
# Generous: a playbook takes seconds, but the machine may be busy with others.
LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Run:
    """What a command came to: its exit code, and what it printed on both streams."""

    code: int
    output: str

    @property
    def ok(self) -> bool:
        return self.code == 0

    @property
    def words(self) -> str:
        """The output on one line, so that a sentence is found wherever it was wrapped."""
        return " ".join(self.output.split())

    @property
    def changed(self) -> int:
        """How many tasks the play recap says were changed, on all hosts."""
        counts = re.findall(r"^\S+ +: ok=\d+ +changed=(\d+) ", self.output, re.MULTILINE)
        assert counts, f"no play recap in:\n{self.output}"
        return sum(map(int, counts))

    @property
    def warnings(self) -> list[str]:
        return re.findall(r"^\[(?:WARNING|DEPRECATION WARNING)\]: .*", self.output, re.MULTILINE)


def run(command: list[str], environ: Mapping[str, str], folder: Path) -> Run:
    """Run a command in a folder with this environment alone."""
    done = subprocess.run(
        command,
        cwd=folder,
        env=dict(environ),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=LIMIT_SECONDS,
        check=False,
    )
    return Run(done.returncode, done.stdout)


@dataclass(frozen=True)
class Ansible:
    """Runs playbooks against a server.

    Attributes:
        folder: the working folder, and Ansible's home: nothing is read from or written to the user's own.
        server: the variables that name the server, YATEOTA_API_URL and its like.
    """

    folder: Path
    server: Mapping[str, str]

    def __call__(
        self,
        playbook: str | Path,
        extra_vars: Mapping[str, Any] | None = None,
        *arguments: str,
        environ: Mapping[str, str | None] | None = None,
    ) -> Run:
        """Run a playbook of the collection by its name, or one of a file by its path.

        Args:
            playbook: `campaign_pause` stands for `simops.yateota.campaign_pause`.
            extra_vars: handed over as JSON in one `-e`; other forms go into `arguments`.
            arguments: further arguments, such as `--check`.
            environ: further variables, or None for one that has to be missing.
        """
        name = str(playbook) if isinstance(playbook, Path) else f"simops.yateota.{playbook}"
        variables = ["-e", json.dumps(extra_vars)] if extra_vars else []
        return run(["ansible-playbook", name, *variables, *arguments], self.environ(environ), self.folder)

    def environ(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """The environment of a run: this Ansible, these collections, that server, and no settings of the user's."""
        assert COLLECTIONS / "ansible_collections/simops/yateota" == COLLECTION, "these tests run by `make system`"
        given = {
            **self.server,
            "PATH": os.pathsep.join([str(ENVIRONMENT / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(self.folder),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "ANSIBLE_COLLECTIONS_PATH": INSTALLED,
            "ANSIBLE_NOCOLOR": "1",
            # localhost alone is meant: no inventory is no matter for a warning.
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        }
        return {name: value for name, value in {**given, **(changes or {})}.items() if value is not None}
