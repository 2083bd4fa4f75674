# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which SIMs fail more often than the others: the statistics, and the counts of real ledgers and campaigns."""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.info import run_info
from ansible_collections.simops.yateota.plugins.module_utils._core import cohorts
from ansible_collections.simops.yateota.plugins.module_utils._core.cohorts import (
    SMALLEST,
    Cohort,
    GroupCounts,
    Kind,
    ReasonCounts,
    chance_of,
    cohorts_result,
    lift_interval,
    wilson,
    worst,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.rollout_policy import BAD_RULE
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import Change, find_or_create_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.cohorts import CAME_BACK, failures_of
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import changes, participants, waves
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk_info, yateota_participant_info
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox
from hypothesis import given
from hypothesis import strategies as st

from yateota_sandbox import Sandbox

BEGUN = 1_780_344_000.0  # 2026-06-01 20:00 UTC


# --- The statistics ---------------------------------------------------------------------------------------------------

shares = st.integers(1, 10_000).flatmap(lambda size: st.tuples(st.integers(0, size), st.just(size)))


@given(shares)
def test_the_interval_of_a_share_is_where_the_score_test_says_so(share: tuple[int, int]) -> None:
    """Wilson's limits are the shares p at which (share - p)² = z² p (1 - p) / n."""
    failed, size = share
    low, high = wilson(failed, size)
    assert 0 <= low <= failed / size <= high <= 1
    z = 1.959963984540054
    for limit in (low, high):
        if 0 < limit < 1:
            assert math.isclose(
                (failed / size - limit) ** 2, z * z * limit * (1 - limit) / size, rel_tol=1e-6, abs_tol=1e-9
            )


@given(shares, shares)
def test_the_lift_and_its_interval_by_a_plain_reading(cohort: tuple[int, int], rest: tuple[int, int]) -> None:
    found = Cohort(Kind.WAVE, 1, cohort[1], cohort[0], rest[1], rest[0])
    low, high = lift_interval(found)
    ratio = (Fraction(2 * cohort[0] + 1, 2 * cohort[1] + 1)) / Fraction(2 * rest[0] + 1, 2 * rest[1] + 1)
    assert low <= float(ratio) <= high
    assert math.isclose(low * high, float(ratio) ** 2, rel_tol=1e-9)  # it is symmetrical on the scale of logarithms
    lift = found.lift()
    assert (lift is None) == (rest[0] == 0)
    if lift is not None:
        assert math.isclose(lift, Fraction(cohort[0], cohort[1]) / Fraction(rest[0], rest[1]))
    mirrored = Cohort(Kind.WAVE, 1, rest[1], rest[0], cohort[1], cohort[0])
    assert math.isclose(lift_interval(mirrored)[0] * high, 1, rel_tol=1e-9)


@given(st.integers(1, 60), st.integers(1, 60), st.data())
def test_the_chance_is_that_of_dealing_out_the_failures(size: int, rest: int, data: st.DataObject) -> None:
    failed, rest_failed = data.draw(st.integers(0, size)), data.draw(st.integers(0, rest))
    cohort = Cohort(Kind.WAVE, 1, size, failed, rest, rest_failed)
    everyone, failures = size + rest, failed + rest_failed
    ways = sum(
        math.comb(failures, number) * math.comb(everyone - failures, size - number)
        for number in range(failed, min(size, failures) + 1)
    )
    plain = Fraction(ways, math.comb(everyone, size))
    if Fraction(failed, size) > Fraction(failures, everyone):
        assert math.isclose(chance_of(cohort), plain, rel_tol=1e-9)
    else:
        assert chance_of(cohort) == 1


def test_the_chance_of_large_cohorts_is_found_at_once() -> None:
    assert 0.35 < chance_of(Cohort(Kind.WAVE, 1, 500_000, 25_050, 500_000, 25_000)) < 0.45
    assert chance_of(Cohort(Kind.WAVE, 1, 500_000, 400_000, 500_000, 25_000)) == 0


def test_known_intervals() -> None:
    """Computed by hand after the formulas, and Wilson's as textbooks print it for 10 of 100."""
    assert [round(limit, 4) for limit in wilson(10, 100)] == [0.0552, 0.1744]
    assert [round(limit, 4) for limit in wilson(0, 20)] == [0.0, 0.1611]
    low, high = lift_interval(Cohort(Kind.WAVE, 1, 200, 62, 1800, 133))
    assert (round(low, 2), round(high, 2)) == (3.23, 5.47)


rows = st.lists(
    st.tuples(
        st.sampled_from(["89431010011", "89431010012", "89431020011", "89010203040", "8901", ""]),
        st.sampled_from(["262011", "262013", "31041", "001010"]),
        st.booleans(),
    ),
    max_size=300,
)


def plain_counts(read: Iterable[tuple[str, str, bool]]) -> dict[tuple[Kind, str], tuple[int, int]]:
    sizes: Counter[tuple[Kind, str]] = Counter()
    failures: Counter[tuple[Kind, str]] = Counter()
    for iccid, imsi, is_bad in read:
        names = [(Kind.ICCID_PREFIX, iccid[:digits]) for digits in (7, 9, 11) if len(iccid) >= digits]
        names += [(Kind.IMSI_PREFIX, imsi[:digits]) for digits in (5, 6) if len(imsi) >= digits]
        sizes.update(names)
        failures.update(names if is_bad else [])
    return {name: (size, failures[name]) for name, size in sizes.items()}


def tallied(read: Iterable[tuple[str, str, bool]]) -> GroupCounts:
    groups = GroupCounts()
    for iccid, imsi, is_bad in read:
        groups.add_total(1, is_bad)
        groups.add(Kind.ICCID_PREFIX, iccid, 1, is_bad)
        groups.add(Kind.IMSI_PREFIX, imsi, 1, is_bad)
    return groups


@given(rows)
def test_cohorts_are_counted_as_a_plain_reading_does(read: list[tuple[str, str, bool]]) -> None:
    failed = sum(is_bad for _iccid, _imsi, is_bad in read)
    plain = {
        name: (size, bad, len(read) - size, failed - bad)
        for name, (size, bad) in plain_counts(read).items()
        if size >= SMALLEST and len(read) - size >= SMALLEST
    }
    found = {
        (each.kind, each.value): (each.size, each.failed, each.rest, each.rest_failed)
        for each in tallied(read).cohorts()
    }
    assert found == plain
    result = cohorts_result(tallied(read))
    assert (result["size"], result["failed"], result["compared"]) == (len(read), failed, len(plain))
    for each in result["worst"]:
        assert each["size"] >= SMALLEST
        assert each["lift_low"] >= 1
        assert each["percentage_low"] <= each["percentage"] <= each["percentage_high"]


def counted(*sizes: tuple[str, int, int]) -> GroupCounts:
    """Counts of ICCID prefixes, each with its size and failures."""
    groups = GroupCounts()
    for prefix, size, failed in sizes:
        groups.add_total(size, failed)
        groups.add(Kind.ICCID_PREFIX, prefix, size, failed)
    return groups


def sentences(groups: GroupCounts) -> list[str]:
    return [each["sentence"] for each in cohorts_result(groups)["worst"]]


def test_the_sentence_has_the_share_and_the_lift() -> None:
    # 31 % of 400 against 7.42 % of 1,600; batches of one issuer each, so that longer prefixes add nothing
    groups = counted(("89431010000", 400, 124), ("89491020000", 800, 60), ("89331020000", 800, 58))
    assert sentences(groups) == ["SIMs 8943101: 31 % failed, 4.2 times the rest"]
    assert sentences(counted(("89431010000", 40, 20), ("89491020000", 800, 0))) == [
        "SIMs 8943101: 50 % failed, none of the rest"
    ]


def test_a_bad_batch_is_named_and_not_the_issuer_that_has_it() -> None:
    groups = counted(("89431010000", 400, 200), ("89431012000", 900, 45), ("89491010000", 5000, 250))
    assert sentences(groups) == ["SIMs 894310100: 50 % failed, 10 times the rest"]


def test_a_bad_issuer_is_named_and_not_each_of_its_batches() -> None:
    groups = counted(*((f"89431010{batch}00", 400, 120) for batch in range(5)), ("89491010000", 5000, 250))
    assert sentences(groups) == ["SIMs 8943101: 30 % failed, 6 times the rest"]


def test_a_worse_batch_of_a_bad_issuer_is_named_beside_it() -> None:
    groups = counted(("89431010000", 400, 360), ("89431012000", 2000, 600), ("89491010000", 5000, 250))
    assert {each.split(":")[0] for each in sentences(groups)} == {"SIMs 894310100", "SIMs 8943101"}


def test_fewer_than_the_smallest_never_show() -> None:
    least = SMALLEST - 1
    assert sentences(counted(("89431010000", least, least), ("89491020000", 1000, 10))) == []
    assert sentences(counted(("89431010000", least + 1, least + 1), ("89491020000", 1000, 10))) != []
    assert sentences(counted(("89431010000", 1000, 1000), ("89491020000", least, 0))) == []


def test_noise_finds_nothing() -> None:
    """Of thousands of groups that differ only by chance, the correction lets one in forty analyses find one."""
    chance = random.Random(7)  # noqa: S311 (the same numbers each time)
    found = 0
    for _analysis in range(20):
        groups = [(f"{chance.randrange(10**10, 10**11)}", 60) for _group in range(500)]
        found += bool(worst(counted(*((each, n, sum(chance.random() < 0.1 for _ in range(n))) for each, n in groups))))
    assert found <= 2


def test_memory_is_bounded_and_the_large_groups_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cohorts, "MOST_KEPT", 60)
    groups = GroupCounts()
    for number in range(1000):
        groups.add_total(2, number % 2)
        groups.add(Kind.ICCID_PREFIX, "89431010000", 1, number % 2)
        groups.add(Kind.ICCID_PREFIX, f"{number:05}123456", 1, 0)
        assert len(groups._groups[Kind.ICCID_PREFIX]) <= 60 + 3
    assert not groups.is_complete
    assert sentences(groups) == ["SIMs 8943101: 50 % failed, none of the rest"]
    assert cohorts_result(groups)["complete"] is False
    reasons = ReasonCounts()
    for number in range(500):
        reasons.add(403, "locked", 1)
        reasons.add(500, f"error {number}", 1)
    assert len(reasons._counts) <= 60
    assert [each["sentence"] for each in reasons.result(1000)] == ["Code 403 (locked): 50 % of the failures"]


