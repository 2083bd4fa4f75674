# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The textfiles of changes, campaigns and nodes, read by Prometheus's own parser, and the dashboard that shows them."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter.change_table import change_table
from ansible_collections.simops.yateota.plugins.module_utils._core.states import ChangeStatus, RowState
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.lease import Lease
from ansible_collections.simops.yateota.plugins.module_utils._report import metrics
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info, yateota_campaign_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox
from prometheus_client.parser import text_string_to_metric_families

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.any_database

DASHBOARD = Path(__file__).parents[4] / "docs" / "examples" / "grafana" / "yateota.json"
# What the node exporter itself exposes.
EXPORTER = {"node_textfile_mtime_seconds": {"file"}}

STATE_LABELS = {"yateota_changes": "status", "yateota_change_participants": "state"}

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(text: str) -> Samples:
    """The samples of a textfile, by the library's parser."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(samples: Samples, name: str, **labels: str) -> float | None:
    """The one sample of this name that has these labels."""
    found = [number for (each, has), number in samples.items() if each == name and labels.items() <= dict(has).items()]
    assert len(found) <= 1, found
    return found[0] if found else None


def test_changes(run_task: RunTask, sandbox: Sandbox, bulk: Bulk, ledger: str, tmp_path: Path) -> None:
    bulk("applied", rollout={"wave_size": 20}, max_waves=1, requested_by="Lena")
    bulk("applied", change_id="CHG2", selection={"campaign_id": 142, "state": "failed"})
    dest = tmp_path / "changes.prom"
    given = {"ledger": ledger, "metrics_dest": str(dest)}
    opened = open_ledger(ledger, None)
    change = find_change(opened, "CHG1")
    assert change
    change.begin_run(host="north", pid=1)
    with Lease(opened, change.number, "CHG1", "Lena on north", 600):
        foretold = run_task(yateota_bulk_info, sandbox, check_mode=True, **given)
        assert (foretold["changed"], "metrics" in foretold, dest.exists()) == (True, False, False)
        done = run_task(yateota_bulk_info, sandbox, change_id="CHG1", **given)
    opened.close()
    assert (done["changed"], done["metrics"], done["change"]["change_id"]) == (True, str(dest), "CHG1")
    assert dest.stat().st_mode & 0o777 == 0o644
    assert not [each for each in os.listdir(tmp_path) if each.startswith(".yateota-")]
    text = dest.read_text(encoding="utf-8")
    samples = read(text)
    mine = {"change_id": "CHG1", "action": "retry", "api_url": sandbox.url, "node": "ota"}
    assert value(samples, "yateota_change_participants", state="done", **mine) == 20
    assert value(samples, "yateota_change_participants", state="planned", **mine) == 24
    assert value(samples, "yateota_change_status", status="in_progress", **mine) == 1
    assert value(samples, "yateota_changes", status="applied") == 1
    assert value(samples, "yateota_changes", status="aborted") == 0
    assert (value(samples, "yateota_change_rate", **mine) or 0) > 0
    assert 0 <= (value(samples, "yateota_change_lease_age_seconds", **mine) or 0) < 600
    assert 500 < (value(samples, "yateota_change_lease_remaining_seconds", **mine) or 0) <= 600
    assert value(samples, "yateota_change_forecast_seconds", **mine) is not None
    assert value(samples, "yateota_change_forecast_fits", **mine) == 1
    # A change with nothing more to send is only counted.
    assert value(samples, "yateota_change_status", change_id="CHG2") is None
    participant = sandbox.participant(195)
    assert not [each for each in ("Lena", participant["iccid"], participant["imsi"]) if each in text]


def test_a_change_that_waits_for_further_attempts(
    run_task: RunTask, start_sandbox: StartSandbox, bulk: Bulk, ledger: str, tmp_path: Path
) -> None:
    sims = {"count": 20, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 167, "name": "Attempts", "type": "RFM", "state": "started", "first_participant": 1}
    campaign |= {"initial": {"failed": 20}, "succeeds_at": (9, 9)}
    box = start_sandbox(scenario={"sims": [sims], "campaigns": [campaign]})
    attempts = {"maximum": 2, "interval": 3600}
    bulk("applied", box, attempts=attempts, rollout={"wave_size": 10})
    with contextlib.closing(open_ledger(ledger, None)) as opened, opened.write() as connection:
        # Five of them have come back failed from their last attempt.
        connection.exec_driver_sql(
            "UPDATE yateota_participants SET exhausted_at = sent_at, due_at = NULL WHERE seq < 5"
        )
    listed = run_task(yateota_bulk_info, box, ledger=ledger, metrics_dest=str(tmp_path / "x.prom"))["changes"]
    samples = read((tmp_path / "x.prom").read_text(encoding="utf-8"))
    assert value(samples, "yateota_changes", status="waiting") == 1
    assert value(samples, "yateota_change_status", change_id="CHG1", status="waiting") == 1
    assert value(samples, "yateota_change_exhausted", change_id="CHG1") == 5
    due = value(samples, "yateota_change_next_attempt_timestamp_seconds", change_id="CHG1")
    assert due == datetime.datetime.fromisoformat(listed[0]["next_due"]).timestamp() > time.time() + 3000
    assert change_table(listed)[1].split()[5] == "5"
    # Each status and each row state has its series.
    named = {
        name: {dict(labels)[key] for (each, labels) in samples if each == name} for name, key in STATE_LABELS.items()
    }
    assert named["yateota_changes"] == {*ChangeStatus} - {ChangeStatus.RELEASED}
    assert named["yateota_change_participants"] == {*RowState}


def test_the_lease_of_a_run_that_has_died_has_ended(
    run_task: RunTask, sandbox: Sandbox, bulk: Bulk, ledger: str, tmp_path: Path
) -> None:
    bulk("planned")
    opened = open_ledger(ledger, None)
    change = find_change(opened, "CHG1")
    assert change
    with Lease(opened, change.number, "CHG1", "Lena on north", 600), opened.write() as connection:
        connection.exec_driver_sql("UPDATE yateota_changes SET lease_expires = 1000")
    with opened.write() as connection:
        connection.exec_driver_sql("UPDATE yateota_changes SET lease_token = 'x', lease_expires = 1000")
    opened.close()
    run_task(yateota_bulk_info, sandbox, ledger=ledger, metrics_dest=str(tmp_path / "x.prom"))
    samples = read((tmp_path / "x.prom").read_text(encoding="utf-8"))
    assert (value(samples, "yateota_change_lease_remaining_seconds", change_id="CHG1") or 0) < -1e6
    assert value(samples, "yateota_change_rate", change_id="CHG1") == 0


def test_campaigns(run_task: RunTask, sandbox: Sandbox, tmp_path: Path) -> None:
    dest = tmp_path / "campaigns.prom"
    done = run_task(yateota_campaign_info, sandbox, metrics_dest=str(dest))
    assert (done["changed"], done["metrics"], done["count"]) == (True, str(dest), 5)
    samples = read(dest.read_text(encoding="utf-8"))
    mine = {"campaign_id": "167", "campaign": "Preferred networks spring", "api_url": sandbox.url, "node": "ota"}
    assert value(samples, "yateota_campaign_participants", state="failed", **mine) == 44
    assert value(samples, "yateota_campaign_participants", state="all", **mine) == 80
    assert value(samples, "yateota_campaign_state", state="started", **mine) == 1
    assert value(samples, "yateota_campaign_progress_ratio", **mine) == 0.938
    states = [each["state"] for each in done["campaigns"]]
    assert value(samples, "yateota_campaigns", state="started") == states.count("started")


def test_an_unchanged_textfile_shows_that_it_is_still_written(
    run_task: RunTask, sandbox: Sandbox, tmp_path: Path
) -> None:
    dest = tmp_path / "campaigns.prom"
    run_task(yateota_campaign_info, sandbox, metrics_dest=str(dest))
    os.utime(dest, (1, 1))
    assert not run_task(yateota_campaign_info, sandbox, metrics_dest=str(dest), check_mode=True)["changed"]
    assert dest.stat().st_mtime == 1
    assert not run_task(yateota_campaign_info, sandbox, metrics_dest=str(dest))["changed"]
    assert dest.stat().st_mtime > 1


def test_flags_and_numbers_in_names_are_no_metrics() -> None:
    campaign = dict.fromkeys(("participants", "finished", "pending_build", "pending_send", "failed", "canceled"), True)
    named = {"campaign_id": 5, "name": "For +882990000011", "state": None, "progress": None}
    text = metrics.campaign_metrics([{**campaign, **named}], "https://ota.example.net/api.php", "ota")
    assert "882990000011" not in text
    samples = read(text)
    assert value(samples, "yateota_campaign_state", state="not_reported", campaign="For +*") == 1
    assert {name for name, _labels in samples} == {"yateota_campaigns", "yateota_campaign_state"}


@pytest.mark.parametrize("module", [yateota_bulk_info, yateota_campaign_info])
def test_a_textfile_that_cannot_be_written_is_refused_first(
    run_task: RunTask, sandbox: Sandbox, ledger: str, module: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = {"ledger": ledger} if module is yateota_bulk_info else {}
    failed = run_task(module, sandbox, metrics_dest=str(tmp_path / "none" / "x.prom"), **given)
    assert failed["msg"].startswith(f"metrics_dest '{tmp_path}/none/x.prom' cannot be written (the folder")
    monkeypatch.setattr(metrics, "missing", list)
    failed = run_task(module, sandbox, metrics_dest=str(tmp_path / "x.prom"), **given)
    assert failed["msg"].startswith("metrics_dest needs the Python library prometheus_client on the machine")


# --- The dashboard --------------------------------

TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[A-Za-z_:][\w:]*|[-+*/=!~<>]+|[(){},\[\]]|[\d.]+\w*')
GROUPING = {"by", "without", "on", "ignoring", "group_left", "group_right"}
WORDS = GROUPING | {"and", "or", "unless", "bool", "offset"}
FUNCTIONS = {"sum", "min", "max", "avg", "count", "vector", "time", "rate", "label_values"}


def named_in(query: str) -> Iterator[tuple[str, str]]:
    """What a query names: ("metric", name), and ("label", name) of a selector or of a grouping."""
    tokens = TOKEN.findall(query)
    place = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if token in ("{", "("):
            place.append("labels" if token == "{" or before in GROUPING else "expression")
        elif token in ("}", ")"):
            place.pop()
        elif re.match("[A-Za-z_]", token) and token not in WORDS:
            if place and place[-1] == "labels":
                yield "label", token
            elif after == "(" or token in FUNCTIONS:
                assert token in FUNCTIONS, f"{token} of {query}"
            else:
                yield "metric", token
    assert not place, query


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the dashboard, with the legend that is shown for it."""
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    for panel in dashboard["panels"]:
        for target in panel["targets"]:
            yield target["expr"], target["legendFormat"]
    for variable in dashboard["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            yield metric, f"{{{{{label}}}}}"


def exposed(texts: list[str]) -> dict[str, set[str]]:
    """The metrics of textfiles, with the labels of their samples."""
    found = {name: set(labels) for name, labels in EXPORTER.items()}
    for name, labels in (sample for text in texts for sample in read(text)):
        found.setdefault(name, set()).update(dict(labels))
    return found


def test_each_query_of_the_dashboard_names_what_the_textfiles_have(
    run_task: RunTask, sandbox: Sandbox, bulk: Bulk, ledger: str, tmp_path: Path
) -> None:
    bulk("applied", rollout={"wave_size": 20}, max_waves=1)
    opened = open_ledger(ledger, None)
    change = find_change(opened, "CHG1")
    assert change
    change.begin_run(host="north", pid=1)
    with Lease(opened, change.number, "CHG1", "Lena on north", 600):
        with opened.write() as connection:
            connection.exec_driver_sql("UPDATE yateota_participants SET due_at = sent_at + 3600 WHERE seq = 0")
        run_task(yateota_bulk_info, sandbox, ledger=ledger, metrics_dest=str(tmp_path / "changes.prom"))
    opened.close()
    run_task(yateota_campaign_info, sandbox, metrics_dest=str(tmp_path / "campaigns.prom"))
    verdict = {"node": "ota", "reachable": True, "healthy": True, "operational": True, "statistics": {"uptime.wall": 5}}
    has = exposed(
        [
            *((tmp_path / f"{name}.prom").read_text(encoding="utf-8") for name in ("changes", "campaigns")),
            metrics.node_metrics([verdict], "north"),
        ]
    )
    assert set(metrics.METRICS) | set(EXPORTER) == set(has)
    used = set()
    for query, legend in queries():
        names = list(named_in(query))
        asked = {name for kind, name in names if kind == "metric"}
        labels = {name for kind, name in names if kind == "label"} | set(re.findall(r"\{\{(\w+)\}\}", legend))
        assert asked, query
        assert asked <= set(has), query
        assert labels <= set.union(*(has[name] for name in asked)), query
        used |= asked
    assert used >= set(metrics.METRICS) - {"yateota_node_operational"}


def test_a_wrong_query_is_seen() -> None:
    assert list(named_in('sum by (state) (yateota_x{node=~"$a b", y="1"}) / vector(0) > 5')) == [
        ("label", "state"),
        ("metric", "yateota_x"),
        ("label", "node"),
        ("label", "y"),
    ]
    with pytest.raises(AssertionError, match="summ of"):
        list(named_in("summ(yateota_changes)"))
