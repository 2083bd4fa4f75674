"""The guides to first steps, fleets and the sandbox: their commands run unchanged, and do what is said of them."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run, run

FLEET = COLLECTION / "docs/examples/fleet"
SERVERS = ("north", "south", "lab")


def blocks(page: str, language: str) -> list[str]:
    text = (COLLECTION / "docs" / page).read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def shell(commands: str, environ: dict[str, str], folder: Path) -> Run:
    return run(["bash", "-euo", "pipefail", "-c", commands], environ, folder)


@contextlib.contextmanager
def serving(command: str, environ: dict[str, str]) -> Iterator[str]:
    """A sandbox started by a guide's command, ended as by Ctrl-C; gives the line that says where it serves."""
    # The tools are set up already, as on every run but the first.
    tools = {"MAKEFLAGS": f"VENV={sys.prefix} --assume-old={sys.prefix}/.demo"}
    with subprocess.Popen(
        ["bash", "-c", command],
        cwd=COLLECTION,
        env={**environ, **tools},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stdout
        try:
            yield process.stdout.readline()
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=60)


def free_port() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


def test_getting_started(ansible_playbook: Ansible, tmp_path: Path) -> None:
    environ, port = ansible_playbook.environ(), free_port()
    (start,) = blocks("getting_started.md", "make")
    commands = "".join(blocks("getting_started.md", "sh"))
    assert commands.count("8180") == start.count("8180") == 1
    with serving(start.replace("8180", port), environ) as said:
        assert port in said
        done = shell(commands.replace("8180", port), environ, tmp_path)
    assert (done.ok, done.warnings) == (True, []), done.output
    assert re.findall(r": (\d+) acted", done.output) == ["44", "44"]  # checked, done, and nothing more
    assert (tmp_path / "failed.csv").read_text().count("\n") == 45


