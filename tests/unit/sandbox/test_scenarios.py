# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scenarios: the ready ones, what is refused, and that counts, pages and time agree whatever is done."""

from __future__ import annotations

import contextlib
from collections import Counter

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from yateota_sandbox import Options, Scenario
from yateota_sandbox.actions import PARTICIPANT_ACTIONS, RefusedError, act_on_campaign, act_on_participants
from yateota_sandbox.scenario import SCENARIOS, load_scenario, luhn_digit, sim_rows
from yateota_sandbox.server import Service


def minimal(**changes):
    """A scenario as YAML would give it, with some of its one campaign's fields changed."""
    campaign = {
        "campaign_id": 1,
        "name": "one",
        "type": "RFM",
        "state": "started",
        "first_participant": 1,
        "initial": {"pending_build": 3},
    }
    sims = {"count": 10, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    return {"sims": [sims], "campaigns": [campaign | changes]}


@pytest.mark.parametrize("name", ["small", "city", "nation"])
def test_the_ready_scenarios_fit(name):
    scenario = load_scenario(name)

    sizes = {"small": 210, "city": 20_000, "nation": 1_000_100}
    assert sum(campaign.size for campaign in scenario.campaigns) == sizes[name]


def test_no_other_scenario_comes_along():
    assert {path.name for path in SCENARIOS.iterdir()} == {"small.yml", "city.yml", "nation.yml"}


@pytest.mark.parametrize("name", ["small", "city"])
def test_participants_start_in_the_states_that_the_scenario_says(name):
    service = Service(Options(scenario=name, speed=0))
    for campaign in service.store.scenario.campaigns:
        counts = service.store.counts(service.store.campaign(campaign.campaign_id))
        assert {state: number for state, number in counts.items() if number} == campaign.initial
    service.close()


def test_identifiers_are_of_the_right_length_and_unique():
    rows = list(sim_rows(load_scenario("small")))

    for column, length in ((1, 15), (2, 19), (3, 12)):
        assert {len(row[column]) for row in rows} == {length}
        assert len({row[column] for row in rows}) == len(rows)
    assert rows[0][1].startswith("00101")


@given(st.text("0123456789", min_size=1, max_size=21))
def test_the_luhn_digit_makes_the_sum_divisible_by_ten(digits):
    whole = digits + luhn_digit(digits)
    total = sum(int(digit) for digit in whole[::-2])
    total += sum(sum(divmod(2 * int(digit), 10)) for digit in whole[-2::-2])
    assert total % 10 == 0


def test_a_known_luhn_digit():
    assert luhn_digit("7992739871") == "3"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"type": "SMS"}, "type"),
        ({"failure_rate": 1.5}, "failure_rate"),
        ({"succeeds_at": [3, 2]}, "succeeds_at"),
        ({"succeeds_at": [0, 2]}, "succeeds_at"),
        ({"initial": {}}, "initial"),
        ({"initial": {"lost": 1}}, "initial"),
        ({"initial": {"failed": -1}}, "below 0"),
        ({"initial": {"failed": 11}}, "needs more SIMs than the 10"),
        ({"participants": {9: "failed"}}, "9 is not one of campaign 1"),
        ({"participants": {1: "failed"}}, "more are fixed as failed"),
        ({"pace": {"build": [5, 1]}}, "the smaller first"),
        ({"pace": {"build": [0, 1]}}, "above 0"),
        ({"pase": {}}, "pase"),
    ],
)
def test_a_campaign_that_does_not_fit_is_refused_by_name(change, named):
    with pytest.raises(ValueError, match=named):
        Scenario.model_validate(minimal(**change))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"campaigns": [minimal()["campaigns"][0]] * 2}, "is defined twice"),
        ({"campaigns": minimal()["campaigns"] + minimal(campaign_id=2)["campaigns"]}, "share participant ids"),
        ({"sims": [minimal()["sims"][0] | {"imsi": "999999"}]}, "more than 6 digits"),
        ({"sims": minimal()["sims"] * 2}, "is also in the series that begins with"),
        ({"moved": [{"msisdn": "1", "imsi": "001010000000001"}]}, "no SIM has the msisdn 1"),
        ({"sims": []}, "sims"),
    ],
)
def test_a_scenario_that_does_not_fit_is_refused_by_name(changes, named):
    with pytest.raises(ValueError, match=named):
        Scenario.model_validate(minimal() | changes)


def test_a_scenario_is_read_from_a_file_of_ones_own(tmp_path):
    path = tmp_path / "mine.yml"
    path.write_text(yaml.safe_dump(minimal()))
    assert load_scenario(str(path)) == Scenario.model_validate(minimal())
    path.write_text("a: [")
    with pytest.raises(ValueError, match="not YAML"):
        load_scenario(str(path))


IDS = st.integers(161, 184) | st.integers(185, 264) | st.integers(331, 370)


class Lives(RuleBasedStateMachine):
    """Whatever is done to `small`, at whatever time, its counts and filtered pages agree with its list."""

    def __init__(self):
        super().__init__()
        self.service = Service(Options(speed=0))
        self.store = self.service.store

    def teardown(self):
        self.service.close()

    @rule(seconds=st.floats(0, 200))
    def wait(self, seconds):
        self.service.clock.advance(seconds)

    @rule(who=IDS, action=st.sampled_from(sorted(PARTICIPANT_ACTIONS)))
    def act_on_one(self, who, action):
        before = self.service.node.truth(who)
        try:
            act_on_participants(self.store, {"participant_id": who}, action)
        except RefusedError:
            assert self.service.node.truth(who) == before

    @rule(sim=st.integers(1, 120), action=st.sampled_from(sorted(PARTICIPANT_ACTIONS)))
    def act_on_a_sim(self, sim, action):
        with contextlib.suppress(RefusedError):
            act_on_participants(self.store, {"imsi": f"00101{sim:010d}"}, action)

    @rule(campaign_id=st.sampled_from([142, 167, 176]), action=st.sampled_from(["stop", "pause", "restart"]))
    def hold(self, campaign_id, action):
        with contextlib.suppress(RefusedError):
            act_on_campaign(self.store, self.store.campaign(campaign_id), action)

    @invariant()
    def counts_and_pages_agree_with_the_list(self):
        for campaign_id in (142, 167, 176):
            campaign = self.store.campaign(campaign_id)
            every = self.store.page(campaign, -1, 0, None)
            counts = Counter(row[5] for row in every)
            assert {state: n for state, n in self.store.counts(campaign).items() if n} == counts
            assert campaign.finished == (set(counts) <= {"finished", "failed", "canceled"})
            for state in ("failed", "finished", "pending_send"):
                of_state = [row for row in every if row[5] == state]
                assert self.store.page(campaign, 5, 3, state) == of_state[3:8]


Lives.TestCase.settings = settings(max_examples=25, stateful_step_count=25, deadline=None)
TestLives = Lives.TestCase


def test_a_page_deep_in_a_large_campaign_agrees_with_the_list():
    service = Service(Options(scenario="city", speed=0))
    service.clock.advance(1000)
    store = service.store
    campaign = store.campaign(201)
    every = store.page(campaign, -1, 0, None)
    for state in ("failed", "finished", "pending_build", "pending_send"):
        of_state = [row for row in every if row[5] == state]
        for offset in (0, 1, len(of_state) // 2, len(of_state) - 1, len(of_state), len(of_state) + 5000):
            assert store.page(campaign, 700, offset, state) == of_state[offset : offset + 700]
    service.close()
