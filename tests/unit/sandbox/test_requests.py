# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every request of the API, in every format that the specification lists."""

from __future__ import annotations

import itertools

import pytest

COUNTS = {"participants", "finished", "pending_build", "pending_send", "failed", "canceled"}


def test_query_campaigns_lists_all_in_the_documented_form(reader):
    answer = reader("query_campaigns")

    assert answer["code"] == 0
    assert [item["campaign"] for item in answer["campaigns"]][:2] == ["SMSC address 2026", "Applet 3.2 install"]
    assert all(set(item) == COUNTS | {"campaign", "type"} for item in answer["campaigns"])


def test_query_campaigns_gives_a_page(reader):
    every = reader("query_campaigns")["campaigns"]

    assert reader("query_campaigns", limit=2, offset=1)["campaigns"] == every[1:3]
    assert reader("query_campaigns", limit="2")["campaigns"] == every[:2]
    assert reader("query_campaigns", limit=5, offset=5)["campaigns"] == []


def test_query_campaigns_gives_one_as_a_list_under_another_key(reader):
    answer = reader("query_campaigns", campaign_id=147)

    assert set(answer) == {"code", "campaign"}
    assert answer["campaign"][0]["campaign"] == "Applet 3.1 removal"
    assert answer["campaign"][0]["participants"] == "30"


def test_query_campaigns_tells_id_and_state_where_it_is_asked_to(sandbox, api):
    sandbox.set(campaigns="full")

    (item,) = api("query_campaigns", campaign_id=147)["campaign"]

    assert (item["campaign_id"], item["state"]) == ("147", "paused")


@pytest.mark.parametrize("name", ["campaign_id", "id"])
def test_get_campaign_by_id(reader, name):
    (item,) = reader("get_campaign", **{name: "147"})["campaign"]

    assert set(item) == COUNTS | {"campaign_id", "campaign", "type", "state", "start_time"}
    assert (item["campaign_id"], item["state"]) == ("147", "paused")


def test_get_campaign_counts_and_pages(reader):
    assert reader("get_campaign") == {"code": 0, "count": "5"}
    ids = [item["campaign_id"] for item in reader("get_campaign", limit=2, offset=1)["campaigns"]]
    assert ids == ["144", "147"]


def test_get_campaign_by_name_state_and_msisdn(reader):
    assert reader("get_campaign", campaign="Applet 3.1 removal")["campaign"][0]["campaign_id"] == "147"
    assert reader("get_campaign", campaign="nobody's")["code"] == 404
    assert [item["campaign_id"] for item in reader("get_campaign", state="paused")["campaigns"]] == ["147"]


def test_get_campaign_by_msisdn_tells_the_participants_states(sandbox, api):
    by_number = api("get_campaign", msisdn="+882990000001")["campaigns"]
    assert [(item["campaign_id"], item["campaign"]) for item in by_number] == [
        ("142", "SMSC address 2026"),
        ("167", "Preferred networks spring"),
    ]
    for item in by_number:
        listed = api("query_participants", campaign_id=item["campaign_id"], limit=999, offset=0)["participants"]
        assert [each["state"] for each in listed if each["msisdn"] == "882990000001"] == [item["state"]]
    sandbox.set(participant_state="none")
    assert "state" not in api("get_campaign", msisdn="+882990000001")["campaigns"][0]
    sandbox.set(get_campaign_msisdn="bare", participant_state="status")
    bare = api("get_campaign", msisdn="+882990000001")["campaigns"]
    assert bare[1] == {"campaign_id": "167", "campaign": "Preferred networks spring", "status": "started"}
    sandbox.set(get_campaign_msisdn="campaigns")
    by_number = api("get_campaign", msisdn="+882990000001")["campaigns"]
    assert [(item["campaign_id"], item["state"]) for item in by_number] == [("142", "started"), ("167", "started")]


