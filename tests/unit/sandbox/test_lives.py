# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Campaigns that live: what the clock and the actions do to participants."""

from __future__ import annotations

from collections import Counter

import pytest

LONG = 100_000  # seconds in which every message of `small` ends


def act(api, action, **identifiers):
    return api("action_participant", action=action, **identifiers)


def events(api, campaign_id, participant_id):
    trace = api("trace", campaign_id=campaign_id, participant_id=participant_id)["trace"]
    return [event["event"] for event in trace]


def test_participants_move_by_themselves_until_the_campaign_is_finished(sandbox, api):
    order = ["pending_build", "pending_send", "waiting_por", "finished"]
    before = api.states(142)
    for _turn in range(60):
        sandbox.advance(10)
        after = api.states(142)
        for who, state in after.items():
            if state != before[who] and state != "failed":
                assert order.index(state) > order.index(before[who])
        before = after

    assert set(before.values()) == {"finished", "failed"}
    assert api("get_campaign", campaign_id=142)["campaign"][0]["state"] == "finished"


def test_a_clock_that_runs_moves_them_too(start_sandbox, connect):
    box = start_sandbox(speed=100_000)
    api = connect(box)
    for _turn in range(200):
        if api("get_campaign", campaign_id=142)["campaign"][0]["state"] == "finished":
            break
    else:
        pytest.fail("the campaign did not finish")


def test_the_speed_can_change_without_a_jump(sandbox, api):
    sandbox.advance(30)
    states = api.states(144)
    sandbox.set(speed=0.000001)

    assert api.states(144) == states


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_a_held_campaign_stands_still_and_restart_lets_it_go_on(sandbox, api, action):
    sandbox.advance(20)
    held = api.states(144)
    api("action_campaign", campaign_id=144, action=action)
    sandbox.advance(LONG)
    assert api.states(144) == held
    assert api.states(142) != held

    api("action_campaign", campaign_id=144, action="restart")
    assert api.states(144) == held
    sandbox.advance(LONG)
    assert set(api.states(144).values()) == {"finished", "failed"}


def test_the_time_a_campaign_was_held_shows_in_its_trace(sandbox, api):
    who = api.first(144, "pending_send")
    api("action_campaign", campaign_id=144, action="pause")
    sandbox.advance(86400)
    api("action_campaign", campaign_id=144, action="restart")
    sandbox.advance(LONG)

    trace = api("trace", campaign_id=144, participant_id=who)["trace"]

    assert [event["event"] for event in trace] == ["build", "send", "por"]
    assert trace[0]["time"] < "2026-05-04 08:00:00"
    assert trace[1]["time"].startswith("2026-05-05 08:0")


@pytest.mark.parametrize(
    ("before", "action", "after"),
    [
        (None, "pause", "paused"),
        (None, "stop", "stopped"),
        (None, "restart", "started"),
        ("pause", "restart", "started"),
        ("pause", "stop", "stopped"),
        ("pause", "pause", None),
        ("stop", "restart", "started"),
        ("stop", "stop", None),
        ("stop", "pause", None),
    ],
)
def test_the_actions_of_a_campaign(api, before, action, after):
    if before:
        api("action_campaign", campaign_id=144, action=before)
    code = api("action_campaign", campaign_id=144, action=action)["code"]

    assert code == (401 if after is None else 0)
    if after:
        assert api("get_campaign", campaign_id=144)["campaign"][0]["state"] == after


@pytest.mark.parametrize("action", ["pause", "stop"])
def test_a_finished_campaign_is_not_held(sandbox, api, action):
    sandbox.advance(LONG)

    answer = api("action_campaign", campaign_id=142, action=action)

    assert answer == {"code": 401, "message": f"Can't {action} campaign 142: it is finished"}


def test_a_finished_campaign_may_be_restarted_and_has_nothing_to_do(sandbox, api):
    sandbox.advance(LONG)

    assert api("action_campaign", campaign_id=142, action="restart") == {"code": 0}
    assert api("get_campaign", campaign_id=142)["campaign"][0]["state"] == "finished"