# --- The ledger -------------------------------------------------------------------------------------------------------


def row(seq: int, state: str = "done", iccid: str = "8949102", wave: int = 1, **values: Any) -> dict[str, Any]:
    whole = f"{iccid}{seq:012}"[:19].ljust(19, "0")
    return {
        "seq": seq,
        "name": f"participant_id:{seq}",
        "participant_id": seq,
        "campaign_id": 167,
        "iccid": whole,
        "imsi": f"26201{seq:010}",
        "msisdn": f"49{seq:09}",
        "state": state,
        "wave": wave,
        "sent_at": BEGUN + wave,
        "answered_at": BEGUN + wave + 0.1,
        "read_at": None,
        "state_now": "failed",
        "code": 0,
        "message": None,
        "reason": None,
        "found": 0,
        **values,
    }


def record(ledger: Ledger, rows: Iterator[dict[str, Any]], change_id: str = "CHG1") -> Change:
    facts = {"api_url": "http://127.0.0.1", "node": "ybts", "action": "retry", "selection": {}}
    change = find_or_create_change(ledger, change_id, **facts)
    with ledger.write() as connection:
        connection.execute(participants.insert(), [{"change": change.number, **each} for each in rows])
        connection.execute(changes.update().values(status="applied"))
        connection.execute(waves.insert().values(change=change.number, wave=1, started=BEGUN, finished=BEGUN + 9))
    return change


