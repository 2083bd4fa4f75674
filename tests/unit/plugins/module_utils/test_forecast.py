# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a change ends: by its rate, waves, soaks and windows, and by real ledgers."""

from __future__ import annotations

import datetime
import math
from collections.abc import Iterator
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.forecast import PaceLimits, forecast, simulate
from ansible_collections.simops.yateota.plugins.module_utils._change.info import run_info
from ansible_collections.simops.yateota.plugins.module_utils._change.windows import Window, window_of
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.pace import Pace, pace_of, rate_before
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes, participants, sa, waves
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk
from hypothesis import given
from hypothesis import strategies as st

pytestmark = pytest.mark.any_database

NOON = datetime.datetime(2026, 6, 1, 12, tzinfo=datetime.UTC).timestamp()
NIGHTS = {"hours": ["22:00-02:00"], "time_zone": "UTC"}
NIGHT = NOON + 10 * 3600


def remaining(waiting: int, in_wave: int | None = None, **values: Any) -> Pace:
    facts = {"rate": None, "pause": None, "answered": None, "later": 0, "due": None, "is_first": True}
    return Pace(in_wave=in_wave, waiting=waiting, **(facts | values))


def limits(canary: int | None = None, wave_size: int = 100, soak: float = 0.0, window: Any = None) -> PaceLimits:
    return PaceLimits(canary, wave_size, soak, None, window or Window())


def test_without_a_window_it_is_the_sending_and_the_soaks() -> None:
    there = simulate(remaining(1000), limits(soak=60), 10, NOON)
    assert (there.moment, there.sending, there.pauses) == (NOON + 100 + 600, 100, 600)
    assert (there.ends, there.remaining_then, there.closes) == (True, None, None)


def test_a_canary_is_a_wave_of_its_own_and_only_at_first() -> None:
    assert simulate(remaining(100), limits(canary=5, soak=60), 10, NOON).moment == NOON + 10 + 120
    assert simulate(remaining(100, is_first=False), limits(canary=5, soak=60), 10, NOON).moment == NOON + 10 + 60
    assert simulate(remaining(3), limits(canary=5, soak=60), 10, NOON).moment == pytest.approx(NOON + 0.3 + 60)


def test_the_rest_of_a_wave_and_of_a_soak() -> None:
    assert simulate(remaining(100, in_wave=50, is_first=False), limits(soak=60), 10, NOON).moment == NOON + 15 + 120
    soaking = remaining(100, in_wave=0, is_first=False, answered=NOON - 20)
    assert simulate(soaking, limits(soak=60), 10, NOON).moment == NOON + 40 + 10 + 60


def test_a_pause_that_was_measured_longer_than_the_soak_counts() -> None:
    assert simulate(remaining(300, pause=90.0), limits(soak=60), 10, NOON).pauses == 270
    assert simulate(remaining(300, pause=30.0), limits(soak=60), 10, NOON).pauses == 180


def test_what_does_not_fit_into_a_night_goes_on_in_the_next() -> None:
    """10,000 at 1 a second: 4 hours are 14,400 seconds."""
    there = simulate(remaining(10_000), limits(window=window_of(NIGHTS)), 1, NOON)
    assert (there.moment, there.remaining_then) == (NIGHT + 10_000, None)
    there = simulate(remaining(20_000), limits(window=window_of(NIGHTS)), 1, NOON)
    assert there.moment == NIGHT + 86400 + 20_000 - 14_400
    assert (there.remaining_then, there.closes) == (5_600, NIGHT + 14_400)
    assert there.closed == 10 * 3600 + 20 * 3600


def test_a_wave_larger_than_a_night_is_cut() -> None:
    there = simulate(remaining(40_000), limits(wave_size=40_000, soak=60, window=window_of(NIGHTS)), 1, NOON)
    assert there.moment == NIGHT + 2 * 86400 + 40_000 - 28_800 + 60


def test_a_window_that_ends_leaves_the_rest() -> None:
    until = Window(closes=NOON + 60)
    there = simulate(remaining(1000), limits(window=until), 10, NOON)
    assert (there.ends, there.remaining_then, there.closes) == (False, 400, NOON + 60)
    over = simulate(remaining(1000), limits(window=until), 10, NOON + 3600)
    assert (over.ends, over.remaining_then) == (False, 1000)


def test_those_that_are_due_later_come_later() -> None:
    there = simulate(remaining(300, later=100, due=NOON + 5000, is_first=False), limits(soak=60), 10, NOON)
    assert there.moment == NOON + 5000 + 10 + 60


def slow_end(waiting: int, size: int, soak: int, window: Window) -> float | None:
    """Step through it second by second, one request each."""
    moment, sent = NOON, 0
    while sent < waiting:
        opening = window.next_opening(moment)
        if opening is None:
            return None
        moment = opening + 1
        sent += 1
        if sent % size == 0 or sent == waiting:
            moment += soak
    return moment


