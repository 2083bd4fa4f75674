# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What counts as bad, when a rollout aborts, and what proves a wave, as pure decisions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.options import read_reasons
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.rollout_policy import (
    BAD_RULE,
    BadReasons,
    bad_rule,
    covers,
    is_proven,
    must_abort,
    pause_between_readings,
    shortfall,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.states import RowState
from ansible_collections.simops.yateota.plugins.module_utils._core.tallies import WaveCount, in_tenths
from hypothesis import example, given
from hypothesis import strategies as st


@pytest.mark.parametrize(
    ("executed", "bad", "aborts"), [(0, 0, False), (19, 19, False), (20, 1, False), (20, 2, True), (21, 2, False)]
)
def test_when_a_rollout_aborts(executed: int, bad: int, aborts: bool) -> None:
    assert must_abort(executed, bad, minimum_executed=20, threshold_percentage=10) is aborts


@pytest.mark.parametrize(("executed", "bad", "limit"), [(750, 33, 4.4), (1500, 33, 2.2)])
def test_a_share_that_is_exactly_the_limit_aborts(executed: int, bad: int, limit: float) -> None:
    assert must_abort(executed, bad, 20, limit)
    assert not must_abort(executed, bad - 1, 20, limit)


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(1, 10_000), st.sampled_from([1, 10, 100]))
@example(1375, 1243, 904, 10)
@example(1000, 44, 44, 10)
def test_shares_are_compared_by_the_limit_as_it_is_written(whole: int, part: int, digits: int, unit: int) -> None:
    part, limit = min(part, whole), min(digits / unit, 100.0)
    exact = min(Fraction(digits, unit), Fraction(100))
    for near in {part, int(exact * whole / 100), min(whole, int(exact * whole / 100) + 1)}:
        reached = Fraction(100 * near, whole) >= exact
        assert must_abort(whole, near, 1, limit) is reached
        assert is_proven(WaveCount(whole, near), limit) is reached


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 1000))
@example(2000, 1899, 950)
@example(1000, 949, 949)
def test_a_share_is_shown_in_tenths_and_not_rounded_up(whole: int, part: int, wanted: int) -> None:
    count = WaveCount(whole, min(part, whole))
    assert count.percentage is not None
    shown = in_tenths(count.percentage)
    assert Fraction(str(shown)) == Fraction(1000 * count.at_goal // whole, 10)
    assert (shown >= wanted / 10) is is_proven(count, wanted / 10)


def test_what_counts_as_bad() -> None:
    rule = bad_rule()
    assert {state for state in RowState if rule.counts(state, None, None)} == {"unknown", "failed", "refused"}
    assert (rule, list(rule.came_back), list(rule.unanswered)) == (BAD_RULE, ["failed"], [])


def test_a_sim_that_has_not_answered_counts_after_a_time_if_asked_for() -> None:
    for reasons in (None, (404,)):
        rule = bad_rule(reasons, unanswered_after=600)
        assert (list(rule.unanswered), rule.unanswered_after) == (["waiting_por"], 600)


@pytest.mark.parametrize(
    ("code", "message", "counts"),
    [
        (404, None, True),
        (403, "The SMSC is BUSY", True),
        (403, "locked", False),
        (None, "smsc busy", False),
        (None, None, False),
    ],
)
def test_reasons_narrow_what_is_bad(code: int | None, message: str | None, counts: bool) -> None:
    rule = bad_rule((404, "smsc is busy"))
    assert [rule.counts(state, code, message) for state in (RowState.FAILED, RowState.DONE)] == [counts, False]
    assert rule.came_back == ()


def test_reasons_are_codes_and_texts() -> None:
    assert read_reasons("abort.on_reason", None) is None
    assert read_reasons("abort.on_reason", [404, "404", " SMSC  busy", "SMSC busy"]) == (404, "SMSC busy")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ([], "abort.on_reason must name one or more codes or texts, got an empty list."),
        *(
            ([each], f"abort.on_reason must have codes of 1 or more and texts, got {each!r}.")
            for each in ("", " ", "0", 0, -1, 1.5, True, None, {"code": 404}, [404])
        ),
    ],
)
def test_reasons_that_are_neither(given: list[Any], words: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        read_reasons("abort.on_reason", given)
    assert str(refused.value).startswith(words)


@pytest.mark.parametrize(
    ("wider", "reasons", "does"),
    [
        ((404, "busy"), (404, "SMSC Busy"), True),
        ((404,), (404, 403), False),
        (("SMSC busy",), ("busy",), False),
        (("40",), (404,), False),
    ],
)
def test_reasons_that_cover_others(wider: BadReasons, reasons: BadReasons, does: bool) -> None:
    assert covers(wider, reasons) is does


@pytest.mark.parametrize(
    ("sent", "at_goal", "wanted", "proven"),
    [(0, 0, 100, True), (20, 19, 95, True), (20, 18, 95, False), (3, 2, 66.7, False), (3, 0, 0, True)],
)
def test_what_proves_a_wave(sent: int, at_goal: int, wanted: float, proven: bool) -> None:
    assert is_proven(WaveCount(sent, at_goal), wanted) is proven


def test_who_was_at_the_goal_before_proves_nothing_until_the_soak_is_over() -> None:
    assert [is_proven(WaveCount(20, 20, as_before), 95, is_over=False) for as_before in (0, 1, 2, 20)] == [
        True,
        True,
        False,
        False,
    ]
    assert is_proven(WaveCount(20, 20, 20), 95, is_over=True)


@pytest.mark.parametrize(
    ("count", "wanted", "words"),
    [
        (WaveCount(100, 81), 95, "wave 3: 81 % finished after 600 s, expected 95 %"),
        (WaveCount(10000, 9499), 95, "wave 3: 94.9 % finished after 600 s, expected 95 %"),
        (WaveCount(3, 2), 99.5, "wave 3: 66.6 % finished after 600 s, expected 99.5 %"),
    ],
)
def test_why_a_wave_is_not_proven(count: WaveCount, wanted: float, words: str) -> None:
    assert shortfall(3, count, wanted, "finished", 600.2) == words


def test_the_server_is_read_seldom_by_what_that_costs_and_often_enough() -> None:
    assert [pause_between_readings(waited, 0.1) for waited in (0, 2, 40, 600)] == [1, 1, 10, 150]
    assert pause_between_readings(40, last_reading=30) == 300
    readings, waited = 0, 0.0
    while waited < 3600:
        readings, waited = readings + 1, waited + pause_between_readings(waited, 0.1)
    assert readings < 40
