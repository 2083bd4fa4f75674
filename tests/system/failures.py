"""Tasks that fail, one for each way to fail, for the tests of what is said and of what is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from yateota_sandbox import Sandbox


@dataclass(frozen=True)
class Failing:
    """A task that fails.

    Attributes:
        name: what goes wrong.
        module: its name without `simops.yateota.yateota_`.
        options: its options; `url`, `tls_url` and `wrong_secret` are variables of the play.
        kind: what `failure.kind` has to be.
        says: a regular expression for `msg`.
        fault: what the sandbox does wrong then.
    """

    name: str
    module: str
    options: dict[str, Any]
    kind: str
    says: str
    fault: dict[str, Any] = field(default_factory=dict)


RETRY = {"action": "retry", "campaign_id": 167}

# The order matters for the faults: each meets the first request of its kind.
FAILING = [
    Failing(
        "wrong path", "stats_info", {"api_url": "{{ url }}x"}, "transport", "HTTP 404 Not Found. Check api_url .*x:"
    ),
    Failing("nobody listens", "stats_info", {"api_url": "http://127.0.0.1:1"}, "transport", "Connection refused"),
    Failing("no such host", "stats_info", {"api_url": "http://ota.invalid"}, "transport", "name cannot be resolved"),
    Failing(
        "strange certificate",
        "stats_info",
        {"api_url": "{{ tls_url }}"},
        "transport",
        "certificate is refused.*ca_path",
    ),
    Failing(
        "no TLS there",
        "stats_info",
        {"api_url": "{{ url | replace('http:', 'https:') }}"},
        "transport",
        "cannot reach https:",
    ),
    Failing(
        "wrong secret", "stats_info", {"api_secret": "{{ wrong_secret }}"}, "auth", "HTTP 403 .* api_secret is wrong"
    ),
    Failing("no secret", "stats_info", {"api_secret": ""}, "auth", "HTTP 401 .* api_secret is needed"),
    Failing(
        "HTML page",
        "stats_info",
        {},
        "bad_answer",
        "a page titled '200 Maintenance'.*api_url",
        {"request": "query_stats", "kind": "html"},
    ),
    Failing(
        "late answer",
        "stats_info",
        {"timeout": 0.3},
        "transport",
        "no answer within the timeout",
        {"request": "query_stats", "nth": 2, "kind": "delay", "seconds": 1},
    ),
    Failing(
        "cut JSON",
        "trace",
        {"campaign_id": 142, "participant_id": 161},
        "bad_answer",
        "no whole JSON",
        {"request": "trace", "kind": "truncated"},
    ),
    Failing(
        "empty answer",
        "campaign_info",
        {"campaign_id": 144},
        "bad_answer",
        "sent nothing",
        {"request": "query_campaigns", "kind": "empty"},
    ),
    Failing(
        "redirect",
        "campaign_info",
        {},
        "transport",
        "a redirect to http://elsewhere.invalid/.*Set api_url",
        {"request": "get_campaign", "kind": "redirect", "location": "http://elsewhere.invalid/"},
    ),
    Failing(
        "echoed secret",
        "participant_info",
        {"campaign_id": 167},
        "api",
        r"'no \*+ here' \(code 401\)",
        {"request": "query_participants", "kind": "code", "code": 401},
    ),
    Failing(
        "no answer to a pause",
        "campaign",
        {"campaign_id": 142, "state": "paused"},
        "outcome_unknown",
        "HTTP 500.*read the state",
        {"request": "action_campaign", "kind": "http_500"},
    ),
    Failing(
        "no answer to a retry",
        "participant",
        {**RETRY, "participant_id": 195},
        "outcome_unknown",
        "participant 195.*read the state",
        {"request": "action_participant", "kind": "drop_before"},
    ),
    Failing(
        "no such campaign", "trace", {"campaign_id": 999, "participant_id": 161}, "api", "Campaign 999|campaign 999"
    ),
    Failing(
        "letters in an IMSI",
        "participant",
        {**RETRY, "imsi": "00101000000001I"},
        "invalid_input",
        "imsi '00101000000001I' is not valid: expected 14 or 15 digits",
    ),
    Failing(
        "negative limit",
        "participant_info",
        {"campaign_id": 167, "limit": -1},
        "invalid_input",
        "limit -1 is not valid: give 1 or more",
    ),
    Failing(
        "credentials in the URL",
        "stats_info",
        {"api_url": "https://me:{{ wrong_secret }}@ota.invalid"},
        "invalid_input",
        "api_url carries credentials.*api_secret",
    ),
    Failing(
        "no URL",
        "stats_info",
        {"api_url": "ota.invalid/api.php"},
        "invalid_input",
        "api_url 'ota.invalid/api.php' is not valid: give http or https",
    ),
    Failing("blank node", "stats_info", {"node": " "}, "invalid_input", "node .* is not valid"),
    Failing("no time", "stats_info", {"timeout": 0}, "invalid_input", "timeout 0 is not valid: give more than 0"),
    Failing(
        "letters in a number",
        "stats_info",
        {"timeout": "soon"},
        "invalid_input",
        "'timeout' is of type .*str.* and we were unable to convert",
    ),
    Failing(
        "no such CA",
        "stats_info",
        {"api_url": "{{ tls_url }}", "ca_path": "/nowhere/ca.pem"},
        "invalid_input",
        "ca_path '/nowhere/ca.pem' cannot be used",
    ),
    Failing(
        "no such certificate",
        "stats_info",
        {"api_url": "{{ tls_url }}", "client_cert": "/nowhere/me.pem"},
        "invalid_input",
        "client_cert '/nowhere/me.pem'",
    ),
    Failing("no such option", "stats_info", {"api_key": "x"}, "invalid_input", "Unsupported parameters.*api_key"),
]


def prepare(start: Callable[..., Sandbox], secret: str) -> dict[str, str]:
    """Start two servers, one of them over TLS, with the faults to come; returns the variables of the play."""
    box, tls_box = start(secret=secret), start(secret=secret, tls=True)
    for failing in FAILING:
        if failing.fault:
            box.fault(**failing.fault, **({"message": f"no {secret} here"} if failing.fault["kind"] == "code" else {}))
    return {"url": box.url, "tls_url": tls_box.url}


def playbook(folder: Path, tasks: list[dict[str, Any]], **keywords: Any) -> Path:
    """Write a playbook of tasks that may fail; it leaves the list of their results in `results.json` in the folder."""
    registered = [{**task, "ignore_errors": True, "register": f"result_{number}"} for number, task in enumerate(tasks)]
    listed = "{{ [" + ", ".join(task["register"] for task in registered) + "] | to_json }}"
    keep = {"ansible.builtin.copy": {"content": listed, "dest": str(folder / "results.json"), "mode": "0600"}}
    path = folder / "failures.yml"
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [*registered, keep], **keywords}
    path.write_text(yaml.safe_dump([play], sort_keys=False), encoding="utf-8")
    return path


def task(failing: Failing) -> dict[str, Any]:
    """The task as a playbook has it."""
    return {"name": failing.name, f"simops.yateota.yateota_{failing.module}": failing.options}
