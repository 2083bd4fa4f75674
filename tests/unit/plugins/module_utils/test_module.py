# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The way through AnsibleModule: options, check mode, failures and libraries as a playbook's task sees them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import pytest
from ansible.module_utils import basic
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.parameters import PASS_VARS
from ansible_collections.simops.yateota.plugins.module_utils._ansible.connection_arguments import CONNECTION_ARGUMENTS
from ansible_collections.simops.yateota.plugins.module_utils._ansible.module import Task, perform, run_module
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    AuthError,
    BadAnswerError,
    InvalidInputError,
    OutcomeUnknownError,
    TransportError,
    YateotaError,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.libraries import guarded, missing
from ansible_collections.simops.yateota.plugins.module_utils._core.task_result import TaskResult
from ansible_collections.simops.yateota.plugins.modules import (
    yateota_bulk,
    yateota_campaign,
    yateota_campaign_info,
    yateota_participant,
    yateota_participant_info,
    yateota_stats_info,
    yateota_trace,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET

from yateota_sandbox import Sandbox

Main = Callable[..., dict[str, Any]]


@pytest.fixture(name="run_main")
def _run_main(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Main:
    """Run a module's `main` with the arguments that Ansible would hand it; what it prints."""

    def run(main: Callable[[], None], check_mode: bool = False, **options: Any) -> dict[str, Any]:
        arguments = {**options, "_ansible_check_mode": check_mode, "_ansible_remote_tmp": "/tmp"}
        if "inject_invocation" in PASS_VARS:  # where ansible-core returns the options only when it is asked to
            arguments["_ansible_inject_invocation"] = True
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode())
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        with pytest.raises(SystemExit) as end:
            main()
        result: dict[str, Any] = json.loads(capfd.readouterr().out)
        assert end.value.code == int(result.get("failed", False))
        return result

    return run


@pytest.mark.parametrize(
    ("module", "options"),
    [
        (yateota_campaign, {"campaign_id": 144, "state": "paused"}),
        (yateota_campaign_info, {}),
        (yateota_participant, {"imsi": "001010000000011", "action": "rerun"}),
        (yateota_participant_info, {"campaign_id": 167}),
        (yateota_stats_info, {}),
        (yateota_trace, {"campaign_id": 167, "imsi": "001010000000011"}),
    ],
)
@pytest.mark.parametrize("check_mode", [True, False])
def test_every_module(
    run_main: Main, sandbox: Sandbox, module: ModuleType, options: dict[str, Any], check_mode: bool
) -> None:
    result = run_main(module.main, check_mode, api_url=sandbox.url, api_secret=SECRET, **options)
    assert not result.get("failed")
    assert result["changed"] is ("action" in options or "state" in options)
    assert len(sandbox.writes()) == int(result["changed"] and not check_mode)
    assert SECRET not in json.dumps(result)


def test_an_expected_failure(run_main: Main, sandbox: Sandbox) -> None:
    result = run_main(yateota_campaign_info.main, api_url=sandbox.url, api_secret=SECRET, campaign_id=9)
    assert result["failed"]
    assert result["msg"].startswith("query_campaigns for campaign 9: the server said 'Campaign 9 not found' (code 404)")
    assert result["failure"] == {
        "kind": "api",
        "request": "query_campaigns",
        "code": 404,
        "http_status": 200,
        "message": "Campaign 9 not found",
    }
    assert SECRET not in json.dumps(result)


@pytest.mark.parametrize(
    ("module", "options", "words"),
    [
        (yateota_campaign, {"campaign_id": 1, "state": "asleep"}, "value of state must be one of: started, paused"),
        (yateota_campaign, {"state": "paused"}, "one of the following is required: campaign_id, name"),
        (yateota_campaign_info, {"offset": 1}, "missing parameter(s) required by 'offset': limit"),
        (yateota_participant, {"action": "retry"}, "one of the following is required: participant_id, iccid"),
        (yateota_trace, {"campaign_id": 1, "imsi": "1", "msisdn": "1"}, "parameters are mutually exclusive"),
        (yateota_stats_info, {"retries": "many"}, "retries"),
    ],
)
def test_ansibles_own_failures_carry_failure_too(
    run_main: Main, module: ModuleType, options: dict[str, Any], words: str
) -> None:
    result = run_main(module.main, **({"api_url": "http://127.0.0.1:1"} | options))
    assert words in result["msg"]
    assert result["failure"]["kind"] == "invalid_input"


def test_a_server_has_to_be_named(run_main: Main) -> None:
    result = run_main(yateota_stats_info.main)
    assert result["msg"] == "missing required arguments: api_url"
    assert result["failure"]["kind"] == "invalid_input"


def test_the_secret_is_hidden_from_the_invocation(run_main: Main, sandbox: Sandbox) -> None:
    result = run_main(yateota_stats_info.main, api_url=sandbox.url, api_secret=SECRET)
    assert result["invocation"]["module_args"]["api_secret"] == "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


def test_a_password_in_a_url_is_hidden_too(run_main: Main) -> None:
    result = run_main(yateota_stats_info.main, api_url="https://joe:hunter2@ota.example.net")
    assert result["msg"].startswith("api_url carries credentials")
    assert result["invocation"]["module_args"]["api_url"].startswith("https://joe:***")
    assert "hunter2" not in json.dumps(result)


def test_a_library_that_is_missing_is_named(run_main: Main) -> None:
    def main() -> None:
        run_module({}, lambda task: {}, libraries=["requests", "no_such_library"])

    result = run_main(main, api_url="http://127.0.0.1:1")
    assert "Failed to import the required Python library (no_such_library)" in result["msg"]
    assert result["failure"]["kind"] == "invalid_input"


def test_a_programming_error_is_no_expected_failure() -> None:
    def run(task: Task) -> dict[str, Any]:
        return {"changed": task.params["no such option"]}

    with pytest.raises(KeyError):
        perform(run, Task({}, False, str))


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("invalid_input", InvalidInputError),
        ("transport", TransportError),
        ("auth", AuthError),
        ("api", ApiError),
        ("bad_answer", BadAnswerError),
        ("outcome_unknown", OutcomeUnknownError),
    ],
)
def test_failures(kind: str, error: type[YateotaError]) -> None:
    facts = {"request": "trace", "code": 7, "http_status": 200, "message": "said"}
    failure = error("words", **facts)
    assert failure.failure() == {"kind": kind, **facts}
    again = failure.restated("other words")
    assert (type(again), str(again), again.failure()) == (error, "other words", failure.failure())
    result = perform(lambda _task: TaskResult({"changed": True}, again), Task({}, False, str))
    assert result == {"changed": True, "failed": True, "msg": "other words", "failure": failure.failure()}


