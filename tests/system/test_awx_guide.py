"""The guides to AWX and to security: their commands run unchanged, and what they name is there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.simops.yateota.tests.system import awx
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, run

AWX = (COLLECTION / "docs/awx.md").read_text(encoding="utf-8")
SECURITY = (COLLECTION / "docs/security.md").read_text(encoding="utf-8")


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)


def test_commands_for_awx_run_as_they_stand(ansible_playbook: Ansible, sandbox: Any, tmp_path: Path) -> None:
    for folder in ("extensions", "playbooks"):
        (tmp_path / folder).symlink_to(COLLECTION / folder)
    commands = blocks(AWX, "sh")
    assert len(commands) == 2
    done = run(["bash", "-euxo", "pipefail", "-c", "".join(commands)], ansible_playbook.environ(), tmp_path)
    assert done.ok, done.output
    assert "simops.yateota" in (tmp_path / "context/_build/requirements.yml").read_text(encoding="utf-8")
    assert "FROM $EE_BASE_IMAGE" in next((tmp_path / "context").glob("*file")).read_text(encoding="utf-8")
    assert "Roaming list by range" in done.output
    assert sandbox.writes() == []


def test_what_awx_is_configured_with_is_there() -> None:
    (secrets,) = (yaml.safe_load(text) for text in blocks(AWX, "yaml"))
    assert secrets.keys() == awx.VAULT.keys()
    names = awx.templates().keys() | {each["name"] for each in awx.configuration()["controller_workflows"]}
    assert set(re.findall(r"[*](YateOTA (?!server)[a-z ]+)[*]", AWX)) <= names
    told = set(re.findall(r"^\| .*", AWX, re.MULTILINE))
    settings = {name for line in told for name in re.findall(r"`(yateota_\w+)`", line)}
    assert settings == awx.read(awx.FOLDER / "settings.yml").keys()
    (command,) = (line for text in blocks(AWX, "text") for line in text.splitlines() if "ansible-playbook" in line)
    assert (COLLECTION / command.split()[1]).is_file()
    pinned = awx.read(awx.FOLDER / "requirements.yml")["collections"]
    assert {each["name"] for each in pinned} == {"awx.awx", "ansible.controller"}


def test_a_change_is_masked_and_purged_as_the_guide_says(
    ansible_playbook: Ansible, sandbox: Any, tmp_path: Path
) -> None:
    bulk = Ansible(tmp_path, {**ansible_playbook.server, "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})
    sandbox.fault(request="action_participant", kind="code", code=403, message="the card is locked")
    selection = {"campaign_id": 167, "state": "failed"}
    change = {"change_id": "CHG0012345", "state": "applied", "action": "retry", "selection": selection}
    server = {"api_url": sandbox.url, "api_secret": bulk.server["YATEOTA_API_SECRET"]}
    awx.module_result("yateota_bulk", {**change, **server, "ledger": bulk.server["YATEOTA_LEDGER"]}, check_mode=False)
    masked, purged = blocks(SECURITY, "sh")

    assert identifiers(tmp_path)
    shown = run(["bash", "-euo", "pipefail", "-c", masked], bulk.environ(), tmp_path)
    assert shown.ok, shown.output
    assert "the card is locked" in shown.words
    assert not re.search(r"\b0010100000\d+|\b893101\d+", shown.output)

    done = run(["bash", "-euo", "pipefail", "-c", purged], bulk.environ(), tmp_path)
    assert done.ok, done.output
    assert not identifiers(tmp_path)


def identifiers(folder: Path) -> list[bytes]:
    """The subscribers' identifiers that the files of the ledger hold."""
    held = b"".join(path.read_bytes() for path in folder.glob("ledger.sqlite*"))
    return re.findall(rb"0010100000\d+|893101\d+", held)
