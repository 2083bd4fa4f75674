"""The report of a change: its rows, and its page in a real browser, on screen and on paper."""

from __future__ import annotations

import csv
import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.simops.yateota.plugins.filter.report_name import report_name
from ansible_collections.simops.yateota.plugins.module_utils._core import libraries
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._report import page
from ansible_collections.simops.yateota.plugins.module_utils._report.charts import reasons_chart, waves_chart
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import Ansible, Run
from playwright.sync_api import Browser, sync_playwright

from yateota_sandbox import Sandbox

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# A server's answer that would load and run something, were it taken for more than text.
MESSAGE = "locked <img src=https://tracker.example.net/x.png> <script>console.log(1)</script> 001010000000012"
STATES = ("done", "skipped", "refused", "failed", "unknown", "sending", "planned")

# What the files are called: the slash is none for a name, and no other change's report has the digest.
NAME = report_name("CHG/1")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def sandbox(start_sandbox_once: Callable[..., Sandbox]) -> Sandbox:
    """It refuses two participants, and leaves one without an answer."""
    box = start_sandbox_once()
    box.fault(request="action_participant", kind="code", code=403, message=MESSAGE, nth=2, times=2)
    box.fault(request="action_participant", kind="drop_before", nth=12)
    return box


@pytest.fixture(scope="module")
def change(sandbox: Sandbox, folder: Path) -> Ansible:
    """Runs playbooks on a ledger in which change `CHG/1` has ended: 41 done, 2 refused, 1 unknown."""
    server = {"YATEOTA_API_URL": sandbox.url, "YATEOTA_API_SECRET": SECRET}
    ran = Ansible(folder, {**server, "YATEOTA_LEDGER": str(folder / "ledger.sqlite")})
    given = {"change_id": "CHG/1", "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_wave_size": 10}
    audit = {"bulk_change_approved_by": "j.doe", "awx_job_id": 4711, "awx_user_name": "noc"}
    done = ran("bulk_retry", {**given, **audit, "bulk_change_abort_percentage": 50})
    assert "41 done, 2 refused, 1 unknown" in done.words
    return ran


def write(change: Ansible, folder: Path, **variables: Any) -> Run:
    """Write the report into a folder."""
    written = change("bulk_report", {"change_id": "CHG/1", "bulk_change_report_directory": str(folder), **variables})
    assert written.ok, written.output
    assert {path.name for path in folder.iterdir()} == {f"{NAME}.{form}" for form in ("csv", "jsonl", "html")}
    return written


@pytest.fixture(scope="module")
def report(change: Ansible, folder: Path) -> Path:
    """The folder into which the report was written."""
    write(change, folder / "reports")
    return folder / "reports"


def test_the_rows_tell_what_was_sent_when_with_which_answer(report: Path, sandbox: Sandbox) -> None:
    rows = list(csv.DictReader((report / f"{NAME}.csv").read_text().splitlines()))
    lines = [json.loads(line) for line in (report / f"{NAME}.jsonl").read_text().splitlines()]
    assert [row["participant_id"] for row in rows] == [str(line["participant_id"]) for line in lines]
    assert Counter(row["state"] for row in rows) == {"done": 41, "refused": 2, "unknown": 1}
    received = {str(entry["params"]["participant_id"]): entry["time"] for entry in sandbox.writes()}
    assert {row["participant_id"] for row in rows} == set(received)
    for row in rows:
        assert re.fullmatch(r"20[0-9-]+T[0-9:.]+Z", row["sent_at"])
        assert row["state"] != "done" or (row["code"], row["state_before"], row["state_now"]) == (
            "0",
            "failed",
            "pending_send",
        )
    assert {row["message"] for row in rows if row["state"] == "refused"} == {MESSAGE}
    assert all(path.stat().st_mode & 0o077 == 0 for path in report.iterdir())


def test_masked_it_tells_no_identifier(change: Ansible, sandbox: Sandbox, tmp_path: Path) -> None:
    write(change, tmp_path / "reports", mask_identifiers=True)
    text = "".join(path.read_text() for path in (tmp_path / "reports").iterdir())
    for participant_id in (195, 197):
        truth = sandbox.participant(participant_id)
        for name in ("imsi", "iccid", "msisdn"):
            assert truth[name] not in text
            assert f"***{truth[name][-4:]}" in text


def test_written_again_it_is_the_same(change: Ansible, report: Path) -> None:
    assert write(change, report).changed == 0


# --- The page in a browser --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real one, from the system's packages."""
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if not found:
        pytest.skip("there is no headless browser: `make browser` installs one on Debian")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=found)
        yield chromium
        chromium.close()


