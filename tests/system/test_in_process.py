"""A task gives the same result in the controller's own process as through Ansible's own way."""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible, Run

from yateota_sandbox import Sandbox

CORES = [Path(venv, "bin/ansible-playbook") for venv in os.environ.get("YATEOTA_TEST_CORES", "").split()]
"""The ansible-core versions to compare on, each in a venv; the one that runs the tests where none are named."""

LIST = [{"participant_id": 195}, {"iccid": "8900000000000000001"}, {"imsi": "001010000099999"}]

# (module, options, keywords of the task). The order matters: a later task meets the state that an earlier one led to.
CASES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("campaign_info", {}, {}),
    ("campaign_info", {"campaign_id": "144"}, {}),
    ("campaign_info", {"name": "no such"}, {}),
    ("campaign_info", {"limit": 2, "offset": 1}, {}),
    ("campaign_info", {"offset": 1}, {}),
    ("campaign_info", {"campaign_id": 144, "name": "x"}, {}),
    ("campaign_info", {"campaign_id": 144, "wait": {"timeout": 0}}, {}),
    ("campaign_info", {"campaign_id": 144, "wait": {"timeout": 0}}, {"check_mode": True}),
    ("campaign_info", {"name": "Applet 3.1 removal", "wait": {"interval": 1}}, {}),
    ("campaign_info", {"wait": {}}, {}),
    ("campaign_info", {"campaign_id": 144, "wait": {"interval": 0}}, {}),
    ("campaign", {"campaign_id": 144, "state": "paused"}, {"check_mode": True, "diff": True}),
    ("campaign", {"campaign_id": 144, "state": "paused"}, {"diff": True}),
    ("campaign", {"campaign_id": 144, "state": "paused"}, {"diff": True}),
    ("campaign", {"campaign_id": 144, "state": "asleep"}, {}),
    ("campaign", {"campaign_id": "many", "state": "paused"}, {}),
    ("campaign", {"state": "paused"}, {}),
    ("campaign", {"campaign_id": 144}, {}),
    ("campaign", {"campaign_id": 144, "state": "restarted", "wait": "maybe"}, {}),
    ("campaign", {"campaign_id": 144, "state": "started", "wait": "yes", "speed": 3}, {}),
    ("campaign", {"campaign_id": 9, "state": "{{ 'start' ~ 'ed' }}"}, {}),
    ("participant", {"action": "retry", "campaign_id": 167, "participant_id": 195}, {"check_mode": True, "diff": True}),
    ("participant", {"action": "retry", "campaign_id": 167, "participant_id": 195}, {"diff": True}),
    ("participant", {"action": "retry", "campaign_id": 167, "participant_id": 195}, {}),
    ("participant", {"action": "retry", "campaign_id": 167, "participants": LIST}, {}),
    ("participant", {"action": "retry", "participants": [{"participant_id": 195, "color": "red"}]}, {}),
    ("participant", {"action": "retry", "participants": "195"}, {}),
    ("participant", {"action": "cancel", "iccid": "8900000000000000000", "campaign_id": 167}, {}),
    ("participant", {"action": "hurry", "imsi": "00101x"}, {}),
    ("participant", {"action": "rerun"}, {}),
    ("participant_info", {"campaign_id": 176, "count_only": True}, {}),
    ("participant_info", {"campaign_id": 167, "state": "failed", "page_size": 7}, {}),
    ("participant_info", {"campaign_id": 167, "limit": -1}, {}),
    ("participant_info", {"campaign_id": 167, "dest": "{{ folder }}/167.csv"}, {"check_mode": True}),
    ("participant_info", {"campaign_id": 167, "dest": "{{ folder }}/167.csv"}, {}),
    ("participant_info", {"campaign_id": 167, "dest": "{{ folder }}/167.csv"}, {}),
    ("participant_info", {"campaign_id": 167, "dest": "{{ folder }}/nowhere/167.csv"}, {}),
    ("trace", {"campaign_id": 142, "participant_id": 161}, {}),
    ("trace", {"campaign_id": 142, "participant_id": 161, "imsi": "001010000000001"}, {}),
    ("trace", {"campaign_id": 142, "participant_id": 999999}, {}),
    ("stats_info", {}, {"run_once": True}),
    ("stats_info", {"api_secret": "wrong-" + SECRET}, {}),
    ("stats_info", {"api_url": "ftp://{{ 'host' }}/"}, {}),
    ("stats_info", {"api_url": "http://127.0.0.1:9/", "retries": 0}, {}),
    ("stats_info", {"api_url": "http://me:word@127.0.0.1/"}, {}),
    ("stats_info", {"node": "nobody", "timeout": 3}, {}),
    ("stats_info", {}, {"until": "result.changed", "retries": 2, "delay": 0}),
    ("campaign_info", {"campaign_id": "{{ item }}"}, {"loop": [142, 1, "x"]}),
    ("campaign_info", {"name": "{{ held }}"}, {}),
    ("campaign_info", {}, {"when": False}),
    ("campaign_info", {}, {"failed_when": True, "changed_when": True, "no_log": True}),
]


