"""The secret is shown nowhere, whichever way it is given and whatever goes wrong."""

from __future__ import annotations

import json
import logging
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.failures import FAILING, playbook, prepare, task
from ansible_collections.simops.yateota.tests.system.harness import Ansible

from yateota_sandbox import Sandbox

SUCCEEDING: list[dict[str, Any]] = [
    {"simops.yateota.yateota_stats_info": {}},
    {"simops.yateota.yateota_campaign_info": {}},
    {"simops.yateota.yateota_participant_info": {"campaign_id": 176, "dest": "{{ folder }}/176.csv"}},
    {"simops.yateota.yateota_trace": {"campaign_id": 142, "participant_id": 161}},
    {"simops.yateota.yateota_campaign": {"campaign_id": 144, "state": "paused"}, "check_mode": True},
    {"simops.yateota.yateota_campaign": {"campaign_id": 144, "state": "paused"}},
    {
        "simops.yateota.yateota_participant": {
            "action": "retry",
            "campaign_id": 167,
            "participants": [{"participant_id": 186}],
        }
    },
]


def given_as_an_option(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    for each in tasks:
        (options,) = (options for name, options in each.items() if name.startswith("simops."))
        options.setdefault("api_secret", "{{ secret }}")
    return {}


def given_by_module_defaults(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"module_defaults": {"group/simops.yateota.yateota": {"api_secret": "{{ secret }}"}}}


def given_by_the_environment(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {}


@pytest.mark.parametrize(
    ("give", "in_process"),
    [
        (given_as_an_option, True),
        (given_by_module_defaults, True),
        (given_by_the_environment, True),
        # To a module, an option comes the same way from the task and from module_defaults.
        (given_by_module_defaults, False),
        (given_by_the_environment, False),
    ],
    ids=lambda value: value.__name__ if callable(value) else "in-process" if value else "module",
)
def test_the_secret_is_in_no_output_result_or_file(
    give: Callable[[list[dict[str, Any]]], dict[str, Any]],
    in_process: bool,
    tmp_path: Path,
    start_sandbox: Callable[..., Sandbox],
    caplog: pytest.LogCaptureFixture,
) -> None:
    secret, wrong_secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
    caplog.set_level(logging.DEBUG)
    variables = prepare(start_sandbox, secret)
    tasks = [task(failing) for failing in FAILING] + [dict(each) for each in SUCCEEDING]
    tasks = json.loads(json.dumps(tasks))  # not the table's own
    keywords = give(tasks)

    # Where the secrets come from, and everything that the run leaves behind: apart from each other.
    kept, left = tmp_path / "kept", tmp_path / "left"
    for folder in (kept, left, left / "tmp"):
        folder.mkdir()
    path = playbook(left, tasks, **keywords)
    secret_vars = {"secret": secret, "wrong_secret": wrong_secret}
    (kept / "vars.yml").write_text(yaml.safe_dump(secret_vars), encoding="utf-8")
    server = {"YATEOTA_API_URL": variables["url"], "YATEOTA_RETRIES": "0"}
    if give is given_by_the_environment:
        server["YATEOTA_API_SECRET"] = secret
    done = Ansible(left, server)(
        path,
        {**variables, "folder": str(left), "yateota_in_process": in_process},
        "-e",
        f"@{kept / 'vars.yml'}",
        "-vvvvv",
        environ={
            "ANSIBLE_LOG_PATH": str(left / "ansible.log"),
            "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit,ansible.builtin.tree",
            "ANSIBLE_CALLBACK_TREE_DIR": str(left / "tree"),
            "JUNIT_OUTPUT_DIR": str(left / "junit"),
            "ANSIBLE_INJECT_INVOCATION": "1",
            "TMPDIR": str(left / "tmp"),
        },
    )
    assert done.ok, done.output

    results = json.loads((left / "results.json").read_text())
    assert [result.get("failed", False) for result in results] == [True] * len(FAILING) + [False] * len(SUCCEEDING)
    files = {str(file.relative_to(left)): file.read_bytes() for file in left.rglob("*") if file.is_file()}
    assert {"ansible.log", "results.json", "176.csv", "tree/localhost"} <= set(files)
    assert any(name.startswith("junit/") for name in files)
    assert not [name for name in files if "ansible-tmp" in name or name.startswith("tmp/")], "temporary files are left"

    shown = {"output": done.output.encode(), "sandbox's log": caplog.text.encode(), **files}
    for place, content in shown.items():
        assert secret.encode() not in content, place
        assert wrong_secret.encode() not in content, place