def test_a_retry_makes_a_finished_campaign_go_on(sandbox, api):
    sandbox.advance(LONG)
    who = api.first(142, "failed")

    act(api, "retry", participant_id=who)

    assert api("get_campaign", campaign_id=142)["campaign"][0]["state"] == "started"


def test_retry_sends_a_failed_message_again(sandbox, api):
    assert act(api, "retry", participant_id="195") == {"code": 0}
    assert sandbox.participant(195)["state"] == "pending_send"
    sandbox.advance(LONG)

    assert events(api, 167, 195) == ["build", "send", "por", "build", "send", "por"]
    assert sandbox.participant(195)["sends"] == 2


@pytest.mark.parametrize("state", ["finished", "waiting_por", "pending_send", "pending_build"])
def test_retry_of_anything_else_is_refused(sandbox, api, state):
    who = api.first(142, state)

    answer = act(api, "retry", participant_id=who)

    assert answer["code"] == 401
    assert f"participant {who}: it is {state}" in answer["message"]
    assert sandbox.participant(who)["state"] == state


@pytest.mark.parametrize("state", ["pending_build", "pending_send", "waiting_por", "failed"])
def test_cancel_ends_a_message_for_good_until_it_is_retried(sandbox, api, state):
    who = api.first(142, state)
    sends = sandbox.participant(who)["sends"]
    assert act(api, "cancel", participant_id=who) == {"code": 0}
    sandbox.advance(LONG)
    assert sandbox.participant(who)["state"] == "canceled"
    assert sandbox.participant(who)["sends"] == sends

    act(api, "retry", participant_id=who)
    assert sandbox.participant(who)["state"] == "pending_send"


def test_cancel_of_a_finished_message_is_refused(sandbox, api):
    who = api.first(142, "finished")

    assert act(api, "cancel", participant_id=who)["code"] == 401
    assert sandbox.participant(who)["state"] == "finished"


@pytest.mark.parametrize("state", ["pending_build", "pending_send"])
def test_hurry_sends_a_pending_message_now(sandbox, api, state):
    who = api.first(142, state)
    counter = sandbox.participant(who)["ota_counter"]

    assert act(api, "hurry", participant_id=who) == {"code": 0}

    assert sandbox.participant(who)["state"] == "waiting_por"
    assert sandbox.participant(who)["ota_counter"] == counter + 1


@pytest.mark.parametrize(
    ("campaign_id", "state"), [(142, "failed"), (142, "waiting_por"), (142, "finished"), (167, "canceled")]
)
def test_hurry_of_what_is_not_pending_is_refused(sandbox, api, campaign_id, state):
    who = api.first(campaign_id, state)

    assert act(api, "hurry", participant_id=who)["code"] == 401
    assert sandbox.participant(who)["state"] == state


def test_only_retry_build_moves_the_unallocated_and_only_once_their_subscriber_is_there(sandbox, api):
    def unallocated():
        return {who for who, state in api.states(176).items() if state == "unallocated"}

    def retry_build():
        items = api("query_participants", campaign_id=176, limit=100)["participants"]
        for item in items:
            if item["state"] == "unallocated":
                assert act(api, "retry_build", iccid=item["iccid"], campaign_id="176") == {"code": 0}

    at_first = unallocated()
    assert len(at_first) == 16
    sandbox.advance(500)
    assert unallocated() == at_first
    retry_build()
    waiting_for_subscribers = unallocated()
    assert set() < waiting_for_subscribers < at_first
    sandbox.advance(LONG)
    assert unallocated() == waiting_for_subscribers
    assert api("get_campaign", campaign_id=176)["campaign"][0]["state"] == "started"
    retry_build()
    assert unallocated() == set()
    sandbox.advance(LONG)
    assert api("get_campaign", campaign_id=176)["campaign"][0]["state"] == "finished"


