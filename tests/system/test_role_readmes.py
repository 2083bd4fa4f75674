"""Every role's README example, and every command of the pages on routine operations, runs unchanged."""

from __future__ import annotations

import contextlib
import ctypes
import functools
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, run

# Each role's README examples in their order, and how many actions of each kind the sandbox may then have received: by
# day quiet hours send nothing, by night they pause.
EXAMPLES = {
    "bulk_change": ([{"retry": 44}],),
    "campaign_watch": ([{}],),
    "campaigns": ([{"pause": 1, "restart": 1}], [{}, {"pause": 4}]),
    "esim_reprofile": ([{"rerun": 2}],),
    "node_health": ([{}],),
    "retry_build_sweep": ([{"retry_build": 16}],),
}
# The simulated seconds that pass before: the watch begins when its campaign is finished.
PASSED = {"campaign_watch": 3600}
# What the commands of docs/routine_operations.md send.
OPERATIONS = {"pause": 1, "restart": 2, "retry_build": 16, "rerun": 2}


def blocks(page: str, language: str) -> list[str]:
    text = (COLLECTION / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def test_every_role_is_tested() -> None:
    roles = {path.name for path in COLLECTION.glob("roles/*") if path.is_dir()}
    assert roles == {*EXAMPLES, "sandbox"}


@pytest.mark.parametrize("role", EXAMPLES)
def test_examples_run_as_they_stand(role: str, ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    examples = blocks(f"roles/{role}/README.md", "yaml")
    assert len(examples) == len(EXAMPLES[role])
    sandbox.advance(PASSED.get(role, 0))
    for example, sends in zip(examples, EXAMPLES[role], strict=True):
        playbook = tmp_path / "example.yml"
        playbook.write_text(example)
        sandbox.clear_journal()
        checked = ansible_playbook(playbook, None, "--check", "--diff")
        assert (checked.ok, checked.warnings, sandbox.writes()) == (True, [], []), checked.output
        real = ansible_playbook(playbook)
        assert (real.ok, real.warnings) == (True, []), real.output
        assert sent(sandbox) in sends


def test_the_sandbox_runs_and_stops_where_nobody_takes_note_of_its_end(
    ansible_playbook: Ansible, tmp_path: Path
) -> None:
    (example,) = blocks("roles/sandbox/README.md", "yaml")
    (tmp_path / "example.yml").write_text(example)
    with careless_parent():
        done = ansible_playbook(tmp_path / "example.yml")
    assert (done.ok, done.warnings) == (True, []), done.output


@contextlib.contextmanager
def careless_parent() -> Iterator[None]:
    """Processes that outlive their parents become this one's, as a container's first process gets them."""
    set_child_subreaper = functools.partial(ctypes.CDLL(None).prctl, 36)  # PR_SET_CHILD_SUBREAPER
    assert set_child_subreaper(1, 0, 0, 0) == 0
    try:
        yield
    finally:
        set_child_subreaper(0, 0, 0, 0)
    assert os.waitpid(-1, os.WNOHANG) != (0, 0), "the server still runs"


def sent(sandbox: Any) -> Counter[str]:
    return Counter(entry["params"]["action"] for entry in sandbox.writes())


@pytest.mark.slow
def test_routine_operations_run_as_they_stand(ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    commands = "".join(blocks("docs/routine_operations.md", "sh"))
    done = run(["bash", "-euxo", "pipefail", "-c", commands], ansible_playbook.environ(), tmp_path)
    assert (done.ok, done.warnings) == (True, []), done.output
    assert sent(sandbox) == OPERATIONS
    roles = {path.name for path in COLLECTION.glob("roles/*")}
    playbooks = {path.stem for path in COLLECTION.glob("playbooks/*.yml")}
    assert roles & playbooks == set(re.findall(r"simops\.yateota\.(\w+)", commands))