@pytest.fixture
def opened(ledger: str) -> Iterator[Ledger]:
    one = open_ledger(ledger, None)
    yield one
    one.close()


def of_info(ledger: str) -> dict[str, Any]:
    options = {name: spec.get("default") for name, spec in yateota_bulk_info.ARGUMENTS.items()}
    options |= {"ledger": ledger, "change_id": "CHG1"}
    found: dict[str, Any] = run_info(options, check_mode=False, shown=lambda value: value).result["cohorts"]
    return found


def test_a_planted_batch_comes_first(ledger: str, opened: Ledger) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for seq in range(3000):
            planted = seq % 10 == 0
            bad = seq % 40 in (0, 10, 1)  # half of the planted, and 1 in 36 of the others
            yield row(
                seq, "refused" if bad else "done", "894310100" if planted else "8949102", 1 + seq // 300, code=403
            )
        for seq in range(3000, 3019):  # one too few to show
            yield row(seq, "failed", "8933105", 1 + (seq - 3000) % 10, code=500, message="no route")

    record(opened, rows())
    found = of_info(ledger)
    assert (found["size"], found["failed"], found["complete"]) == (3019, 244, True)
    assert found["worst"][0]["sentence"] == "SIMs 8943101: 50 % failed, 14 times the rest"
    assert found["worst"][0] | {"percentage_low": 0, "percentage_high": 0, "lift_low": 0, "lift_high": 0} == {
        "kind": "iccid_prefix",
        "value": "8943101",
        "size": 300,
        "failed": 150,
        "percentage": 50.0,
        "percentage_low": 0,
        "percentage_high": 0,
        "rest_percentage": 3.46,
        "lift": 14.46,
        "lift_low": 0,
        "lift_high": 0,
        "sentence": "SIMs 8943101: 50 % failed, 14 times the rest",
    }
    assert "8933105" not in str(found)
    assert [each["sentence"] for each in found["reasons"]] == ["Code 403 (no reason is known): 92 % of the failures"]


