# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verdicts on nodes, by limits of every kind, and the metrics that are made of them."""

from __future__ import annotations

import math
from typing import Any

import pytest
from ansible.errors import AnsibleFilterError
from ansible_collections.simops.yateota.plugins.filter import node_metrics as metrics_plugin
from ansible_collections.simops.yateota.plugins.filter import node_verdict as verdict_plugin
from prometheus_client.parser import text_string_to_metric_families

node_metrics = metrics_plugin.FilterModule().filters()["node_metrics"]
node_verdict = verdict_plugin.FilterModule().filters()["node_verdict"]

READ = {
    "stats": {
        "engine": {"congestion": "2", "version": "6.4.1"},
        "ota.sms": {"sent": {"today": 7}},
        "uptime": {"wall": 0},
    },
    "status": {"operational": True, "state": "Full service"},
    "invocation": {"module_args": {"node": "ota"}},
}
REFUSED = {"msg": "cannot reach it (Connection refused).\n", "failed": True}


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        ({}, "healthy: operational"),
        (
            {"engine.congestion": {"max": 2}, "uptime.wall": {}},
            "healthy: operational, engine.congestion 2, uptime.wall 0",
        ),
        ({"engine.congestion": {"max": "1"}}, "NOT healthy: engine.congestion is 2, more than 1"),
        ({"engine.congestion": {"min": 3}}, "NOT healthy: engine.congestion is 2, less than 3"),
        ({"engine.congestion": {"equals": 2.0}, "engine.version": {"equals": "6.4.1"}}, "healthy: operational"),
        ({"engine.version": {"equals": "6.4.2"}}, "NOT healthy: engine.version is 6.4.1, not 6.4.2"),
        ({"engine.version": {"min": 6}}, "NOT healthy: engine.version is '6.4.1', which is not a number"),
        ({"ota.sms.sent.today": {"max": 6}}, "NOT healthy: ota.sms.sent.today is 7, more than 6"),
        ({"engine.queue": {}}, "NOT healthy: engine.queue is not returned by the node"),
        ({"engine.version.major": {}}, "NOT healthy: engine.version.major is not returned by the node"),
    ],
)
def test_limits(limits: dict[str, Any], text: str) -> None:
    verdict = node_verdict(READ, limits)
    assert verdict["text"].startswith(text)
    assert verdict["healthy"] is text.startswith("healthy")


@pytest.mark.parametrize(
    ("status", "operational", "text"),
    [
        ({"operational": False, "state": "Stopping"}, True, "NOT healthy: it is not operational (Stopping)"),
        ({"operational": False, "state": "Stopping"}, False, "healthy: it answers"),
        (None, True, "NOT healthy: it does not report whether it is operational"),
        (None, False, "healthy: it answers"),
    ],
)
def test_status(status: dict[str, Any] | None, operational: bool, text: str) -> None:
    assert node_verdict({**READ, "status": status}, {}, operational)["text"] == text


@pytest.mark.parametrize("value", ["nan", math.nan, "-NaN", "inf", "1e999"])
def test_a_statistic_that_is_no_number_is_within_no_limit(value: Any) -> None:
    read = {**READ, "stats": {"engine": {"congestion": value}}}
    for limit in ({"max": 1}, {"min": 0}, {"min": 0, "max": 1}):
        verdict = node_verdict(read, {"engine.congestion": limit})
        assert verdict["problems"] == [f"engine.congestion is '{value}', which is not a number"]


def test_a_node_that_cannot_be_asked() -> None:
    verdict = node_verdict(REFUSED, {"engine.congestion": {"max": 0}})
    assert verdict["text"] == "NOT healthy: cannot reach it (Connection refused)"
    assert (verdict["reachable"], verdict["operational"], verdict["node"]) == (False, None, None)
    assert verdict["statistics"] == {"engine.congestion": None}


@pytest.mark.parametrize(
    ("result", "limits", "sentence"),
    [
        ("ota", {}, "give one"),
        (READ, [], r"limits \[\] is not valid: give a dictionary"),
        (READ, {"uptime.wall": 5}, "the limit of uptime.wall 5 is not valid: give a dictionary"),
        (READ, {"uptime.wall": {"above": 5}}, "the limit of uptime.wall has 'above': give any of min, max, equals"),
        (READ, {"uptime.wall": {"min": "an hour"}}, "the limit of uptime.wall has min 'an hour': give a number"),
        (READ, {"uptime.wall": {"min": "nan"}}, "the limit of uptime.wall has min 'nan': give a number"),
        (READ, {"uptime.wall": {"max": math.nan}}, "the limit of uptime.wall has max nan: give a number"),
        (READ, {"uptime.wall": {"max": math.inf}}, "the limit of uptime.wall has max inf: give a number"),
    ],
)
def test_what_cannot_be_is_named(result: Any, limits: Any, sentence: str) -> None:
    with pytest.raises(AnsibleFilterError, match=sentence):
        node_verdict(result, limits)


def test_metrics_are_what_prometheus_reads() -> None:
    limits = {"engine.congestion": {}, "engine.version": {}, "engine.queue": {}}
    verdicts = [
        node_verdict(READ, limits),
        node_verdict({**REFUSED, "invocation": {"module_args": {"node": 'a"b'}}}, limits),
    ]
    families = text_string_to_metric_families(node_metrics(verdicts, "ota1"))
    samples = {
        (sample.name, *sorted(sample.labels.items())): sample.value for family in families for sample in family.samples
    }
    ota, other, server = ("node", "ota"), ("node", 'a"b'), ("server", "ota1")
    assert samples == {
        ("yateota_node_reachable", ota, server): 1,
        ("yateota_node_healthy", ota, server): 0,  # engine.queue is not reported
        ("yateota_node_operational", ota, server): 1,
        ("yateota_node_statistic", ota, server, ("statistic", "engine.congestion")): 2,
        ("yateota_node_reachable", other, server): 0,
        ("yateota_node_healthy", other, server): 0,
    }


def test_metrics_of_anything_else_are_refused() -> None:
    with pytest.raises(AnsibleFilterError, match="give one"):
        node_metrics([{"healthy": True}], "ota1")


def test_metrics_name_the_library_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_plugin, "missing", list)
    with pytest.raises(
        AnsibleFilterError, match="needs the Python library prometheus_client on the controller: install it"
    ):
        node_metrics([], "ota1")
