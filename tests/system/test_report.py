"""The report of a change: its rows, and its page in a real browser, on screen and on paper."""

from __future__ import annotations

import csv
import datetime
import itertools
import json
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from ansible_collections.simops.yateota.plugins.filter.report_name import report_name
from ansible_collections.simops.yateota.plugins.module_utils._core import cohorts, libraries
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._report import page
from ansible_collections.simops.yateota.plugins.module_utils._report.charts import progress_chart, waves_chart
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import Ansible, Run
from playwright.sync_api import Browser, sync_playwright

from yateota_sandbox import Sandbox

BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# A server's answer that would load and run something, were it taken for more than text.
MESSAGE = "locked <img src=https://tracker.example.net/x.png> <script>console.log(1)</script> 001010000000012"
STATES = ("done", "skipped", "refused", "failed", "unknown", "sending", "planned")

PICTURES = os.environ.get("YATEOTA_TEST_PICTURES")
"""A folder to look at the pages in."""

OUTSIDE = """width => [...document.querySelectorAll('body *')].filter(each => {
  const box = each.getBoundingClientRect();
  return box.right > width + 1 && !each.closest('.wide') && !each.closest('.labels');
}).map(each => each.outerHTML.slice(0, 80))"""
SMALLEST_TEXT = """() => Math.min(...[...document.querySelectorAll('body *')]
  .filter(each => [...each.childNodes].some(node => node.nodeType == 3 && node.textContent.trim()))
  .map(each => parseFloat(getComputedStyle(each).fontSize)))"""
NARROWEST_SERVER = """() => Math.min(
  1000, ...[...document.querySelectorAll('#servers td:first-child, #waves td.server')].map(each => each.offsetWidth)
)"""
LABELS = """() => [...document.querySelectorAll('.labels.under > span > span')]
  .filter(each => each.textContent).map(each => each.getBoundingClientRect()).map(box => [box.left, box.right])"""
# The contrast of each text with the nearest background behind it, as WCAG 2 defines it.
LOWEST_CONTRAST = """() => {
  const light = color => {
    const [r, g, b] = color.match(/[0-9.]+/g).slice(0, 3).map(each => each / 255)
      .map(each => each <= 0.03928 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = each => {
    const color = getComputedStyle(each).backgroundColor;
    return color == 'rgba(0, 0, 0, 0)' ? behind(each.parentElement) : color;
  };
  return Math.min(...[...document.querySelectorAll('body *')]
    .filter(each => [...each.childNodes].some(node => node.nodeType == 3 && node.textContent.trim()))
    .map(each => {
      const [one, other] = [light(getComputedStyle(each).color), light(behind(each))];
      return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    }));
}"""

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
    audit |= {"yateota_files_root": str(folder)}
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
    reasons = [
        [cell.inner_text().strip() for cell in row.locator("td").all()]
        for row in page.locator("#reasons tbody tr").all()
    ]
    assert reasons[0] == ["refused", "403", MESSAGE.replace("001010000000012", "…"), "2"]
    assert reasons[1][0] == "unknown"
    whole = page.locator("body").inner_text()
    for fact in ("CHG/1", "noc", "4711", "j.doe", "campaign_id 167, state failed", "41 pending_send"):
        assert fact in whole

    assert page.locator("#verdict b").inner_text() == "1 outcome is unknown"
    assert "-e campaign_id=167 -e participant_id=" in page.locator("#unknown").inner_text()
    bars = [drawn.bounding_box() for drawn in page.locator(".bars .bar i").all()]
    cells = [cell.inner_text() for cell in page.locator("#waves tbody td.state").all()]
    assert len(bars) == sum(cell != "0" for cell in cells)
    assert all(box and box["width"] * box["height"] > 100 for box in bars)
    areas = [drawn.bounding_box() for drawn in page.locator("figure polygon").all()]
    assert len(areas) == 3
    assert areas[0]
    assert areas[0]["width"] > 500
    assert areas[0]["height"] > 50
    labels = [chart.get_attribute("aria-label") for chart in page.locator("figure[role=img]").all()]
    assert labels == [
        "Participants settled over time by row state, 44 of 44 at the end.",
        "Participants of 5 waves by row state. A table below has the same figures.",
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
        "success_percentage": None,
    }


def told(waves: list[dict[str, Any]]) -> dict[str, Any]:
    """A change as the module returns it."""
    texts = dict.fromkeys(("status", "action", "api_url", "node", "requested_by", "planned", "started"), "x")
    empty = dict.fromkeys(
        ("approved_by", "job_id", "finished", "plan_digest", "approval", "held", "stopped", "attempts", "forecast")
    )
    counts = {state: sum(each["counts"][state] for each in waves) for state in STATES}
    return {
        **texts,
        **empty,
        "change_id": "<b>",
        "selection": {},
        "audit": {"head": "5f" * 32, "status": None, "wave": None, "problem": None},
        "duplicates": 0,
        "selected": sum(counts.values()),
        "counts": counts,
        "states": {},
        "waves": waves,
        "runs": [],
    }


