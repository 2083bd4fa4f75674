"""Whatever goes wrong is said in one clear sentence, never in a traceback."""

from __future__ import annotations

import json
import re
import sys
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.failures import FAILING, Failing, playbook, prepare, task
from ansible_collections.simops.yateota.tests.system.harness import Ansible

from yateota_sandbox import Sandbox

WAYS = {"in-process": True, "module": False}


@pytest.fixture(scope="module", params=WAYS)
def results(
    request: pytest.FixtureRequest,
    tmp_path_factory: pytest.TempPathFactory,
    start_sandbox_once: Callable[..., Sandbox],
) -> dict[str, Any]:
    """The results of all failing tasks by their name, from one playbook at -vvv; `output` is what it printed."""
    folder = tmp_path_factory.mktemp("errors")
    variables = {**prepare(start_sandbox_once, SECRET), "wrong_secret": "tr0ub4dor"}
    server = {"YATEOTA_API_URL": variables["url"], "YATEOTA_API_SECRET": SECRET, "YATEOTA_RETRIES": "0"}
    done = Ansible(folder, server)(
        playbook(folder, [task(failing) for failing in FAILING]),
        {**variables, "yateota_in_process": WAYS[request.param]},
        "-vvv",
    )
    assert done.ok, done.output
    found = json.loads((folder / "results.json").read_text())
    return {"output": done.output, **{failing.name: one for failing, one in zip(FAILING, found, strict=True)}}


@pytest.mark.parametrize("failing", FAILING, ids=lambda failing: failing.name.replace(" ", "-"))
def test_a_failure_is_one_clear_sentence(results: dict[str, Any], failing: Failing) -> None:
    result = results[failing.name]
    assert result["failed"]
    assert re.search(failing.says, result["msg"]), result["msg"]
    assert result["failure"]["kind"] == failing.kind
    assert "\n" not in result["msg"]
    assert len(result["msg"]) < 500


def test_no_failure_shows_a_traceback(results: dict[str, Any]) -> None:
    assert "Traceback" not in results["output"]


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