def test_the_page_renders_and_loads_nothing(report: Path, browser: Browser) -> None:
    path = report / f"{NAME}.html"
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    requested: list[str] = []
    said: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.goto(path.as_uri(), wait_until="networkidle")
    assert (requested, said) == ([path.as_uri()], [])

    counts = {
        cell.get_attribute("data-state"): cell.inner_text() for cell in page.locator("#counts td[data-state]").all()
    }
    assert counts == {"done": "41", "refused": "2", "unknown": "1", "selected": "44"}
    assert page.locator("#waves tbody tr").count() == 5
    reasons = [row.inner_text().split("\t") for row in page.locator("#reasons tbody tr").all()]
    assert reasons[0] == ["refused", "403", MESSAGE.replace("001010000000012", "…"), "2"]
    assert reasons[1][0] == "unknown"
    whole = page.locator("body").inner_text()
    for fact in ("CHG/1", "noc", "4711", "j.doe", "campaign_id 167, state failed", "41 pending_send"):
        assert fact in whole

    boxes = [chart.bounding_box() for chart in page.locator("figure svg").all()]
    assert len(boxes) == 2
    assert all(box and box["width"] > 500 and box["height"] > 50 for box in boxes)
    bars = [drawn.bounding_box() for drawn in page.locator("figure svg .bar rect").all()]
    cells = [cell.inner_text() for cell in page.locator("#waves tbody td.number:nth-child(n+5)").all()]
    assert len(bars) == sum(cell != "0" for cell in cells) + len(reasons)
    assert all(box and box["width"] * box["height"] > 100 for box in bars)
    labels = [chart.get_attribute("aria-label") for chart in page.locator("figure svg[role=img]").all()]
    assert labels == [
        "Participants of 5 waves by row state. The table below has the same figures.",
        "Participants by 2 reasons. The table below has the same figures.",
    ]
    page.close()


def test_the_page_prints(report: Path, browser: Browser) -> None:
    path = report / f"{NAME}.html"
    page = browser.new_page()
    page.goto(path.as_uri())
    printed = page.pdf(format="A4", prefer_css_page_size=True)
    assert printed.startswith(b"%PDF-")
    assert 2 <= len(re.findall(rb"/Type */Page\b", printed)) <= 4
    page.set_viewport_size({"width": 680, "height": 960})  # the paper between its margins
    page.emulate_media(media="print")
    assert page.evaluate("document.documentElement.scrollWidth") <= 680
    page.close()


# --- The page's parts -------------------------------------------------------------------------------------------------


def wave(number: int, **counts: int) -> dict[str, Any]:
    return {
        "wave": number,
        "size": sum(counts.values()),
        "counts": {**dict.fromkeys(STATES, 0), **counts},
        "started": f"2026-06-01T20:{number // 60:02}:{number % 60:02}.000Z",
        "finished": None,
    }


def told(waves: list[dict[str, Any]]) -> dict[str, Any]:
    """A change as the module tells it."""
    texts = dict.fromkeys(("status", "action", "api_url", "node", "requested_by", "planned", "started"), "x")
    empty = dict.fromkeys(("approved_by", "job_id", "finished", "plan_digest", "approval", "held", "stopped"))
    counts = {state: sum(each["counts"][state] for each in waves) for state in STATES}
    return {
        **texts,
        **empty,
        "change_id": "<b>",
        "selection": {},
        "duplicates": 0,
        "selected": sum(counts.values()),
        "counts": counts,
        "states": {},
        "waves": waves,
        "runs": [],
    }


def test_charts_hold_no_script_and_nothing_from_elsewhere() -> None:
    reasons = [{"state": "refused", "code": 403, "reason": "<script>x</script>", "count": 3}]
    for chart in (waves_chart([wave(1, done=3, failed=1)]), reasons_chart(reasons)):
        assert "<script" not in chart
        assert set(re.findall(r"https?://[^\" ]+", chart)) <= {"http://www.w3.org/2000/svg"}
        ElementTree.fromstring(chart)


@pytest.mark.parametrize(
    ("size", "bars", "has_numbers"), [(1, 1, True), (40, 40, False), (41, 21, False), (1000, 40, False)]
)
def test_many_waves_share_bars(size: int, bars: int, has_numbers: bool) -> None:
    chart = waves_chart([wave(number, done=2) for number in range(1, size + 1)])
    assert chart.count('class="bar"') == bars
    assert re.findall(r'class="value">([0-9]+)<', chart) == ["2"] * bars * has_numbers
    assert ("1 to 2, 20:00:01" in chart) == (size == 41)


def test_a_change_of_which_nothing_was_sent_has_a_page() -> None:
    text = page.page(told([]), [], [])
    assert "<svg" not in text
    assert "Change &lt;b&gt;" in text


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "missing", lambda names: libraries.missing([*names, "library_that_is_not_there"]))
    with pytest.raises(InvalidInputError, match=r"format 'html' needs library_that_is_not_there on the machine"):
        page.page(told([wave(1, done=1)]), [], [])