def account(waves: list[dict[str, Any]], servers: int = 1) -> str:
    """The page of a change with eight reasons, cohorts, a curve and all the sections."""
    waves = [{**each, **(server(place % servers) if servers > 1 else {})} for place, each in enumerate(waves)]
    waves = [{**each, **dict(zip(("started", "finished"), times_of(each), strict=True))} for each in waves]
    change, last = told(waves), waves[-1]["finished"]
    change |= {"api_url": "https://ota-north-7.example.net:8443/yateota/api.php", "change_id": "CHG0012345"}
    change |= {"action": "retry", "node": "ota", "selection": {"campaign_id": 167, "state": "failed"}}
    change |= {"requested_by": "lena", "approved_by": "ann", "planned": waves[0]["started"]}
    change |= {"status": "applied", "started": waves[0]["started"], "finished": last}
    change |= {
        "states": {"finished": change["counts"]["done"] - 3, "failed": 3},
        "plan_digest": "7d3f5b0c91aa" * 5 + "7d3f",
    }
    run = {"run": 1, "requested_by": "lena", "approved_by": "ann", "job_id": "4711", "host": "controller-3.example.net"}
    change["runs"] = [{**run, "outcome": "applied", "started": change["started"], "finished": last}]
    kinds = [("unknown", None), ("failed", 500), ("failed", 200), *(("refused", code) for code in range(401, 406))]
    shared = Counter(state for state, _code in kinds)
    reasons = [
        {
            "state": state,
            "code": code,
            "reason": f"the server's reason number {place}, " * 3,
            "count": max(1, change["counts"][state] // shared[state] - 13 * place),
        }
        for place, (state, code) in enumerate(kinds)
    ]
    failure = {"participant_id": 123456, "campaign_id": 167, "iccid": "8943101000000000873", "imsi": "262010000000011"}
    failures = [{**failure, "msisdn": "882990000011", "state": each["state"], "message": MESSAGE} for each in reasons]
    groups, all_sent = cohorts.GroupCounts(), change["selected"]
    for prefix, size, failed in (
        ("89431010000", all_sent // 2, all_sent // 5),
        ("89491010000", all_sent // 2, all_sent // 50),
    ):
        groups.add_total(size, failed)
        groups.add(cohorts.Kind.ICCID_PREFIX, prefix, size, failed)
    sent = [(1_780_344_000.0 + 130 * each["wave"], dict(each["counts"])) for each in waves]
    exhausted = [{**failure, "msisdn": "882990000011", "state_now": "failed"}] * 3
    if servers > 1:
        change["attempts"] = dict.fromkeys(("maximum", "interval", "outstanding", "next_due", "exhausted"), 3)
        change["attempts"]["next_due"] = "2026-06-02T20:00:00.000Z"
        for each in (change["runs"], failures, exhausted):
            each[:] = [{**one, **server(place % servers)} for place, one in enumerate(each)]
        change |= {"api_url": None, "shards": [shard(waves, place) for place in range(servers)]}
    told_beside = (exhausted if servers > 1 else (), cohorts.cohorts_result(groups))
    details = page.Details(failures, reasons, *told_beside, [(1_780_344_000.0, {}), *sent])
    return page.page(change, details)


def server(place: int) -> dict[str, str]:
    name = ("north", "south", "east", "west")[place % 4]
    return {"api_url": f"https://ota-{name}-{place}.example.net:8443/yateota/api.php", "node": "ota"}


def shard(waves: list[dict[str, Any]], place: int) -> dict[str, Any]:
    own = [each for each in waves if each["api_url"] == server(place)["api_url"]]
    counts = {state: sum(each["counts"][state] for each in own) for state in STATES}
    times = {"started": "2026-06-01T20:00:00.000Z", "finished": None if place == 7 else "2026-06-01T23:42:10.000Z"}
    status = "waiting_for_stage" if place == 7 else "applied"
    return {**server(place), **times, "status": status, "selected": sum(counts.values()), "counts": counts}


def times_of(given: dict[str, Any]) -> list[str]:
    """When a wave of an account begins and ends: each takes 130 seconds."""
    first = datetime.datetime(2026, 6, 1, 20)
    return [
        f"{first + datetime.timedelta(seconds=130 * (given['wave'] - ago)):%Y-%m-%dT%H:%M:%S}.000Z" for ago in (1, 0)
    ]


SMALL = [wave(number, done=17, failed=1, refused=number, unknown=2 - number) for number in (1, 2)]
LARGE = [
    wave(number, done=440 - 3 * number, failed=30, refused=10 + 2 * number, unknown=number, skipped=20)
    for number in range(1, 41)
]


@pytest.mark.parametrize(
    ("waves", "size", "servers"),
    [(SMALL, 40, 1), (LARGE, 20_000, 1), (LARGE, 20_000, 8)],
    ids=["40", "20000", "fleet"],
)
def test_it_can_be_read_at_every_width(
    waves: list[dict[str, Any]], size: int, servers: int, browser: Browser, tmp_path: Path
) -> None:
    assert sum(each["size"] for each in waves) == size
    (tmp_path / "page.html").write_text(account(waves, servers), encoding="utf-8")
    opened = browser.new_page()
    opened.goto((tmp_path / "page.html").as_uri())
    for scheme, width in itertools.product(("light", "dark"), (390, 820, 1440)):
        opened.set_viewport_size({"width": width, "height": 900})
        opened.emulate_media(color_scheme=scheme)
        if PICTURES:
            opened.screenshot(path=f"{PICTURES}/report-{size}-{servers}-{scheme}-{width}.png", full_page=True)
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        # What is larger than the screen is in a part that scrolls by itself, and no text is too small to read.
        assert opened.evaluate(OUTSIDE, width) == []
        assert opened.evaluate(SMALLEST_TEXT) >= 12
        assert opened.evaluate(NARROWEST_SERVER) >= 100
        assert opened.evaluate(LOWEST_CONTRAST) >= 4.5
        first = opened.locator("#verdict").bounding_box()
        assert first
        assert first["y"] < 300  # the verdict is on the first screen, also of a phone
        ends = opened.evaluate(LABELS)
        assert len(ends) >= 2
        assert all(before[1] <= after[0] for before, after in itertools.pairwise(ends))
    opened.close()


@pytest.mark.parametrize(("waves", "size"), [(SMALL, 40), (LARGE, 20_000)], ids=["40", "20000"])
def test_it_prints_light_on_a4(waves: list[dict[str, Any]], size: int, browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(account(waves), encoding="utf-8")
    opened = browser.new_page(color_scheme="dark", viewport={"width": 688, "height": 1000})  # A4 within its margins
    opened.goto((tmp_path / "page.html").as_uri())
    opened.emulate_media(media="print")
    assert opened.evaluate("document.documentElement.scrollWidth") <= 688
    assert opened.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(28, 33, 38)"
    if PICTURES:
        opened.pdf(path=f"{PICTURES}/report-{size}-print.pdf", format="A4", prefer_css_page_size=True)
    opened.close()


def test_charts_hold_no_script_and_nothing_from_elsewhere() -> None:
    moments = [(0.0, {}), (1.0, {"done": 3}), (2.0, {"failed": 1})]
    for chart in (waves_chart([wave(1, done=3, failed=1)]), progress_chart(moments, 4)):
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
    text = page.page(told([]), page.Details())
    assert "<svg" not in text
    assert "Change &lt;b&gt;" in text


def test_without_the_library_the_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(page, "missing", lambda names: libraries.missing([*names, "library_that_is_not_there"]))
    with pytest.raises(InvalidInputError, match=r"format 'html' needs library_that_is_not_there on the machine"):
        page.page(told([wave(1, done=1)]), page.Details())


# --- Several servers --------------------------------------------------------------------------------------------------


def test_the_report_of_a_run_on_several_hosts_has_them_all(start_sandbox: Callable[..., Any], tmp_path: Path) -> None:
    boxes = {name: start_sandbox() for name in ("north", "south")}
    hosts = {
        name: {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "yateota_connection": {"api_url": box.url, "api_secret": SECRET},
        }
        for name, box in boxes.items()
    }
    inventory, reports = tmp_path / "inventory.json", tmp_path / "reports"
    inventory.write_text(json.dumps({"yateota": {"hosts": hosts}}))
    ansible = Ansible(tmp_path, {"YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")})
    given = {
        "yateota_hosts": "yateota",
        "change_id": "CHG1",
        "campaign_id": 167,
        "bulk_change_state": "failed",
        "bulk_change_approved_by": "j.doe",
        "bulk_change_verify": False,
        "bulk_change_report_directory": str(reports),
    }
    for playbook, which in (("bulk_retry", "yateota"), ("bulk_report", "north")):
        done = ansible(playbook, {**given, "yateota_hosts": which}, "-i", str(inventory))
        assert done.ok, done.output
        assert {path.name for path in reports.iterdir()} == {"CHG1.csv", "CHG1.jsonl", "CHG1.html"}
        rows = list(csv.DictReader((reports / "CHG1.csv").read_text().splitlines()))
        lines = [json.loads(line) for line in (reports / "CHG1.jsonl").read_text().splitlines()]
        written = {box.url: len(box.writes()) for box in boxes.values()}
        assert Counter(row["api_url"] for row in rows) == Counter(line["api_url"] for line in lines) == written
        assert {row["state"] for row in rows} == {"done"}
        assert all(url in (reports / "CHG1.html").read_text() for url in written)
