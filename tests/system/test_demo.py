"""The demo: from a copy of the repository, as `make demo`; and what it says when it cannot go on."""

from __future__ import annotations

import os
import re
import runpy
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, COLLECTIONS, LIMIT_SECONDS, run

sys.path.insert(0, str(COLLECTION / "tests/gates"))

from tree import refresh

SCRIPT = str(COLLECTION / "scripts/demo")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """What the script needs, and a production server's variables, which must not matter."""
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "YATEOTA_API_URL": "https://production.example.net/api.php",
        "YATEOTA_NODE": "production",
    }


def sandboxes(folder: Path) -> list[str]:
    """The command lines of the sandbox servers that run with their files below a folder."""
    commands = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            commands.append((process / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except (FileNotFoundError, ProcessLookupError):
            continue  # it has ended since
    return [command for command in commands if "yateota_sandbox" in command and str(folder) in command]


def test_make_demo_gives_the_account_and_leaves_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    copy = refresh(tmp_path / "copy")
    # The tools are set up already, as on every run but the first.
    done = run(["make", "demo", f"VENV={sys.prefix}", "--assume-old", f"{sys.prefix}/.demo"], environ, copy)
    assert done.ok, done.output
    assert "44 participants of campaign 167 have failed." in done.words
    assert "retry of participants: 44 acted." in done.words
    assert re.search(r"pause was sent, it is paused\..*restart was sent, it is started\.", done.words)
    assert "The node is operational" in done.words
    assert "44 participants had failed; 44 were retried, by 44 requests." in done.words
    assert done.output.rstrip().endswith("Each failed participant was retried exactly once, and nobody else.")
    assert len(done.output.splitlines()) < 50
    assert "WARNING" not in done.output
    assert sandboxes(tmp_path) == []


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ANSIBLE_COLLECTIONS_PATH", "/nowhere", "demo: the playbook failed"),
        ("PATH", "{bin}", "demo: ansible-playbook is not on PATH; run `make demo`."),
    ],
)
def test_a_failure_is_one_sentence_and_leaves_nothing(
    variable: str, value: str, sentence: str, environ: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    done = run([sys.executable, SCRIPT], {**environ, variable: value.format(bin=tmp_path / "bin")}, tmp_path)
    assert done.code == 1
    assert sentence in done.words
    assert "Traceback" not in done.output
    assert sandboxes(tmp_path) == []


def test_ended_midway_it_leaves_nothing(environ: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, SCRIPT], env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as demo:
        assert demo.stdout
        demo.stdout.readline()  # it serves, and the playbook begins
        assert len(sandboxes(tmp_path)) == 1
        demo.send_signal(signal.SIGTERM)
        output, _errors = demo.communicate(timeout=LIMIT_SECONDS)
    assert demo.returncode == 1
    assert output.rstrip().endswith("demo: interrupted.")
    assert sandboxes(tmp_path) == []


def write(request: str, action: str, carried_out: bool = True, **params: int) -> dict[str, Any]:
    """An entry of the sandbox's journal."""
    return {"request": request, "params": {**params, "action": action}, "write": True, "carried_out": carried_out}


RETRIES = [write("action_participant", "retry", participant_id=number) for number in (195, 196)]
PAUSE, RESTART = (write("action_campaign", action, campaign_id=167) for action in ("pause", "restart"))


@pytest.mark.parametrize(
    "journal",
    [
        [RETRIES[0], PAUSE, RESTART],
        [*RETRIES, RETRIES[0], PAUSE, RESTART],
        [*RETRIES, write("action_participant", "retry", participant_id=197), PAUSE, RESTART],
        [RETRIES[0], write("action_participant", "retry", False, participant_id=196), PAUSE, RESTART],
        [*RETRIES, PAUSE],
        [*RETRIES, PAUSE, PAUSE, RESTART],
    ],
    ids=["one left out", "one twice", "one too many", "one refused", "no restart", "paused twice"],
)
def test_the_proof_can_fail(journal: list[dict[str, Any]]) -> None:
    prove = runpy.run_path(SCRIPT)["prove"]
    prove([195, 196], [*RETRIES, PAUSE, RESTART])
    with pytest.raises(SystemExit, match="exactly once"):
        prove([195, 196], journal)