@pytest.mark.parametrize("action", ["retry", "hurry", "rerun"])
def test_other_actions_leave_the_unallocated_alone(sandbox, api, action):
    who = api.first(176, "unallocated")

    how = {"imsi": sandbox.participant(who)["imsi"]} if action == "rerun" else {"participant_id": who}
    assert act(api, action, **how)["code"] == (0 if action == "rerun" else 401)  # it runs the SIM's other campaign
    assert sandbox.participant(who)["state"] == "unallocated"


def test_retry_build_is_for_the_unallocated_alone(api):
    assert act(api, "retry_build", imsi="001010000000011", campaign_id=167)["code"] == 401


def test_rerun_by_iccid_runs_every_campaign_of_the_sim_and_resets_its_counter(sandbox, api):
    one, other = sandbox.participant(161), sandbox.participant(185)
    assert one["iccid"] == other["iccid"]
    assert one["ota_counter"] == other["ota_counter"] == 3

    assert act(api, "rerun", iccid=one["iccid"]) == {"code": 0}

    for who in (161, 185):
        truth = sandbox.participant(who)
        assert (truth["state"], truth["ota_counter"], truth["sends"], truth["reruns"]) == ("pending_build", 1, 1, 1)
    sandbox.advance(LONG)
    assert sandbox.participant(161)["ota_counter"] == 3
    assert sandbox.participant(161)["sends"] == 2


def test_rerun_counts_each_time(sandbox, api):
    for _turn in range(3):
        act(api, "rerun", imsi="001010000000001")

    assert sandbox.participant(161)["reruns"] == 3


@pytest.mark.parametrize("how", [{"iccid": "8931010000000000014"}, {"imsi": "001010000000001"}])
def test_rerun_of_one_campaign_leaves_the_others(sandbox, api, how):
    how = how | {"iccid": sandbox.participant(161)["iccid"]} if "iccid" in how else how

    sandbox.set(strict_identification=False)
    assert act(api, "rerun", campaign_id=142, **how) == {"code": 0}

    assert sandbox.participant(161)["reruns"] == 1
    assert sandbox.participant(185)["reruns"] == 0
    assert sandbox.participant(185)["ota_counter"] == 1


def test_rerun_by_msisdn_leaves_the_campaigns_of_the_sim_the_number_was_on_before(sandbox, api):
    old = sandbox.participant(169)
    assert old["msisdn"] == "882990000009"

    assert act(api, "rerun", msisdn=old["msisdn"]) == {"code": 0}

    assert [sandbox.participant(who)["reruns"] for who in (169, 193, 367)] == [0, 0, 1]
    assert act(api, "rerun", imsi=old["imsi"]) == {"code": 0}
    assert [sandbox.participant(who)["reruns"] for who in (169, 193, 367)] == [1, 1, 1]


def test_rerun_by_msisdn_runs_the_campaigns_of_its_sim(sandbox, api):
    assert act(api, "rerun", msisdn="+882990000001") == {"code": 0}
    assert (sandbox.participant(161)["reruns"], sandbox.participant(185)["reruns"]) == (1, 1)


def test_identifiers_that_contradict_each_other_match_nothing(sandbox, api):
    sandbox.set(strict_identification=False)
    assert act(api, "rerun", msisdn="882990000009", campaign_id=142)["code"] == 404
    assert act(api, "retry", participant_id=195, imsi="001010000000001")["code"] == 404
    assert act(api, "retry", participant_id=195, imsi="001010000000011", campaign_id=167)["code"] == 0


def test_an_action_on_several_participants_skips_those_it_does_not_apply_to(sandbox, api):
    sim = next(
        item["imsi"]
        for item in api("query_participants", campaign_id=167, limit=24, state="failed")["participants"]
        if sandbox.participant(int(item["participant_id"]) - 24)["state"] != "failed"
    )

    assert act(api, "retry", imsi=sim) == {"code": 0}
    again = act(api, "retry", imsi=sim)
    assert again["code"] == 401