def play(cases: list[tuple[str, dict[str, Any], dict[str, Any]]], folder: Path, **keywords: Any) -> Path:
    """A playbook that runs the cases and writes what each registered to ``results.json`` in the folder."""
    tasks: list[dict[str, Any]] = []
    for number, (module, options, keys) in enumerate(cases):
        task = {f"simops.yateota.yateota_{module}": options, "register": "result", "ignore_errors": True, **keys}
        keep = {"ansible.builtin.set_fact": {f"kept_{number}": "{{ result }}"}}
        tasks += [task, keep]
    names = [f"'kept_{number}'" for number in range(len(cases))]
    listed = "{{ [" + ", ".join(names) + "] | map('extract', vars) | to_nice_json }}"
    tasks.append({"ansible.builtin.copy": {"content": listed, "dest": str(folder / "results.json"), "mode": "0600"}})
    unsafe = {"folder": str(folder), "held": "{{ 'never templated' }}"}
    path = folder / "play.yml"
    text = yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "vars": unsafe, "tasks": tasks, **keywords}])
    path.write_text(text.replace("held: '{{ ''never templated'' }}'", "held: !unsafe '{{ ''never templated'' }}'"))
    return path


@pytest.fixture(params=CORES or [None], ids=lambda path: path.parents[1].name if path else "this")
def core(request: pytest.FixtureRequest) -> dict[str, str]:
    """The environment that puts one ansible-core first on the PATH."""
    return {"PATH": f"{request.param.parent}{os.pathsep}{os.environ['PATH']}"} if request.param else {}


class Comparison:
    """Runs cases both ways, each against a sandbox of its own that starts from the same seed."""

    def __init__(self, tmp_path: Path, start: Callable[..., Sandbox], environ: dict[str, str]) -> None:
        self.tmp_path, self.start, self.environ = tmp_path, start, environ

    def __call__(self, cases: list[tuple[str, dict[str, Any], dict[str, Any]]], **keywords: Any) -> list[Any]:
        """The results of the cases, after both ways have proved to give the same."""
        ways = {}
        for way in ("here", "module"):
            folder = self.tmp_path / way
            folder.mkdir()
            done = self.one_way(way, play(cases, folder, **keywords), self.start())
            assert (folder / "results.json").exists(), done.output
            ways[way] = json.loads((folder / "results.json").read_text())
        assert len(ways["here"]) == len(cases)
        for case, here, module in zip(cases, ways["here"], ways["module"], strict=True):
            assert neutral(here) == neutral(module), case
        return ways["here"]

    def one_way(self, way: str, playbook: Path, box: Sandbox) -> Run:
        """Run the playbook, and make sure that every task went the way it should."""
        # The seed: Ansible's sentence on a bad boolean lists a set, in an order of its own in each process.
        server = {"YATEOTA_API_URL": box.url, "YATEOTA_API_SECRET": SECRET, "PYTHONHASHSEED": "0"}
        short = way == "here"
        done = Ansible(self.tmp_path, server)(playbook, {"yateota_in_process": short}, "-vvv", environ=self.environ)
        taken = ("runs in the controller's process", "runs as a module, because yateota_in_process")
        assert taken[not short] in done.output, done.output
        assert taken[short] not in done.output, done.output
        assert "Traceback" not in done.output
        return done


@pytest.fixture
def both_ways(tmp_path: Path, start_sandbox: Callable[..., Sandbox], core: dict[str, str]) -> Comparison:
    return Comparison(tmp_path, start_sandbox, core)


def neutral(result: Any) -> Any:
    """A result without what differs from run to run: the port of the sandbox, the folder, the server's uptime."""
    text = json.dumps(result, sort_keys=True)
    for name in ("here", "module"):
        text = text.replace(f"/{name}/", "/folder/")
    found = json.loads(text)
    return scrubbed(found)


def scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: "-" if key in ("wall", "user", "kernel", "api_url", "requests") else scrubbed(item)
            for key, item in value.items()
        }
    return [scrubbed(item) for item in value] if isinstance(value, list) else value


def test_every_case_gives_the_same_result_both_ways(both_ways: Comparison) -> None:
    results = both_ways(CASES)
    failed = [result.get("failed", False) for result in results]
    assert 10 < sum(failed) < len(CASES) - 10  # the table holds good and bad inputs, and both were met
    assert SECRET not in json.dumps(results)
    assert all(
        "failure" in result
        for result in results
        if result.get("failed")
        and "results" not in result
        and "attempts" not in result
        and "censored" not in result
        and not result.get("failed_when_result")
    )