@pytest.mark.slow
def test_how_to(ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    """A change is looked at and undone from its report; a playbook chooses what to do by the kind of a failure."""
    environ = ansible_playbook.environ({"YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})
    change = {"change_id": "CHG0012345", "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_verify": False}
    planned = ansible_playbook("bulk_retry", {**change, "bulk_change_approved_by": "j.doe"}, environ=environ)
    assert planned.ok, planned.output
    sandbox.clear_journal()
    undone = shell("".join(blocks("how_to.md", "sh")), environ, tmp_path)
    assert undone.ok, undone.output
    assert [entry["params"]["action"] for entry in sandbox.writes()] == ["cancel"] * 44

    (playbook,) = blocks("how_to.md", "yaml")
    (tmp_path / "pause.yml").write_text(playbook)
    sandbox.fault(request="action_campaign", kind="drop_before")
    advised = ansible_playbook(tmp_path / "pause.yml")
    assert advised.ok, advised.output
    assert "Read the campaign's state before you send anything again." in advised.words


@pytest.mark.parametrize("number", range(len(blocks("sandbox.md", "make"))))
def test_the_sandbox_is_started_as_its_guide_says(number: int, ansible_playbook: Ansible) -> None:
    command = blocks("sandbox.md", "make")[number]
    with serving(command, ansible_playbook.environ()) as said:
        assert re.search(r"http://127\.0\.0\.1:\d+/api\.php", said)


@pytest.mark.parametrize("number", range(len(blocks("sandbox.md", "python"))))
def test_the_sandbox_is_used_in_python_as_its_guide_says(number: int, tmp_path: Path) -> None:
    # What is measured there on a nation is asked of a city here: test_memory.py starts a nation.
    example = blocks("sandbox.md", "python")[number].replace('"nation"', '"city"').replace("301", "201")
    # The guide leaves to the reader what is sent.
    retry = '{"request": "action_participant", "node": "ota", "params": {"participant_id": 195, "action": "retry"}}'
    send = (
        "import contextlib, requests\n"
        "    with contextlib.suppress(requests.ConnectionError):\n"
        f"        requests.post(box.url, json={retry}, headers={{'X-Authentication': 'correct-horse'}})"
    )
    (tmp_path / "example.py").write_text(example.replace("...  # drive box.url", send))
    paths = {"PATH": os.environ["PATH"], "PYTHONPATH": str(COLLECTION / "roles/sandbox/files")}
    done = run([sys.executable, "-W", "error", "example.py"], paths, tmp_path)
    assert done.ok, done.output


@pytest.fixture
def fleet(ansible_playbook: Ansible, start_sandbox: Callable[..., Any], tmp_path: Path) -> dict[str, Any]:
    """The example's three servers, as sandboxes with secrets of their own, in an inventory in the test's folder."""
    shutil.copytree(FLEET, tmp_path, dirs_exist_ok=True)
    boxes = {name: start_sandbox(secret=f"the secret of {name}") for name in SERVERS}
    inventory = (FLEET / "inventory.ini").read_text()
    for name, box in boxes.items():
        inventory = inventory.replace(f"https://ota-{name}.example.net/api.php", box.url)
    (tmp_path / "inventory.ini").write_text(inventory)
    (vault,) = blocks("fleets.md", "yaml")
    (tmp_path / "group_vars/yateota/vault.yml").write_text(vault)
    records = (FLEET / "group_vars/yateota/main.yml").read_text().replace("/var/lib/yateota", str(tmp_path))
    (tmp_path / "group_vars/yateota/main.yml").write_text(records)
    return boxes


@pytest.mark.slow
def test_fleets(fleet: dict[str, Any], ansible_playbook: Ansible, tmp_path: Path) -> None:
    (tmp_path / "vault-password").write_text("battery-staple")
    environ = ansible_playbook.environ(
        {"YATEOTA_API_URL": None, "YATEOTA_API_SECRET": None, "ANSIBLE_VAULT_PASSWORD_FILE": "vault-password"}
    )
    done = shell("".join(blocks("fleets.md", "sh")).replace("/var/lib/yateota", str(tmp_path)), environ, tmp_path)
    assert (done.ok, done.warnings) == (True, []), done.output
    assert (tmp_path / "group_vars/yateota/vault.yml").read_text().startswith("$ANSIBLE_VAULT")
    assert "the secret of" not in done.output
    # Statistics and health of all at once; the report and the plan one by one.
    assert [len(re.findall(rf"^{name} +: ok=", done.output, re.MULTILINE)) for name in SERVERS] == [6, 4, 4]
    assert done.output.count("Change CHG0012345: retry of 44 participants") == 3
    assert done.output.count("PLAY [") == 6 + len(SERVERS)
    assert re.search(r"Change CHG0012345 is planned: retry on 3 servers, node ota\.", done.output), done.output
    assert done.output.count("ota: planned, 44 planned") == 3
    assert "Change CHG0012345 is held, by " in done.output
    assert sorted(path.name for path in tmp_path.glob("*.prom")) == ["lab.prom", "north.prom", "south.prom"]
    assert [box.writes() for box in fleet.values()] == [[], [], []]


@pytest.mark.slow
def test_one_change_on_many_servers(fleet: dict[str, Any], ansible_playbook: Ansible, tmp_path: Path) -> None:
    """A server that is down fails by itself, and the next run does its part alone."""
    change = {
        "yateota_hosts": "yateota",
        "change_id": "CHG0012345",
        "campaign_id": 167,
        "bulk_change_state": "failed",
        "bulk_change_approved_by": "j.doe",
        "bulk_change_report_formats": ["csv"],
    }
    fleet["lab"].fault(request="*", kind="http_503", times=100)
    run = ansible_playbook("bulk_retry", change, "-i", "inventory.ini")
    assert run.code == 2, run.output
    assert re.search(r"^lab +: ok=.* failed=1 ", run.output, re.MULTILINE), run.output
    assert [len(fleet[name].writes()) for name in SERVERS] == [44, 44, 0]

    fleet["lab"].clear_faults()
    again = ansible_playbook("bulk_retry", change, "-i", "inventory.ini")
    assert again.ok, again.output
    assert [len(fleet[name].writes()) for name in SERVERS] == [44, 44, 44]
    assert sorted(path.parent.name for path in tmp_path.glob("reports/*/CHG0012345.csv")) == sorted(SERVERS)


def test_one_after_the_other_the_first_that_fails_ends_the_run(
    fleet: dict[str, Any], ansible_playbook: Ansible
) -> None:
    fleet["north"].fault(request="*", kind="http_503", times=100)
    given = {"yateota_hosts": "yateota", "campaign_id": 144}
    run = ansible_playbook("campaign_pause", {**given, "yateota_serial": 1}, "-i", "inventory.ini")
    assert run.code == 2, run.output
    assert [len(box.writes()) for box in fleet.values()] == [0, 0, 0]
    side_by_side = ansible_playbook("campaign_pause", given, "-i", "inventory.ini")
    assert side_by_side.code == 2, side_by_side.output
    assert [len(box.writes()) for box in fleet.values()] == [0, 1, 1]