def test_every_send_raises_the_counter_in_the_order_of_the_sends(sandbox, api):
    act(api, "retry", participant_id=195)
    sandbox.advance(LONG)

    sends = [
        (event["time"], int(event["ota_counter"]))
        for campaign_id, who in ((142, 171), (167, 195))
        for event in api("trace", campaign_id=campaign_id, participant_id=who)["trace"]
        if event["event"] == "send"
    ]

    assert [counter for _time, counter in sorted(sends)] == [2, 3, 4]
    assert sandbox.participant(195)["ota_counter"] == sandbox.participant(171)["ota_counter"] == 4


def story(box, api):
    """What is seen of a series of requests at fixed simulated times."""
    seen = []
    for step in range(12):
        box.advance(17)
        failed = api("query_participants", campaign_id=142, state="failed", limit=100)["participants"]
        for item in failed[::2]:
            act(api, "retry", participant_id=item["participant_id"])
        if step == 4:
            act(api, "rerun", imsi="001010000000005")
            api("action_campaign", campaign_id=144, action="pause")
        seen.append([api.states(campaign_id) for campaign_id in (142, 144, 167)])
    seen.append(api("trace", campaign_id=142, imsi="001010000000005"))
    return seen


def test_the_same_seed_and_requests_give_the_same_end_and_another_seed_another(start_sandbox, connect):
    stories = [story(box, connect(box)) for box in (start_sandbox(seed=seed) for seed in (7, 7, 8))]

    assert stories[0] == stories[1]
    assert stories[0] != stories[2]


def test_the_seed_decides_how_a_participant_goes_on(start_sandbox, connect):
    traces = [
        connect(start_sandbox(seed=seed))("trace", campaign_id=142, participant_id=161)["trace"] for seed in (7, 7, 8)
    ]

    assert traces[0] == traces[1]
    assert [event["time"] for event in traces[0]] != [event["time"] for event in traces[2]]


def test_another_try_has_luck_of_its_own(sandbox, api):
    sizes = []
    for _turn in range(10):
        failed = [who for who, state in api.states(167).items() if state == "failed"]
        sizes.append(len(failed))
        for who in failed:
            act(api, "retry", participant_id=who)
        sandbox.advance(LONG)

    assert sizes[0] == 44
    assert 0 < sizes[1] < 22
    assert sizes[-1] == 0


def test_small_has_the_participants_that_the_specification_names(sandbox, api):
    assert sandbox.participant(161)["campaign_id"] == 142
    assert sandbox.participant(195)["state"] == "failed"
    assert Counter(api.states(167).values())["failed"] >= 40
    states = {item["campaign_id"]: item["state"] for item in api("get_campaign", limit=9)["campaigns"]}
    assert states == {"142": "started", "144": "started", "147": "paused", "167": "started", "176": "started"}


def test_messages_succeed_at_the_action_that_the_scenario_says(start_sandbox, connect):
    sims = {"count": 20, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Nights", "type": "RFM", "state": "started", "first_participant": 1}
    campaign |= {"initial": {"failed": 20}, "succeeds_at": [2, 3]}
    box = start_sandbox(scenario={"sims": [sims], "campaigns": [campaign]})
    api = connect(box)
    finished = []
    for _turn in range(3):
        for who, state in api.states(1).items():
            if state == "failed":
                act(api, "retry", participant_id=who)
        box.advance(LONG)
        finished.append(Counter(api.states(1).values())["finished"])
    assert finished[0] == 0 < finished[1] < finished[2] == 20


def test_a_late_rerun_begins_after_its_delay(sandbox, api):
    who = api.first(142, "finished")
    imsi = sandbox.participant(who)["imsi"]
    sandbox.set(rerun_delay=100)
    assert act(api, "rerun", imsi=imsi) == {"code": 0}
    assert act(api, "rerun", imsi="999999999999999")["code"] == 404
    sandbox.advance(99)
    assert api.states(142)[who] == "finished"
    assert sandbox.participant(who)["reruns"] == 0
    sandbox.advance(2)
    assert api.states(142)[who] == "pending_build"
    assert sandbox.participant(who)["reruns"] == 1
