"""The demo: from a copy of the repository, as `make demo`; and what it says when it cannot continue."""

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
    assert "Change CHG0042 is planned and nothing is sent: set bulk_change_approved_by" in done.words
    assert "Change CHG0042 was planned by a.smith, and a.smith cannot approve it" in done.words
    digests = set(re.findall(r"[Pp]lan digest ([0-9a-f]{12})", done.words))
    assert "Change CHG0042 is approved by j.doe at 20" in done.words
    assert len(digests) == 1
    assert "Wave 1 of 5: 5 of 40 done" in done.words
    assert "Change CHG0042 is held by n.operator since" in done.words
    assert re.search(r"KILLED +when the server had received 3[0-9] requests", done.output)
    assert "The participants that were acted on: 40 finished." in done.words
    assert "Change CHG0042 is verified: 40 done." in done.words
    assert "40 participants had failed; 40 were retried, 40 times in all." in done.words
    assert "Each was retried exactly once: none twice, none lost." in done.words
    assert done.output.rstrip().endswith(f"The report: {copy}/.build/demo/CHG0042.html")
    assert (copy / ".build/demo/CHG0042.html").is_file()
    assert len(done.output.splitlines()) < 80
    assert "WARNING" not in done.output
    assert sandboxes(tmp_path) == []


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("ANSIBLE_COLLECTIONS_PATH", "/nowhere", "demo: the playbook ended with exit code"),
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


def retry(participant_id: int, action: str = "retry", carried_out: bool = True) -> dict[str, Any]:
    """An entry of the sandbox's journal."""
    return {"params": {"participant_id": participant_id, "action": action}, "carried_out": carried_out}


@pytest.mark.parametrize(
    "journal",
    [
        [retry(195)],
        [retry(195), retry(196), retry(195)],
        [retry(195), retry(196), retry(197)],
        [retry(195), retry(196, carried_out=False)],
        [retry(195), retry(196, action="rerun")],
    ],
    ids=["one left out", "one twice", "one too many", "one not carried out", "another action"],
)
def test_the_proof_can_fail(journal: list[dict[str, Any]]) -> None:
    prove = runpy.run_path(SCRIPT)["prove"]
    prove([195, 196], [retry(195), retry(196)])
    with pytest.raises(SystemExit, match="exactly one retry"):
        prove([195, 196], journal)