@pytest.mark.parametrize("second", ["id", "campaign", "state", "msisdn"])
def test_get_campaign_takes_one_key(reader, second):
    keys = {
        "campaign_id": 147,
        "id": 147,
        "campaign": "Applet 3.1 removal",
        "state": "paused",
        "msisdn": "882990000001",
    }
    for first in keys:
        assert reader("get_campaign", **{first: keys[first]}, limit=9, offset=0)["code"] == 0
        if first != second:
            answer = reader("get_campaign", **{first: keys[first], second: keys[second]})
            assert answer["code"] == 401
            assert first in answer["message"]
            assert second in answer["message"]


ICCID, IMSI, MSISDN = "8931010000000000113", "001010000000011", "882990000011"
PARTICIPANT, CAMPAIGN = {"participant_id": 195}, {"campaign_id": 167}
SIM_FORMS = [{"iccid": ICCID}, {"imsi": IMSI}]
BUILD_FORMS = [*SIM_FORMS, *(form | CAMPAIGN for form in SIM_FORMS)]
FORMS = {
    "retry": [PARTICIPANT, *BUILD_FORMS],
    "hurry": [PARTICIPANT, *BUILD_FORMS],
    "cancel": [PARTICIPANT, *BUILD_FORMS],
    "retry_build": BUILD_FORMS,
    "rerun": [*SIM_FORMS, {"msisdn": MSISDN}],
}


@pytest.mark.parametrize("action", FORMS)
def test_an_action_names_its_participant_or_sim_in_a_documented_form(sandbox, api, action):
    """All combinations of the five parameters: those documented are not refused for their form, the others are."""
    every = {"participant_id": 195, "campaign_id": 167, "iccid": ICCID, "imsi": IMSI, "msisdn": MSISDN}
    for size in range(len(every) + 1):
        for names in itertools.combinations(every, size):
            form = {name: every[name] for name in names}
            answer = api("action_participant", action=action, **form)
            refused = " parameter" in answer.get("message", "")
            assert refused is (form not in FORMS[action]), answer
            assert answer["code"] in ((401, 402) if refused else (0, 401))
    assert api("action_participant", action=action, imsi=IMSI, msisdn="", participant_id="")["code"] in (0, 401)
    sandbox.set(strict_identification=False)
    assert api("action_participant", action="retry", **every)["code"] in (0, 401)


def test_a_server_without_get_campaign_does_not_know_it(sandbox, api):
    sandbox.set(get_campaign=False)

    assert api("get_campaign") == {"code": 401, "message": "Unknown request 'get_campaign'"}


def test_query_participants_with_the_campaign_alone_counts(reader):
    assert reader("query_participants", campaign_id="176") == {"code": 0, "count": "40"}


def test_query_participants_with_a_state_and_no_limit_counts_that_state(reader):
    assert reader("query_participants", campaign_id=167, state="failed") == {"code": 0, "count": "44"}


def test_query_participants_gives_pages_that_join_without_a_gap(reader):
    every = reader("query_participants", campaign_id=167, limit=1000)["participants"]
    pages = [reader("query_participants", campaign_id=167, limit=7, offset=7 * n)["participants"] for n in range(13)]

    assert [int(item["participant_id"]) for item in every] == list(range(185, 265))
    assert [item for page in pages for item in page] == every
    assert reader("query_participants", campaign_id=167, offset=78)["participants"] == every[78:]
    assert set(every[0]) == {"participant_id", "campaign_id", "imsi", "iccid", "msisdn", "state"}


@pytest.mark.parametrize("state", ["pending_build", "pending_send", "failed", "finished"])
@pytest.mark.parametrize("campaign_id", [142, 144, 147, 167, 176])
def test_query_participants_filters_the_four_states_page_by_page(reader, campaign_id, state):
    wanted = [who for who, its in reader.states(campaign_id).items() if its == state]
    pages = [
        reader("query_participants", campaign_id=campaign_id, state=state, limit=3, offset=offset)["participants"]
        for offset in range(0, len(wanted) + 3, 3)
    ]

    assert [int(item["participant_id"]) for page in pages for item in page] == wanted
    assert {item["state"] for page in pages for item in page} <= {state}


