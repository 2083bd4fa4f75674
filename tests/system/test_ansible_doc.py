"""What ansible-doc shows of every module is whole, and its examples run unchanged."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.module_utils._ansible.connection_arguments import CONNECTION_ARGUMENTS
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, run

from yateota_sandbox import Sandbox

MODULES = sorted(path.stem for path in (COLLECTION / "plugins/modules").glob("yateota_*.py"))

# What the examples name, each in the state that they need.
SCENARIO = {
    "sims": [{"count": 600, "imsi": "001010000000161", "iccid": "890010100000000161", "msisdn": "15550000161"}],
    "campaigns": [
        {
            "campaign_id": 142,
            "name": "Applet",
            "type": "RAM",
            "state": "started",
            "first_participant": 161,
            "initial": {"waiting_por": 1},
        },
        {
            "campaign_id": 144,
            "name": "Roaming list spring",
            "type": "RFM",
            "state": "started",
            "first_participant": 180,
            "initial": {"pending_send": 4},
            "failure_rate": 0,
        },
        {
            "campaign_id": 167,
            "name": "Preferred networks",
            "type": "RFM",
            "state": "started",
            "first_participant": 195,
            "initial": {"failed": 80},
            "failure_rate": 0,
        },
        {
            "campaign_id": 176,
            "name": "By range",
            "type": "RFM",
            "state": "started",
            "first_participant": 331,
            "first_sim": 10,
            "initial": {"unallocated": 20},
            "subscriber_rate": 1,
        },
    ],
}


@pytest.fixture(scope="module")
def documented(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `ansible-doc --json` shows of every module, by its name."""
    folder = tmp_path_factory.mktemp("doc")
    names = [f"simops.yateota.{name}" for name in MODULES]
    told = run(["ansible-doc", "-t", "module", "--json", *names], Ansible(folder, {}).environ(), folder)
    assert told.ok, told.output
    found: dict[str, Any] = json.loads(told.output)
    return {name.removeprefix("simops.yateota."): one for name, one in found.items()}


@pytest.mark.parametrize("name", MODULES)
def test_the_documentation_is_whole(name: str, documented: dict[str, Any]) -> None:
    doc, returned = documented[name]["doc"], documented[name]["return"]
    assert doc["short_description"]
    assert doc["author"]
    assert set(CONNECTION_ARGUMENTS) <= set(doc["options"])
    assert all(option["description"] for option in doc["options"].values())
    assert {"check_mode", "diff_mode", "action_group"} <= set(doc["attributes"])
    assert doc["requirements"]
    assert "failure" in returned
    assert all(value["description"] and value["returned"] and value["type"] for value in returned.values())
    tasks = yaml.safe_load(documented[name]["examples"])
    assert any(f"simops.yateota.{name}" in task for task in tasks)


@pytest.mark.parametrize("name", MODULES)
def test_the_text_shows_every_part(name: str, ansible_playbook: Ansible) -> None:
    told = run(
        ["ansible-doc", "-t", "module", f"simops.yateota.{name}"], ansible_playbook.environ(), ansible_playbook.folder
    )
    assert told.ok, told.output
    assert told.warnings == []
    for part in ("OPTIONS", "ATTRIBUTES", "REQUIREMENTS", "EXAMPLES", "RETURN VALUES", "api_secret", "failure"):
        assert part in told.output


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run_as_they_stand(
    name: str,
    documented: dict[str, Any],
    tmp_path: Path,
    start_sandbox: Callable[..., Sandbox],
    ansible_for: Callable[[Sandbox], Ansible],
) -> None:
    tasks = yaml.safe_load(documented[name]["examples"])
    if name == "yateota_bulk_info":
        tasks = yaml.safe_load(documented["yateota_bulk"]["examples"])[:1] + tasks  # which makes the ledger
    # Only a bulk change and a watch wait for messages to be delivered.
    speed = 20000 if name in ("yateota_bulk", "yateota_campaign_info") else 0
    box = start_sandbox(scenario=SCENARIO, speed=speed)
    text = yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], sort_keys=False)
    for real, rehearsed in {
        r"https://ota\.example\.net/api\.php": box.url,
        r"/var/(tmp|lib/yateota|lib/prometheus/node-exporter)/": f"{tmp_path}/",
        r"/etc/yateota/": f"{COLLECTION}/docs/examples/",
        r"end: '\d{4}-": "end: '2126-",
        r"(soak|interval): \d+": r"\1: 1",
        r" +audit_head: \w+\n": "",  # the head of another chain
    }.items():
        text = re.sub(real, rehearsed, text)
    path = tmp_path / "examples.yml"
    path.write_text(text, encoding="utf-8")
    done = ansible_for(box)(path, {"vault_yateota_secret": SECRET, "approver": "Jo Doe"})
    assert done.ok, done.output
    assert done.warnings == []
