"""Whatever goes wrong is said in one clear sentence, never in a traceback, and never with the secret."""

from __future__ import annotations

import functools
import io
import json
import logging
import re
import secrets
import sys
import sysconfig
import venv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.failures import FAILING, Failing, playbook, prepare, task
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

Give = Callable[[list[dict[str, Any]]], dict[str, Any]]


def given_as_an_option(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    for each in tasks:
        (options,) = (options for name, options in each.items() if name.startswith("simops."))
        options.setdefault("api_secret", "{{ secret }}")
    return {}


def given_by_module_defaults(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"module_defaults": {"group/simops.yateota.yateota": {"api_secret": "{{ secret }}"}}}


def given_by_the_environment(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {}


@dataclass(frozen=True)
class Traces:
    """What a run at -vvvvv wrote: the tasks' results in their order, all that can be read, and the two secrets."""

    results: list[dict[str, Any]]
    output: str
    sandbox_log: str
    files: dict[str, bytes]
    secrets: tuple[str, str]


@pytest.fixture(scope="module")
def traces_of(
    tmp_path_factory: pytest.TempPathFactory, start_sandbox_once: Callable[..., Sandbox]
) -> Callable[[Give, bool], Traces]:
    """What a playbook of all failing tasks, and of some that succeed, leaves behind; each way is run once."""

    @functools.cache
    def run(give: Give, in_process: bool) -> Traces:
        secret, wrong_secret = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        variables = prepare(start_sandbox_once, secret)
        tasks = [task(failing) for failing in FAILING] + [dict(each) for each in SUCCEEDING]
        tasks = json.loads(json.dumps(tasks))  # not the table's own
        keywords = give(tasks)

        # Where the secrets come from, and everything that the run leaves behind: apart from each other.
        kept, traces = (tmp_path_factory.mktemp(name) for name in ("kept", "traces"))
        (traces / "tmp").mkdir()
        path = playbook(traces, tasks, **keywords)
        secret_vars = {"secret": secret, "wrong_secret": wrong_secret}
        (kept / "vars.yml").write_text(yaml.safe_dump(secret_vars), encoding="utf-8")
        server = {"YATEOTA_API_URL": variables["url"], "YATEOTA_RETRIES": "0"}
        if give is given_by_the_environment:
            server["YATEOTA_API_SECRET"] = secret
        with everything_logged() as log:
            done = Ansible(traces, server)(
                path,
                {**variables, "folder": str(traces), "yateota_in_process": in_process},
                "-e",
                f"@{kept / 'vars.yml'}",
                "-vvvvv",
                environ={
                    "ANSIBLE_LOG_PATH": str(traces / "ansible.log"),
                    "ANSIBLE_CALLBACKS_ENABLED": "ansible.builtin.junit,ansible.builtin.tree",
                    "ANSIBLE_CALLBACK_TREE_DIR": str(traces / "tree"),
                    "JUNIT_OUTPUT_DIR": str(traces / "junit"),
                    "ANSIBLE_INJECT_INVOCATION": "1",
                    "TMPDIR": str(traces / "tmp"),
                },
            )
        assert done.ok, done.output
        files = {str(file.relative_to(traces)): file.read_bytes() for file in traces.rglob("*") if file.is_file()}
        return Traces(json.loads(files["results.json"]), done.output, log.getvalue(), files, (secret, wrong_secret))

    return run


@contextmanager
def everything_logged() -> Iterator[io.StringIO]:
    """What this process logs, the sandbox's threads among it, at every level."""
    text = io.StringIO()
    handler, root = logging.StreamHandler(text), logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        yield text
    finally:
        root.removeHandler(handler)
        root.setLevel(before)


WAYS = pytest.mark.parametrize("in_process", [True, False], ids=["in-process", "module"])


@pytest.mark.parametrize("number", range(len(FAILING)), ids=[failing.name.replace(" ", "-") for failing in FAILING])
@WAYS
def test_a_failure_is_one_clear_sentence(traces_of: Callable[..., Traces], in_process: bool, number: int) -> None:
    failing: Failing = FAILING[number]
    result = traces_of(given_by_the_environment, in_process).results[number]
    assert result["failed"]
    assert re.search(failing.says, result["msg"]), result["msg"]
    assert result["failure"]["kind"] == failing.kind
    assert "\n" not in result["msg"]
    assert len(result["msg"]) < 500


@WAYS
def test_no_failure_shows_a_traceback(traces_of: Callable[..., Traces], in_process: bool) -> None:
    assert "Traceback" not in traces_of(given_by_the_environment, in_process).output


@pytest.mark.parametrize(
    ("give", "in_process"),
    [
        (given_as_an_option, True),
        (given_by_module_defaults, True),
        (given_by_the_environment, True),
        # To a module, an option comes the same way from the task and from module_defaults.
        pytest.param(given_by_module_defaults, False, marks=pytest.mark.slow),
        (given_by_the_environment, False),
    ],
    ids=lambda value: value.__name__ if callable(value) else "in-process" if value else "module",
)
def test_the_secret_is_in_no_output_result_or_file(
    traces_of: Callable[..., Traces], give: Give, in_process: bool
) -> None:
    traces = traces_of(give, in_process)
    failed = [result.get("failed", False) for result in traces.results]
    assert failed == [True] * len(FAILING) + [False] * len(SUCCEEDING)
    assert {"ansible.log", "results.json", "176.csv", "tree/localhost"} <= set(traces.files)
    assert any(name.startswith("junit/") for name in traces.files)
    assert not [name for name in traces.files if "ansible-tmp" in name or name.startswith("tmp/")], "files remain"

    shown = {"output": traces.output.encode(), "sandbox's log": traces.sandbox_log.encode(), **traces.files}
    for place, content in shown.items():
        for secret in traces.secrets:
            assert secret.encode() not in content, place


@pytest.mark.parametrize("library", ["requests", "pydantic"])
def test_a_missing_library_is_named(library: str, tmp_path: Path, ansible_playbook: Ansible, sandbox: Sandbox) -> None:
    python = python_without(library, tmp_path / "venv")
    tasks = [{"simops.yateota.yateota_stats_info": {}}]
    done = ansible_playbook(playbook(tmp_path, tasks), {"ansible_python_interpreter": str(python)}, "-vvv")
    (result,) = json.loads((tmp_path / "results.json").read_text())
    assert result["failed"]
    assert f"Failed to import the required Python library ({library})" in result["msg"]
    assert result["failure"]["kind"] == "invalid_input"
    assert "Traceback" not in done.output
    assert sandbox.journal() == []


def python_without(library: str, folder: Path) -> Path:
    """The interpreter of an environment that has all that this one has, but for one library."""
    venv.create(folder, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for installed in Path(sysconfig.get_path("purelib")).iterdir():
        if not installed.name.startswith(library) and installed.name != "__pycache__":
            (folder / "lib" / version / "site-packages" / installed.name).symlink_to(installed)
    return folder / "bin" / "python"