@pytest.mark.parametrize("state", ["waiting_por", "unallocated", "canceled", "nonsense"])
def test_query_participants_filters_no_other_state(reader, state):
    answer = reader("query_participants", campaign_id=167, limit=1, state=state)

    assert answer == {"code": 401, "message": f"Invalid value '{state}' for parameter 'state'"}


@pytest.mark.parametrize("name", ["limit", "offset"])
@pytest.mark.parametrize("value", [-1, "-1", "ten", 1.5, True, [1], "1" * 30])
def test_a_page_has_to_be_of_numbers_from_0_on(reader, name, value):
    for request in ("query_participants", "query_campaigns"):
        params = {"limit": 1, name: value} | ({"campaign_id": 167} if request == "query_participants" else {})

        assert reader(request, **params) == {"code": 401, "message": f"Invalid value '{value}' for parameter '{name}'"}


def test_a_participants_state_can_go_by_the_name_of_status(sandbox, api):
    sandbox.set(participant_state="status")

    (item,) = api("query_participants", campaign_id=167, limit=1, offset=10)["participants"]

    assert item["status"] == "failed"
    assert "state" not in item


@pytest.mark.parametrize("ids", ["string", "number"])
def test_a_list_can_tell_no_states(sandbox, api, ids):
    sandbox.set(participant_state="none", ids=ids)

    (item,) = api("query_participants", campaign_id=167, state="failed", limit=1, offset=10)["participants"]

    assert set(item) == {"participant_id", "campaign_id", "imsi", "iccid", "msisdn"}


def test_ids_can_be_numbers_while_identifiers_stay_strings(sandbox, api):
    sandbox.set(ids="number")

    (item,) = api("query_participants", campaign_id=167, limit=1, offset=10)["participants"]

    assert (item["participant_id"], item["campaign_id"]) == (195, 167)
    assert item["imsi"] == "001010000000011"
    assert api("query_participants", campaign_id=176)["count"] == 40
    assert api("query_campaigns", campaign_id=176)["campaign"][0]["participants"] == 40


@pytest.mark.parametrize(
    "identifier", [{"participant_id": "161"}, {"msisdn": 882990000001}, {"imsi": "001010000000001"}]
)
def test_trace_tells_what_happened_to_a_participant(reader, identifier):
    answer = reader("trace", campaign_id="142", **identifier)

    assert answer["code"] == 0
    assert [(event["event"], event["state"]) for event in answer["trace"]] == [
        ("build", "pending_send"),
        ("send", "waiting_por"),
    ]
    assert {event["participant_id"] for event in answer["trace"]} == {"161"}
    assert answer["trace"][0]["time"] < answer["trace"][1]["time"] < "2026-05-04 08:00:00"


def test_trace_of_a_participant_of_another_campaign_is_not_found(reader):
    assert reader("trace", campaign_id=144, participant_id=161)["code"] == 404


def test_query_stats_tells_of_the_engine_its_uptime_and_the_component(reader):
    stats = reader("query_stats")["stats"]

    assert {"version", "revision", "nodename", "plugins", "threads", "congestion", "node_version"} <= set(
        stats["engine"]
    )
    assert set(stats["uptime"]) == {"wall", "user", "kernel"}
    assert stats["ota"]["campaigns"] == "5"
    assert stats["ota"]["participants"] == "210"


def test_get_node_status_says_that_it_works(reader):
    answer = reader("get_node_status")

    assert answer["status"]["operational"] is True
    assert set(answer["status"]) == {"operational", "level", "state", "service"}
    assert answer["version"]


