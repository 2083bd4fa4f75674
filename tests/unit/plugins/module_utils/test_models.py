# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the API answers, in all the spellings that servers have for it."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import models
from ansible_collections.simops.yateota.plugins.module_utils._api.models import (
    Campaign,
    NodeStatus,
    Participant,
    read,
    read_all,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import BadAnswerError
from ansible_collections.simops.yateota.plugins.module_utils._core.states import (
    COUNTED_STATES,
    END_STATES,
    FILTER_STATES,
)
from hypothesis import given
from hypothesis import strategies as st

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = ("participant_id", "campaign_id", "campaign", "name", "imsi", "iccid", "state", "status", "failed", "type")


@given(st.dictionaries(st.sampled_from(FIELDS) | st.text(max_size=8), JSON, max_size=8))
def test_anything_is_read_or_refused_in_a_sentence_and_nothing_is_lost(item: dict[str, Any]) -> None:
    known = {"participant_id", "campaign_id", "imsi", "iccid", "msisdn", "state", "status"}
    for model in (Participant, Campaign, NodeStatus):
        with contextlib.suppress(BadAnswerError):
            found = read(model, item, "x").result()
            if model is Participant:
                assert {key: value for key, value in item.items() if key not in known}.items() <= found["extra"].items()


@pytest.mark.parametrize("number", [161, "161", 161.0, "161.0"])
def test_a_participant_with_ids_as_they_come(number: Any) -> None:
    participant = read(Participant, {"participant_id": number, "campaign_id": number, "imsi": "001", "new": [1]}, "x")
    assert participant.result() == {
        "participant_id": 161,
        "campaign_id": 161,
        "imsi": "001",
        "iccid": None,
        "msisdn": None,
        "state": None,
        "extra": {"new": [1]},
    }


@given(
    JSON | st.from_regex("[ +-]?[0-9]{0,20}(\\.0)?", fullmatch=True) | st.from_regex("[a-zA-Z_ ]{0,5}", fullmatch=True)
)
def test_what_pydantic_sees_by_itself_is_what_the_functions_for_odd_values_make_of_it(value: Any) -> None:
    odd = {"participant_id": models._id, "imsi": models._text, "state": models._state}
    for field, function in odd.items():
        made = function(value)
        if made is None or type(made) is (int if field == "participant_id" else str):
            assert read(Participant, {field: value}, "x").result()[field] == made
        else:
            with pytest.raises(BadAnswerError, match=f"{field} is "):
                read(Participant, {field: value}, "x")


def test_the_first_bad_item_of_a_page_is_named() -> None:
    with pytest.raises(
        BadAnswerError, match=r"^The answer to q cannot be read: campaign_id is \[7\], which is not valid"
    ):
        read_all(Participant, [{"campaign_id": 1}, {"campaign_id": [7]}, {"imsi": {}}], "q")


def test_identifiers_are_text_and_blank_ones_none() -> None:
    participant = read(Participant, {"imsi": 901700000000001, "iccid": "", "msisdn": "0044", "participant_id": ""}, "x")
    assert (participant.imsi, participant.iccid, participant.msisdn) == ("901700000000001", None, "0044")
    assert participant.participant_id is None


@pytest.mark.parametrize("key", ["state", "status"])
@pytest.mark.parametrize(
    ("value", "state"),
    [("Failed ", "failed"), ("", None), (" ", None), (None, None), (3, "3"), ("new_state", "new_state")],
)
@pytest.mark.parametrize("model", [Participant, Campaign])
def test_states(model: type[Any], key: str, value: Any, state: str | None) -> None:
    assert read(model, {key: value}, "x").state == state


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (5, 5),
        ("5", 5),
        (" 5 ", 5),
        (True, True),
        (False, False),
        ("true", True),
        ("False", False),
        ("", None),
        (None, None),
        (0, 0),
        ("0", 0),
    ],
)
def test_counts(value: Any, count: Any) -> None:
    found = read(Campaign, dict.fromkeys(COUNTED_STATES, value), "x").result()
    assert [(found[name], type(found[name])) for name in COUNTED_STATES] == [(count, type(count))] * len(COUNTED_STATES)


@pytest.mark.parametrize(
    ("counts", "progress"),
    [
        ({"participants": "40", "finished": "20", "failed": "5", "canceled": "0"}, 62.5),
        ({"participants": 3, "finished": 1, "failed": 0, "canceled": 0}, 33.3),
        ({"participants": 2, "finished": 1, "failed": 1, "canceled": 0}, 100.0),
        ({"participants": 0, "finished": 0, "failed": 0, "canceled": 0}, None),
        ({"participants": 3, "finished": True, "failed": 0, "canceled": 0}, None),
        ({"participants": 3, "finished": 1, "failed": 0}, None),
        ({"finished": 1, "failed": 0, "canceled": 0}, None),
    ],
)
def test_progress(counts: dict[str, Any], progress: float | None) -> None:
    assert read(Campaign, counts, "x").progress() == progress


def test_a_campaign_keeps_what_it_does_not_know() -> None:
    campaign = read(Campaign, {"campaign": 2026, "type": "RFM", "campaign_id": "144", "start_time": "now"}, "x")
    assert campaign.result()["name"] == "2026"
    assert campaign.result()["campaign_id"] == 144
    assert campaign.result()["extra"] == {"start_time": "now"}


@pytest.mark.parametrize(("value", "operational"), [(1, True), ("0", False), (True, True), ("true", True)])
def test_node_status(value: Any, operational: bool) -> None:
    status = read(NodeStatus, {"operational": value, "level": 3, "state": "up", "since": 9}, "x").result()
    assert status == {"operational": operational, "level": 3, "state": "up", "service": None, "since": 9}


@pytest.mark.parametrize(
    ("model", "item", "words"),
    [
        (Participant, {"participant_id": "many"}, "participant_id is 'many'"),
        (Participant, {"imsi": ["1"]}, "imsi is ['1']"),
        (Campaign, {"failed": 1.5}, "failed is 1.5"),
        (Campaign, {"participants": "x" * 500}, "participants is 'xxx"),
        (NodeStatus, ["up"], "an item is ['up']"),
    ],
)
def test_what_cannot_be_is_named_and_cut(model: type[Any], item: Any, words: str) -> None:
    with pytest.raises(BadAnswerError) as error:
        read(model, item, "get_it")
    assert str(error.value).startswith(f"The answer to get_it cannot be read: {words}")
    assert str(error.value).endswith(", which is not valid. Check that this server speaks the YateOTA API.")
    assert len(str(error.value)) < 250
    assert error.value.request == "get_it"


def test_end_states_are_no_others() -> None:
    assert set(END_STATES) <= set(COUNTED_STATES)
    assert set(FILTER_STATES) <= set(COUNTED_STATES)