@given(
    st.integers(1, 400),
    st.integers(1, 120),
    st.integers(0, 90),
    st.lists(st.tuples(st.integers(0, 59), st.integers(1, 40)), min_size=1, max_size=3),
)
def test_it_ends_when_a_plain_walk_does(waiting: int, size: int, soak: int, opened: list[tuple[int, int]]) -> None:
    hours = [f"12:{start:02}-{12 + (start + length) // 60}:{(start + length) % 60:02}" for start, length in opened]
    window = window_of({"hours": hours, "time_zone": "UTC"})
    there = simulate(remaining(waiting), limits(wave_size=size, soak=soak, window=window), 1, NOON)
    wanted = slow_end(waiting, size, soak, window)
    assert wanted is not None
    assert math.isclose(there.moment, wanted, abs_tol=1e-3)
    assert math.isclose(there.sending + there.pauses + there.closed, there.moment - NOON, abs_tol=1e-3)


# --- Of real changes --------------------------------------------------------------------------------------------------


@pytest.fixture
def opened(ledger: str) -> Iterator[Ledger]:
    one = open_ledger(ledger, None)
    yield one
    one.close()


def sent_at_ten_a_second(ledger: Ledger, begun: float, size: int, cycle: float) -> None:
    """Move the moments of the recorded waves: each sends ten a second, and the next begins a cycle later."""
    with ledger.write() as connection:
        columns = participants.c
        for row in connection.execute(sa.select(columns.seq, columns.wave).where(columns.wave.is_not(None))).all():
            sent = begun + (row.wave - 1) * cycle + (row.seq % size) / 10
            moments = {"sent_at": sent, "answered_at": sent + 0.1}
            connection.execute(participants.update().where(columns.seq == row.seq).values(moments))
        for wave in connection.execute(sa.select(waves.c.wave)).scalars().all():
            started = begun + (wave - 1) * cycle
            values = {"started": started, "finished": started + cycle}
            connection.execute(waves.update().where(waves.c.wave == wave).values(values))


def test_the_rate_and_the_pause_are_those_of_the_latest_waves(bulk: Bulk, ledger: str, opened: Ledger) -> None:
    planned = bulk("planned", rollout={"wave_size": 10, "soak": 0})
    assert planned["change"]["forecast"] is None  # no rate is known yet, and nothing limits it
    bulk("applied", rollout={"wave_size": 10}, max_waves=2)
    sent_at_ten_a_second(opened, 1_780_000_000.0, 10, 31)
    change = find_change(opened, "CHG1")
    assert change
    pace = pace_of(change)
    assert pace.rate == pytest.approx(10)
    assert pace.pause == pytest.approx(30)
    assert (pace.waiting, pace.in_wave, pace.is_first) == (24, None, False)
    foreseen = forecast(change)
    assert foreseen
    assert (foreseen["seconds"], foreseen["waves"], foreseen["basis"]) == (92, 3, "measured")  # 2.4 + 3 * 30
    assert (foreseen["fits"], foreseen["closes"], foreseen["remaining_then"]) == (True, None, 0)
    assert foreseen["sentence"].startswith("At 10 requests per second, it ends at about 20")
    assert foreseen["sentence"].endswith(", in 0:01:32.")
    options = {name: spec.get("default") for name, spec in yateota_bulk_info.ARGUMENTS.items()}
    for asked, key in (({"change_id": "CHG1"}, "change"), ({}, "changes")):
        found = run_info({**options, "ledger": ledger, **asked}, check_mode=False, shown=lambda value: value).result[
            key
        ]
        assert (found[0] if key == "changes" else found)["forecast"]["pause_seconds"] == 90


def test_a_pause_has_the_gap_to_the_next_wave_and_no_night(bulk: Bulk, opened: Ledger) -> None:
    """Each wave sends for 1 second and ends 2 seconds later; the next one begins 1 second or a night after that."""
    bulk("applied", rollout={"wave_size": 10}, max_waves=3)
    sent_at_ten_a_second(opened, 1_780_000_000.0, 10, 31)
    change = find_change(opened, "CHG1")
    assert change
    night = 8 * 3600.0
    for gaps, pause in (([1.0, 1.0], 3), ([1.0, night], 3), ([night, 1.0], 3), ([night, night], 2)):
        with opened.write() as connection:
            started = 1_780_000_000.0
            for wave, gap in zip((1, 2, 3), [0.0, *gaps], strict=True):
                started += gap
                moved = participants.c.seq % 10 / 10 + started
                mine = participants.update().where(participants.c.wave == wave)
                connection.execute(mine.values(sent_at=moved, answered_at=moved + 0.1))
                ended = {"started": started, "finished": started + 3}
                connection.execute(waves.update().where(waves.c.wave == wave).values(ended))
                started += 3
        assert pace_of(change).pause == pytest.approx(pause)