def test_a_bad_wave_hour_and_campaign_are_found(ledger: str, opened: Ledger) -> None:
    def rows() -> Iterator[dict[str, Any]]:
        for seq in range(1200):
            wave, campaign = 1 + seq // 100, 167 + seq % 3
            sent_at = BEGUN + 600 * wave
            bad = wave == 12 or (campaign == 168 and seq % 7 == 0)
            moments = {"sent_at": sent_at, "answered_at": sent_at + 1, "campaign_id": campaign}
            yield row(seq, "failed" if bad else "done", wave=wave, **moments)

    record(opened, rows())
    named = [each["sentence"].split(":")[0] for each in of_info(ledger)["worst"]]
    assert named[:2] == ["Wave 12", "Sent in the hour from 2026-06-01T22"]
    assert "Campaign 168" in named


def test_only_those_sent_for_count_and_those_that_came_back_failed(ledger: str, opened: Ledger) -> None:
    moment = BEGUN + 100
    rows = [
        *(row(seq, "planned", sent_at=None) for seq in range(100)),
        *(row(seq, "refused", sent_at=None) for seq in range(100, 200)),
        *(row(seq, "done", read_at=moment, state_now="failed") for seq in range(200, 230)),
        *(row(seq, "done", read_at=moment, state_now="finished") for seq in range(230, 300)),
        *(row(seq, "done", read_at=BEGUN, state_now="failed") for seq in range(300, 400)),  # read before it was sent
    ]
    groups, reasons = failures_of(record(opened, iter(rows)), BAD_RULE)
    assert (groups.size, groups.failed) == (200, 30)
    assert [(each["code"], each["message"], each["failed"]) for each in reasons.result(30)] == [(None, CAME_BACK, 30)]


def test_no_identifier_is_told(ledger: str, opened: Ledger) -> None:
    """Not even a short one that a message holds, and messages that differ only by one are one reason."""

    def rows() -> Iterator[dict[str, Any]]:
        for seq in range(1000, 1100):
            message = f"SIM {seq} of IMSI 26201{seq:010} has no route, SW 6985"
            yield row(seq, "failed", code=500, message=message)
        for seq in range(1100, 1200):
            yield row(seq, "failed", code=403, message="locked, SW 6985")

    change = record(opened, rows())
    found = of_info(ledger)
    assert {each["message"] for each in found["reasons"]} == {"SIM … of IMSI … has no route, SW …", "locked, SW 6985"}
    with opened.read() as connection:
        for each in connection.execute(participants.select().where(change.rows)):
            assert not [name for name in (each.iccid, each.imsi, each.msisdn) if name in str(found)]


def test_a_change_without_failures_has_no_cohorts(ledger: str, opened: Ledger) -> None:
    record(opened, (row(seq) for seq in range(100)))
    found = of_info(ledger)
    assert (found["size"], found["failed"], found["worst"], found["reasons"]) == (100, 0, [], [])


# --- A campaign without a change --------------------------------------------------------------------------------------


def test_a_campaign_is_analyzed_as_its_list_is_read(
    run_task: RunTask, start_sandbox: StartSandbox, sandbox: Sandbox
) -> None:
    result = run_task(yateota_participant_info, sandbox, campaign_id=167, page_size=9, analyze=True)
    assert (result["count"], "participants" in result) == (80, False)
    found = result["cohorts"]
    assert (found["size"], found["failed"], found["percentage"]) == (74, 44, 59.46)
    listed = run_task(yateota_participant_info, sandbox, campaign_id=167)["participants"]
    ended = [each for each in listed if each["state"] in ("finished", "failed")]
    plain = plain_counts((each["iccid"], each["imsi"], each["state"] == "failed") for each in ended)
    comparable = {name: size for name, (size, _bad) in plain.items() if 20 <= size <= 74 - 20}
    assert found["compared"] == len(comparable)


def test_what_an_analysis_cannot_do_is_refused(run_task: RunTask, sandbox: Sandbox) -> None:
    for options in ({"state": "failed"}, {"limit": 5}, {"count_only": True}):
        with pytest.raises(AssertionError):
            run_task(yateota_participant_info, sandbox, campaign_id=167, analyze=True, **options)