def test_module_defaults_reach_both_ways(both_ways: Comparison, start_sandbox: Callable[..., Sandbox]) -> None:
    box = start_sandbox(secret="another secret")
    group = {"api_url": box.url, "api_secret": "another secret"}
    defaults = {"group/simops.yateota.yateota": group, "simops.yateota.yateota_campaign": {"state": "stopped"}}
    results = both_ways(
        [("campaign_info", {}, {}), ("campaign", {"campaign_id": 144}, {"check_mode": True})], module_defaults=defaults
    )
    assert results[0]["count"] == 5
    assert results[1]["action"] == "stop"
    assert "another secret" not in json.dumps(results)


def test_a_task_runs_into_its_timeout_both_ways(
    tmp_path: Path, start_sandbox: Callable[..., Sandbox], core: dict[str, str]
) -> None:
    messages = []
    for way in ("here", "module"):
        folder = tmp_path / way
        folder.mkdir()
        box = start_sandbox()
        box.fault(request="query_stats", kind="delay", seconds=4, times=9)
        path = play([("stats_info", {}, {"timeout": 1}), ("campaign_info", {}, {})], folder)
        Comparison(tmp_path, start_sandbox, core).one_way(way, path, box)
        first, second = json.loads((folder / "results.json").read_text())
        assert first["failed"]
        assert second["count"] == 5  # the worker is fit for the next task
        messages.append(first["msg"])
    assert messages[0] == messages[1]


# A task that the short way would serve differently goes Ansible's own way, and says why.
OBSTACLES = [
    ({"environment": {"NO_PROXY": "*"}}, {}, {}, "it has an environment of its own"),
    ({"async": 30, "poll": 1}, {}, {}, "it is asynchronous"),
    (
        {"become": True, "become_user": "nobody", "become_method": "ansible.builtin.su"},
        {},
        {},
        "it becomes another user",
    ),
    ({}, {"ansible_python_interpreter": "/usr/bin/env python3"}, {}, "it asks for the interpreter"),
    ({}, {}, {"YATEOTA_IN_PROCESS": "0"}, "YATEOTA_IN_PROCESS turns in-process runs off"),
    ({}, {"ansible_connection": "ssh", "ansible_host": "127.0.0.1", "ansible_port": 9}, {}, "the connection is ssh"),
]


@pytest.mark.parametrize(("keywords", "variables", "environ", "reason"), OBSTACLES, ids=lambda value: str(value)[:30])
def test_hands_over_where_the_short_way_would_differ(
    keywords: dict[str, Any],
    variables: dict[str, Any],
    environ: dict[str, str],
    reason: str,
    tmp_path: Path,
    ansible_playbook: Ansible,
) -> None:
    path = play([("stats_info", {}, keywords)], tmp_path)
    done = ansible_playbook(path, variables, "-vvv", environ=environ)
    assert f"runs as a module, because {reason}" in done.output, done.output


@pytest.mark.parametrize(
    "variables", [{"ansible_python_interpreter": "auto_silent"}, {"ansible_become": False}], ids=str
)
def test_stays_where_nothing_differs(variables: dict[str, Any], tmp_path: Path, ansible_playbook: Ansible) -> None:
    done = ansible_playbook(play([("stats_info", {}, {})], tmp_path), variables, "-vvv")
    assert "runs in the controller's process" in done.output, done.output


def test_a_module_that_breaks_down_fails_its_task_both_ways(
    tmp_path: Path, start_sandbox: Callable[..., Sandbox], core: dict[str, str]
) -> None:
    broken = tmp_path / "tree/ansible_collections/simops/yateota"
    for part in ("plugins", "meta"):
        shutil.copytree(COLLECTION / part, broken / part)
    module = broken / "plugins/modules/yateota_stats_info.py"
    text, times = re.subn(r"(\ndef run\(.*:\n)", rf'\1    raise RuntimeError("broken {SECRET}")\n', module.read_text())
    assert times == 1
    module.write_text(text)
    results = []
    for way in (True, False):
        server = {"YATEOTA_API_URL": start_sandbox().url, "YATEOTA_API_SECRET": SECRET, **core}
        path = play([("stats_info", {}, {})], tmp_path)
        done = Ansible(tmp_path, server)(
            path, {"yateota_in_process": way}, environ={**core, "ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "tree")}
        )
        assert done.ok, done.output
        results.append(json.loads((tmp_path / "results.json").read_text())[0])
    for result in results:
        assert result["failed"]
        assert "broken" in json.dumps(result)
    assert SECRET not in json.dumps(results[0])  # the module's own way cannot hide it in a traceback; this one does