def test_the_client_is_closed_and_made_only_when_it_is_used(sandbox: Sandbox) -> None:
    params = {"api_url": sandbox.url, "concurrency": 2}
    assert perform(lambda task: {"made": "client" in task.__dict__}, Task(params, False, str)) == {"made": False}


@pytest.mark.parametrize(
    ("api_url", "validate_certs", "warned"),
    [("https://ota.invalid", False, True), ("https://ota.invalid", True, False), ("http://ota.invalid", False, False)],
)
def test_an_unchecked_certificate_is_warned_of(api_url: str, validate_certs: bool, warned: bool) -> None:
    warnings: list[str] = []
    given = {"api_url": api_url, "validate_certs": validate_certs}
    params = ArgumentSpecValidator(CONNECTION_ARGUMENTS).validate(given).validated_parameters
    task = Task(params, False, warnings.append)
    task.client.close()
    assert any("the server's certificate is not checked" in text for text in warnings) is warned


def test_libraries() -> None:
    assert guarded("math") is math
    assert missing(["json", "no_such_library", "requests"]) == ["no_such_library"]


def test_a_stand_in_takes_what_a_module_does_when_it_is_loaded() -> None:
    """Documentation is read, and imports are checked, on machines without the libraries."""
    absent = guarded("no_such_library.inner")

    class Model(absent.BaseModel):
        config = absent.ConfigDict(extra="allow")
        count: Annotated[absent.StrictInt | None, absent.Before(len)] = absent.Field(default=None)

    assert Model.__mro__ == (Model, object)
    assert isinstance(absent | None, type(absent))
    assert list(absent) == []  # a loop over its items would not end
    assert isinstance((absent == 1) & absent.column.is_not(None), type(absent))


def test_identical_warnings_are_told_once_with_their_count() -> None:
    warnings: list[str] = []
    task = Task({}, False, warnings.append)

    def run(task: Task) -> dict[str, Any]:
        for text in ("one", "two", "one", "one"):
            task.warn(text)
        raise InvalidInputError("It ends badly.")

    assert perform(run, task)["failed"]
    assert warnings == ["one (said 3 times)", "two"]


def test_options_are_masked_where_identifiers_are(run_main: Main, tmp_path: Path) -> None:
    """Whether they are valid or not, and in what refuses them."""
    sims = ["8931010000000000113", "001010000000013", "+882990000013"]
    named = [dict(zip(("iccid", "imsi", "msisdn"), sims, strict=True))]
    common = {"api_url": "http://127.0.0.1:9/", "retries": 0, "change_id": "CHG1", "state": "planned"}
    for participants in (named, sims, sims[0], [{"iccid": 8931010000000000113}], [*named, {"imsi": "00101"}]):
        for masks in (True, "yes"):
            result = run_main(
                yateota_bulk.main,
                **common,
                action="retry",
                ledger=str(tmp_path / "ledger.sqlite"),
                selection={"participants": participants},
                mask_identifiers=masks,
            )
            assert "invocation" in result
            assert not [sim for sim in [*sims, "'00101'"] if sim.lstrip("+") in json.dumps(result)], result["msg"]