def test_the_general_requests_answer(reader):
    assert reader("get_api_version")["code"] == 0
    assert reader("get_node_type") == {"code": 0, "node_type": "ota"}


@pytest.mark.parametrize(
    ("request_name", "params", "missing"),
    [
        ("action_campaign", {"action": "stop"}, "'campaign_id'"),
        ("action_campaign", {"campaign_id": 144}, "'action'"),
        ("query_participants", {}, "'campaign_id'"),
        ("query_participants", {"campaign_id": ""}, "'campaign_id'"),
        ("action_participant", {"participant_id": 195}, "'action'"),
        ("action_participant", {"action": "retry"}, ": one of 'participant_id', 'iccid', 'imsi', 'msisdn'"),
        ("action_participant", {"action": "retry", "campaign_id": 1, "imsi": ""}, ": one of 'participant_id'"),
        ("trace", {"participant_id": 161}, "'campaign_id'"),
        ("trace", {"campaign_id": 142}, ": one of 'participant_id', 'msisdn', 'imsi'"),
        ("trace", {"campaign_id": 142, "iccid": "1"}, ": one of 'participant_id', 'msisdn', 'imsi'"),
    ],
)
def test_a_missing_parameter_is_402_and_named(reader, request_name, params, missing):
    answer = reader(request_name, **params)

    assert answer["code"] == 402
    assert missing in answer["message"]


@pytest.mark.parametrize(
    ("request_name", "params"),
    [
        ("query_campaigns", {"campaign_id": 999}),
        ("get_campaign", {"id": 999}),
        ("action_campaign", {"campaign_id": 999, "action": "stop"}),
        ("query_participants", {"campaign_id": "999"}),
        ("trace", {"campaign_id": 999, "participant_id": 161}),
        ("action_participant", {"action": "retry", "participant_id": 999999}),
        ("action_participant", {"action": "retry", "imsi": "001010000000011", "campaign_id": 144}),
        ("action_participant", {"action": "retry", "imsi": "1010000000011"}),
    ],
)
def test_what_is_not_there_is_404(reader, request_name, params):
    assert reader(request_name, **params)["code"] == 404


@pytest.mark.parametrize(
    ("request_name", "params"),
    [
        ("drop_campaigns", {}),
        ("action_campaign", {"campaign_id": 144, "action": "drop"}),
        ("action_campaign", {"campaign_id": "x", "action": "stop"}),
        ("action_participant", {"participant_id": 195, "action": "drop"}),
        ("action_participant", {"imsi": "00101x", "action": "retry"}),
        ("action_participant", {"imsi": {}, "iccid": ["1"], "action": "retry"}),
        ("action_participant", {"participant_id": 195, "action": ["retry"]}),
    ],
)
def test_an_unknown_request_or_value_is_401(sandbox, api, request_name, params):
    assert api(request_name, **params)["code"] == 401
    assert [entry["carried_out"] for entry in sandbox.journal()] == [False]


def test_an_unknown_node_is_401(reader):
    assert reader.post("query_stats", node="hss").json() == {"code": 401, "message": "Unknown node 'hss'"}


@pytest.mark.parametrize(
    ("content", "code"),
    [({"node": "ota"}, 402), ({"request": "query_stats"}, 402), ({}, 402), ({"request": 7, "node": "ota"}, 401)],
)
def test_a_request_has_a_name_and_a_node(reader, content, code):
    assert reader.session.post(reader.url, json=content, timeout=20).json()["code"] == code


@pytest.mark.parametrize("params", [None, [], {}])
def test_params_may_be_left_out(reader, params):
    content = {"request": "get_campaign", "node": "ota", "params": params}

    assert reader.session.post(reader.url, json=content, timeout=20).json() == {"code": 0, "count": "5"}


def test_params_have_to_be_an_object(reader):
    content = {"request": "get_campaign", "node": "ota", "params": [1]}

    assert reader.session.post(reader.url, json=content, timeout=20).json()["code"] == 401