def test_another_change_of_the_server_lends_its_rate(bulk: Bulk, opened: Ledger) -> None:
    bulk("applied", selection={"campaign_id": 142, "state": "failed"}, change_id="CHG0")
    planned = bulk("planned")
    foreseen = planned["change"]["forecast"]
    assert (foreseen["basis"], foreseen["waves"]) == ("earlier_change", 1)
    limited = bulk("planned", rollout={"maximum_per_second": 0.5}, change_id="CHG2")["change"]["forecast"]
    assert (limited["basis"], limited["rate"], limited["seconds"]) == ("limit", 0.5, 88)
    change = find_change(opened, "CHG1")
    assert change
    assert rate_before(change) == pytest.approx(foreseen["rate"], abs=0.06)


def test_a_plan_that_does_not_fit_is_warned_of(bulk: Bulk) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=60)
    limits = {"rollout": {"maximum_per_second": 0.5}, "window": {"end": soon.isoformat()}}
    planned = bulk("planned", **limits)
    assert len(planned["warnings"]) == 1
    warning = planned["warnings"][0]
    assert warning.startswith("Change CHG1 does not fit into its window. At 0.5 requests per second, it does not fit")
    assert warning.endswith("participants remain then. No later window opens.")
    foreseen = planned["change"]["forecast"]
    assert (foreseen["ends"], foreseen["seconds"], foreseen["fits"]) == (None, None, False)
    assert 13 <= foreseen["remaining_then"] <= 15
    checked = bulk("planned", check_mode=True, change_id="CHG2", **limits)
    assert [each.split(". ")[0] for each in checked["warnings"]] == ["Change CHG2 does not fit into its window"]
    roomy = datetime.datetime.now(datetime.UTC) + datetime.timedelta(hours=1)
    fits = bulk("planned", rollout={"maximum_per_second": 0.5}, window={"end": roomy.isoformat()}, change_id="CHG3")
    assert fits["warnings"] == []


def test_soaks_alone_that_do_not_fit_are_warned_of(bulk: Bulk) -> None:
    soon = datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=90)
    planned = bulk("planned", rollout={"wave_size": 10, "soak": 60}, window={"end": soon.isoformat()})
    assert "By its soaks alone, it does not fit" in planned["warnings"][0]
    assert (planned["change"]["forecast"]["rate"], planned["change"]["forecast"]["remaining_then"]) == (None, 24)


@pytest.mark.parametrize("rate", [1e-10, 1e-300])
@pytest.mark.parametrize("window", [None, {"hours": ["00:00-12:00"], "time_zone": "UTC"}])
def test_an_end_that_is_many_years_away_is_not_foreseen(bulk: Bulk, rate: float, window: Any) -> None:
    """The year 10000 cannot be written, and not all nights until then are gone through."""
    planned = bulk("planned", rollout={"maximum_per_second": rate}, window=window)
    foreseen = planned["change"]["forecast"]
    assert (planned.get("msg"), planned["remaining"]) == (None, 44)
    if window is None:
        assert foreseen is None
        assert planned["warnings"] == []
        return
    assert (foreseen["ends"], foreseen["ends_local"], foreseen["seconds"], foreseen["fits"]) == (
        None,
        None,
        None,
        False,
    )
    assert "about 44 participants remain then. It does not end within 10 years." in planned["warnings"][0]


@pytest.mark.parametrize("rate", [None, 100.0])
@pytest.mark.parametrize("window", [None, {"hours": ["00:00-12:00"], "time_zone": "UTC"}])
def test_soaks_of_many_years_are_not_foreseen(bulk: Bulk, rate: float | None, window: Any) -> None:
    rollout = {"soak": 1e12, "wave_size": 10, "maximum_per_second": rate}
    planned = bulk("planned", rollout=rollout, window=window)
    assert "msg" not in planned
    assert (planned["change"]["forecast"] or {"ends": None})["ends"] is None


def test_attempts_that_are_due_in_many_years_are_reported(bulk: Bulk) -> None:
    further = {"maximum": 2, "interval": 1e12}
    done = bulk("applied", attempts=further)
    assert done["change"]["attempts"]["next_due"].startswith("9999-12-31")
    assert bulk("applied", attempts=further)["change"]["forecast"] is None


def test_who_must_wait_for_a_person_has_no_forecast(bulk: Bulk, opened: Ledger) -> None:
    bulk("applied", rollout={"wave_size": 10, "maximum_per_second": 1000}, max_waves=1)
    change = find_change(opened, "CHG1")
    assert change
    assert forecast(change)
    bulk("held", reason="The SMSC queues")
    assert forecast(change) is None
    bulk("released")
    with opened.write() as connection:
        connection.execute(changes.update().values(status="aborted"))
    assert forecast(change) is None
    with opened.write() as connection:
        connection.execute(changes.update().values(status="in_progress", limits=None))
    assert forecast(change) is None  # planned by an older release
    assert bulk("applied")["change"]["forecast"] is None  # nothing remains to be sent
