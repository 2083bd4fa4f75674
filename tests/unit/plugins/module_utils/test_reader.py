# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reading campaigns and participants from servers that tell much, little, or what does not add up."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api.client import items
from ansible_collections.simops.yateota.plugins.module_utils._api.reader import Reader
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    BadAnswerError,
    InvalidInputError,
    TransportError,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.states import FILTER_STATES
from ansible_collections.simops.yateota.plugins.modules import yateota_campaign, yateota_campaign_info
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox, http

from yateota_sandbox import Sandbox
from yateota_sandbox.scenario import load_scenario

ReadFrom = Callable[["Sandbox | str"], tuple[Reader, list[str]]]
NAMES = {
    142: "SMSC address 2026",
    144: "Applet 3.2 install",
    147: "Applet 3.1 removal",
    167: "Preferred networks spring",
    176: "Roaming list by range",
}
# Servers that tell ids and states, in one way or the other.
TELLING = [{"campaigns": "full", "get_campaign": False}, {"campaigns": "bare"}, {"campaigns": "bare", "ids": "number"}]
SILENT = {"campaigns": "bare", "get_campaign": False}


def requests_to(box: Sandbox) -> list[str]:
    return [entry["request"] for entry in box.journal()]


@pytest.mark.parametrize("options", TELLING)
def test_one_campaign(read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    reader, warnings = read_from(start_sandbox(**options))
    campaign = reader.campaign(147)
    assert (campaign.campaign_id, campaign.name, campaign.state) == (147, NAMES[147], "paused")
    assert campaign.result()["participants"] == 30
    assert campaign.result()["pending_send"] == 8
    assert campaign.result()["progress"] == 40.0
    assert warnings == []


def test_one_campaign_of_a_server_that_tells_no_states(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    reader, warnings = read_from(start_sandbox(**SILENT))
    campaign = reader.campaign(147)
    assert (campaign.campaign_id, campaign.name, campaign.state) == (147, NAMES[147], None)
    assert len(warnings) == 1
    assert "the state is not known" in warnings[0]


def test_get_campaign_is_asked_only_where_it_is_needed(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(campaigns="full")
    reader, _warnings = read_from(box)
    reader.campaign(147)
    assert len(list(reader.campaigns())) == 5
    assert set(requests_to(box)) == {"query_campaigns"}


def test_a_campaign_that_is_not_there(read_from: ReadFrom, sandbox: Sandbox, parrot: Any) -> None:
    with pytest.raises(ApiError, match="query_campaigns for campaign 9: the server said 'Campaign 9 not found'"):
        read_from(sandbox)[0].campaign(9)
    parrot.answers = [http('{"code": 0, "campaign": []}')]
    with pytest.raises(InvalidInputError, match="campaign_id 9 is not on this server: check the id, the server and"):
        read_from(parrot.api_url)[0].campaign(9)


def test_another_campaign_is_not_taken_for_the_one_asked_for(read_from: ReadFrom, parrot: Any) -> None:
    rows = [{"campaign_id": "1", "state": "paused"}, {"campaign_id": "144", "state": "started"}]
    parrot.answers = [http(json.dumps({"code": 0, "campaign": rows}))]
    assert read_from(parrot.api_url)[0].campaign(144).state == "started"
    with pytest.raises(InvalidInputError, match="campaign_id 7 is not on this server"):
        read_from(parrot.api_url)[0].campaign(7)


def test_only_an_unknown_request_is_put_up_with(read_from: ReadFrom, sandbox: Sandbox) -> None:
    for read in (lambda reader: reader.campaign(147), lambda reader: list(reader.campaigns())):
        sandbox.fault(request="get_campaign", kind="code", code=403, message="Not for you")
        with pytest.raises(ApiError, match=r"get_campaign.*: the server said 'Not for you'"):
            read(read_from(sandbox)[0])


def test_blank_fields_do_not_hide_what_get_campaign_tells(read_from: ReadFrom, parrot: Any) -> None:
    blank = {"campaign": "One", "campaign_id": "", "state": None, "participants": "7"}
    detail = {"campaign": "One", "campaign_id": "5", "state": "Paused", "participants": "6"}
    parrot.answers = [
        http(json.dumps({"code": 0, "campaign": [blank]})),
        http(json.dumps({"code": 0, "campaign": detail})),
    ]
    campaign = read_from(parrot.api_url)[0].campaign(5)
    assert (campaign.campaign_id, campaign.state, campaign.participants) == (5, "paused", 7)


@pytest.mark.parametrize("options", TELLING)
def test_all_campaigns(read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    box = start_sandbox(**options)
    reader, warnings = read_from(box)
    campaigns = list(reader.campaigns(page_size=2))
    assert {campaign.campaign_id: campaign.name for campaign in campaigns} == NAMES
    assert {campaign.campaign_id for campaign in campaigns if campaign.state == "paused"} == {147}
    assert all(campaign.finished is not None for campaign in campaigns)
    assert warnings == []


@pytest.mark.parametrize("options", TELLING)
def test_a_part_of_the_campaigns(read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    reader, _warnings = read_from(start_sandbox(**options))
    every = [campaign.campaign_id for campaign in reader.campaigns()]
    assert [campaign.campaign_id for campaign in reader.campaigns(2, 1)] == every[1:3]
    assert [campaign.campaign_id for campaign in reader.campaigns(99, 4)] == every[4:]


def test_all_campaigns_of_a_server_that_tells_no_ids(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    reader, warnings = read_from(start_sandbox(**SILENT))
    campaigns = list(reader.campaigns())
    assert {campaign.name for campaign in campaigns} == set(NAMES.values())
    assert {campaign.campaign_id for campaign in campaigns} == {None}
    assert len(warnings) == 1
    assert "returns no ids or states" in warnings[0]


@pytest.mark.parametrize("options", TELLING)
def test_a_name_is_resolved(read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    reader, _warnings = read_from(start_sandbox(**options))
    assert {name: reader.campaign_id(name) for name in NAMES.values()} == {name: key for key, name in NAMES.items()}


def test_a_name_of_none_lists_what_is_there(read_from: ReadFrom, sandbox: Sandbox) -> None:
    with pytest.raises(InvalidInputError) as error:
        read_from(sandbox)[0].campaign_id("Roaming")
    assert str(error.value).startswith("name 'Roaming' is not the name of a campaign. There are: ")
    for campaign_id, name in NAMES.items():
        assert f"'{name}' (campaign_id {campaign_id})" in str(error.value)


def scenario_with(names: list[str]) -> dict[str, Any]:
    """The small scenario, its campaigns of these names: the first with one failed participant, the next with two..."""
    small = load_scenario("small").model_dump()
    template = small["campaigns"][0] | {"participants": {}}
    small["campaigns"] = [
        template
        | {"campaign_id": number, "name": name, "first_participant": 100 * number, "initial": {"failed": number}}
        for number, name in enumerate(names, start=1)
    ]
    return small


def test_a_name_of_several_lists_their_ids(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario_with(["Spring", "Autumn", "Spring"]))
    reader, _warnings = read_from(box)
    with pytest.raises(InvalidInputError, match=r"name 'Spring' belongs to 2 campaigns \(1, 3\): give campaign_id"):
        reader.campaign_id("Spring")
    assert reader.campaign_id("Autumn") == 2


def test_campaigns_of_one_name_keep_their_own_counts(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    """Where the name does not tell which is which, nothing of query_campaigns is mixed in."""
    reader, _warnings = read_from(start_sandbox(scenario=scenario_with(["Spring", "Autumn", "Spring"])))
    assert [(each.campaign_id, each.failed, each.participants) for each in reader.campaigns()] == [
        (1, 1, 1),
        (2, 2, 2),
        (3, 3, 3),
    ]


def test_a_long_list_of_names_is_cut(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(scenario=scenario_with([f"Campaign {n}" for n in range(50)]))
    with pytest.raises(InvalidInputError, match=r"'Campaign 19' \(campaign_id 20\), and 30 more\.$"):
        read_from(box)[0].campaign_id("x")


def test_a_name_on_a_server_that_tells_no_ids(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    with pytest.raises(InvalidInputError, match=r"this server returns no campaign ids\. Give campaign_id instead"):
        read_from(start_sandbox(**SILENT))[0].campaign_id(NAMES[144])


def test_a_name_on_a_server_without_campaigns(read_from: ReadFrom, parrot: Any) -> None:
    parrot.answers = [http('{"code": 0, "campaigns": []}')]
    with pytest.raises(InvalidInputError, match=r"There are: none\."):
        read_from(parrot.api_url)[0].campaign_id("x")


@pytest.mark.parametrize("page_size", [2, 7, 79, 80, 81, 1000])
def test_all_participants(read_from: ReadFrom, sandbox: Sandbox, page_size: int) -> None:
    reader, warnings = read_from(sandbox)
    found = [each.participant_id for page in reader.participants(167, page_size=page_size) for each in page]
    assert found == list(range(185, 265))
    assert warnings == []
    assert len(sandbox.journal()) <= 1 + 80 / (page_size - 1) + 2


@pytest.mark.parametrize("state", FILTER_STATES)
@pytest.mark.parametrize("key", ["state", "status"])
def test_participants_in_one_state(read_from: ReadFrom, start_sandbox: StartSandbox, state: str, key: str) -> None:
    reader, warnings = read_from(start_sandbox(participant_state=key))
    everyone = [each for page in reader.participants(144) for each in page]
    some = [each for page in reader.participants(144, state, page_size=3) for each in page]
    assert some == [each for each in everyone if each.state == state]
    assert some
    assert warnings == []


def test_a_list_that_tells_no_states(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    box = start_sandbox(participant_state="none")
    reader, warnings = read_from(box)
    failed = [each for page in reader.participants(167, "failed", page_size=30) for each in page]
    assert {(each.state, box.participant(each.participant_id)["state"]) for each in failed} == {("failed", "failed")}
    assert {each.state for each in reader.participants_page(167, "finished", 2, 0)} == {"finished"}
    assert warnings == []
    assert {each.state for page in reader.participants(167) for each in page} == {None}
    assert len(warnings) == 1
    assert "the server's list shows no state for 80 participants" in warnings[0]


def test_participants_that_move_while_they_are_read(read_from: ReadFrom, start_sandbox: StartSandbox) -> None:
    """Those that are pending leave the list one after the other; the ones that stay to the end are all read."""
    box = start_sandbox()
    reader, _warnings = read_from(box)
    found: list[int | None] = []
    for page in reader.participants(144, "pending_build", page_size=3):
        found += [each.participant_id for each in page]
        box.advance(8)
    remaining = {each.participant_id for page in reader.participants(144, "pending_build") for each in page}
    assert len(found) == len(set(found))
    assert remaining <= set(found)
    assert 0 < len(remaining) < len(found)


def test_one_page_of_participants(read_from: ReadFrom, sandbox: Sandbox) -> None:
    page = read_from(sandbox)[0].participants_page(167, None, 3, 10)
    assert [each.participant_id for each in page] == [195, 196, 197]
    assert [entry["params"] for entry in sandbox.journal()] == [{"campaign_id": 167, "limit": 3, "offset": 10}]


@pytest.mark.parametrize(
    ("count", "number"), [("7", 7), (7, 7), ("", None), (None, None), ("-1", None), ("many", None)]
)
def test_the_number_of_participants(read_from: ReadFrom, parrot: Any, count: Any, number: int | None) -> None:
    parrot.answers = [http(json.dumps({"code": 0, "count": count}))]
    assert read_from(parrot.api_url)[0].participant_count(1) == number


def test_a_count_that_the_list_does_not_keep(read_from: ReadFrom, parrot: Any) -> None:
    parrot.answers = [
        http('{"code": 0, "count": "3"}'),
        http(json.dumps({"code": 0, "participants": [{"participant_id": each, "state": "failed"} for each in (1, 2)]})),
        http('{"code": 0, "participants": [{"participant_id": 2, "state": "failed"}]}'),
    ]
    reader, warnings = read_from(parrot.api_url)
    (page,) = list(reader.participants(5))
    assert [(each.participant_id, each.campaign_id) for each in page] == [(1, 5), (2, 5)]
    assert warnings == ["Campaign 5: the server counts 3 participants, its list held 2 different ones."]


def test_a_failure_between_two_pages(read_from: ReadFrom, sandbox: Sandbox) -> None:
    reader, _warnings = read_from(sandbox)
    sandbox.fault(request="query_participants", nth=4, kind="http_500")
    reading = reader.participants(167, page_size=20)
    assert len(next(reading)) == 20
    assert len(next(reading)) == 19
    with pytest.raises(TransportError, match=r"query_participants for campaign 167: .*HTTP 500"):
        next(reading)


def test_the_counts_of_the_states(read_from: ReadFrom, sandbox: Sandbox, parrot: Any) -> None:
    counts = {"finished": 30, "pending_build": 0, "pending_send": 2, "failed": 44, "canceled": 1}
    assert read_from(sandbox)[0].state_counts(167) == counts
    for item in (counts | {"failed": True}, {"finished": 3}):
        parrot.answers = [http(json.dumps({"code": 0, "campaign": [item]}))]
        assert read_from(parrot.api_url)[0].state_counts(5) is None


@pytest.mark.parametrize("options", [{}, {"participant_state": "status", "ids": "number"}])
def test_the_states_of_a_number(read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]) -> None:
    box = start_sandbox(**options)
    reader, _warnings = read_from(box)
    listed = {
        campaign_id: each.state
        for campaign_id in (142, 167)
        for page in reader.participants(campaign_id)
        for each in page
        if each.msisdn == "882990000001"
    }
    box.clear_journal()
    assert listed == {142: "waiting_por", 167: "finished"}  # the second may be the campaign's
    assert reader.states_of_number("882990000001") == {142: "waiting_por"}
    assert requests_to(box) == ["get_campaign"]


@pytest.mark.parametrize(
    "options",
    [
        {"get_campaign": False},
        {"get_campaign_msisdn": "campaigns"},
        {"participant_state": "none"},
    ],
    ids=str,
)
def test_a_server_that_does_not_tell_the_states_of_a_number(
    read_from: ReadFrom, start_sandbox: StartSandbox, options: dict[str, Any]
) -> None:
    assert read_from(start_sandbox(**options))[0].states_of_number("882990000001") is None


def test_states_that_may_be_those_of_the_campaigns_are_not_taken(
    read_from: ReadFrom, start_sandbox: StartSandbox
) -> None:
    assert read_from(start_sandbox(get_campaign_msisdn="bare"))[0].states_of_number("882990000001") == {}


@pytest.mark.parametrize(
    ("answer", "states"),
    [
        ({"code": 0, "campaigns": []}, {}),
        ({"code": 0, "campaigns": [{"campaign_id": 1, "state": "failed"}] * 2}, {1: "failed"}),
        ({"code": 0, "campaigns": [{"campaign_id": 1, "state": s} for s in ("failed", "pending_send")]}, {}),
        *(({"code": 0, "campaigns": [{"campaign_id": 1, "state": s}]}, {}) for s in ("started", "finished", "new")),
        ({"code": 0, "campaigns": [{"campaign_id": 1, "state": "failed", "status": "started"}]}, None),
        ({"code": 0, "campaigns": [{"campaign_id": 1, "state": "failed", "start_time": 5}]}, None),
        ({"code": 0, "campaigns": [{"state": "finished"}]}, None),
        ({"code": 0, "count": 2}, None),
        ({"code": 404, "message": "not found"}, None),
    ],
    ids=str,
)
def test_what_is_taken_for_the_states_of_a_number(
    read_from: ReadFrom, parrot: Any, answer: dict[str, Any], states: dict[int, str] | None
) -> None:
    parrot.answers = [http(json.dumps(answer))]
    assert read_from(parrot.api_url)[0].states_of_number("882990000001") == states


def test_a_failure_to_tell_the_states_of_a_number(read_from: ReadFrom, parrot: Any) -> None:
    parrot.answers = [http('{"code": 500, "message": "broken"}')]
    with pytest.raises(ApiError, match="broken"):
        read_from(parrot.api_url)[0].states_of_number("882990000001")


@pytest.mark.parametrize("page_size", [2, 7, 1000])
def test_lists_that_are_written_as_objects(
    read_from: ReadFrom, start_sandbox: StartSandbox, run_task: RunTask, page_size: int
) -> None:
    """PHP writes an array with gaps so; {} is none at all, and no item."""
    box = start_sandbox(lists="object", campaigns="full")
    reader, warnings = read_from(box)
    found = [each.participant_id for page in reader.participants(167, page_size=page_size) for each in page]
    assert found == list(range(185, 265))
    assert [each.campaign_id for each in reader.campaigns()] == [142, 144, 147, 167, 176]
    assert reader.campaign(167).campaign_id == 167
    assert reader.participants_page(167, None, 10, 1000) == []
    assert not warnings


def test_a_campaign_that_is_nothing_is_not_there_and_is_not_stopped(
    start_sandbox: StartSandbox, run_task: RunTask
) -> None:
    box = start_sandbox(lists="object")
    for module, more in ((yateota_campaign, {"state": "stopped"}), (yateota_campaign_info, {})):
        result = run_task(module, box, campaign_id=999, **more)
        assert "campaign_id 999 is not on this server" in result["msg"]
    assert box.writes() == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ({"participants": {}}, []),
        ({"campaign": {}}, []),
        ({"campaigns": []}, []),
        ({"participants": {"10": {"imsi": "2"}, "9": {"imsi": "1"}}}, [{"imsi": "1"}, {"imsi": "2"}]),
        ({"campaign": {"campaign": "x", "type": "RFM"}}, [{"campaign": "x", "type": "RFM"}]),
        ({"campaign": {"shade": "red"}}, None),
        ({"participants": {"participant_id": 1}}, None),
        ({"campaigns": {"campaign": "x"}}, None),
        ({"participants": [{}]}, None),
        ({"campaign": [{}]}, None),
        ({"participants": {"0": {"imsi": "1"}, "more": True}}, None),
        ({"participants": {"0": "x"}}, None),
    ],
    ids=str,
)
def test_what_is_a_list_of_items(answer: dict[str, Any], expected: list[Any] | None) -> None:
    if expected is None:
        with pytest.raises(BadAnswerError, match="is not a list of objects"):
            items(answer, "query_campaigns")
    else:
        assert items(answer, "query_campaigns") == expected
