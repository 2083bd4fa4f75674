"""`extensions/awx/configure.yml` puts the configuration into AWX, through the real modules of awx.awx."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system import awx
from ansible_collections.simops.yateota.tests.system.controller import TOKEN, Controller, serving
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run

PLAYBOOK = COLLECTION / "extensions/awx/configure.yml"
PLAYBOOKS = {f"playbooks/{path.name}" for path in COLLECTION.glob("playbooks/*.yml")}
# Where the gate has put awx.awx.
COLLECTIONS = os.environ.get("YATEOTA_AWX_COLLECTIONS", "/nowhere")
OTHER = "Other organization"


class Desk:
    """Where an administrator works: a folder, and a server to configure."""

    def __init__(self, controller: Controller, url: str, folder: Path) -> None:
        self.controller = controller
        self._run = Ansible(folder, {})
        self._environ = {
            "CONTROLLER_HOST": url,
            "CONTROLLER_OAUTH_TOKEN": TOKEN,
            "ANSIBLE_COLLECTIONS_PATH": COLLECTIONS,
        }

    def configure(self, **variables: Any) -> Run:
        """Run the playbook with the secrets of the vault and these variables."""
        self.controller.writes.clear()
        return self._run(PLAYBOOK, {**awx.VAULT, **variables}, environ=self._environ)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    controller = Controller(PLAYBOOKS)
    # Somebody else has objects of the same names.
    other = controller.add("organizations", {"name": OTHER})["id"]
    controller.add("projects", {"name": "YateOTA", "organization": other})
    controller.add("job_templates", {"name": "YateOTA bulk report", "organization": other})
    with serving(controller) as url:
        yield Desk(controller, url, tmp_path)


# Each run starts some fifty modules of awx.awx, one after the other.
@pytest.mark.slow
def test_a_configuration_is_loaded_and_healed(desk: Desk) -> None:
    """The project's first update fails; the same command, run again, continues."""
    desk.controller.update_fails = True
    failed = desk.configure()
    assert not failed.ok
    assert "Update the project" in failed.output
    assert desk.controller.find("job_templates", {"description": "Pauses a campaign"}) == []

    desk.controller.update_fails = False
    loaded = desk.configure()
    assert (loaded.ok, loaded.warnings) == (True, []), loaded.output
    expected = awx.configuration()
    assert {each["name"] for each in desk.controller.objects["job_templates"].values()} == {
        each["name"] for each in expected["controller_templates"]
    }
    check_workflows(desk.controller, expected["controller_workflows"])
    for run in (failed, loaded):
        assert not any(secret in run.output for secret in (*awx.VAULT.values(), TOKEN))


@pytest.mark.slow
def test_a_configuration_that_is_loaded_is_left_alone(desk: Desk) -> None:
    assert desk.configure().ok
    again = desk.configure()
    assert (again.ok, again.changed) == (True, 0), again.output
    assert desk.controller.writes == []


def check_workflows(controller: Controller, workflows: list[dict[str, Any]]) -> None:
    """Each step runs the template of its own organization, and leads to the next."""
    (ours,) = controller.find("organizations", {"name": "Default"})
    for workflow in workflows:
        (made,) = controller.find("workflow_job_templates", {"name": workflow["name"]})
        nodes = {
            node["identifier"]: node
            for node in controller.find("workflow_job_template_nodes", {"workflow_job_template": str(made["id"])})
        }
        names = {node["id"]: name for name, node in nodes.items()}
        for step in workflow["simplified_workflow_nodes"]:
            node = nodes[step["identifier"]]
            after = [names[number] for number in node["parts"].get("success_nodes", [])]
            assert after == step.get("success_nodes", [])
            (template,) = controller.find("unified_job_templates", {"id": str(node["unified_job_template"])})
            if "approval_node" not in step:
                assert template["organization"] == ours["id"]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        (
            {"yateota_awx_collection": "awx.avx"},
            "yateota_awx_collection must be awx.awx or ansible.controller, got awx.avx.",
        ),
        ({"yateota_api_secret": ""}, "yateota_api_secret is missing: give it in a vault"),
        ({"yateota_organization": "Nowhere"}, "yateota_organization 'Nowhere' does not exist on the server"),
    ],
)
def test_what_is_missing_is_named_before_anything_is_written(desk: Desk, variables: dict[str, str], says: str) -> None:
    run = desk.configure(**variables)
    assert not run.ok
    assert says in run.words
    assert desk.controller.writes == []


def test_a_name_prefix_keeps_clear_of_others(desk: Desk) -> None:
    """The setting reaches every name."""
    text = json.dumps([each["name"] for each in named(awx.configuration(yateota_name="North OTA"))])
    assert "YateOTA" not in text
    assert "North OTA bulk retry" in text


def named(configuration: dict[str, Any]) -> list[dict[str, Any]]:
    """Every object of the configuration that has a name of its own in AWX."""
    kinds = [kind for kind in configuration if kind.startswith("controller_")]
    return [
        each for kind in kinds for each in configuration[kind] if kind not in ("controller_hosts", "controller_groups")
    ]
