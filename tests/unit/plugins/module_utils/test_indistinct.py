# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Entries that are, or may be, one SIM: both engines send one request, or refuse them before any is sent."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._core.identifiers import canonical, luhn_fits
from ansible_collections.simops.yateota.plugins.module_utils._core.indistinct import (
    Sort,
    first_indistinct,
    without_check_digit,
)
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import canonical_column
from ansible_collections.simops.yateota.plugins.modules import yateota_bulk, yateota_participant
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox, http

from yateota_sandbox import Sandbox

ON_A_FILE = pytest.mark.parametrize("ledger", ["sqlite"], indirect=True)
"""For what does not depend on the database."""

pytestmark = pytest.mark.any_database

OLD, NEW = 10, 20
"""Participants of campaign 1 and 2. The number of the first belongs to the SIM of the second now."""

_CAMPAIGN = {"type": "RFM", "state": "paused", "initial": {"finished": 1}}
MOVED_NUMBER = {
    "sims": [{"count": 2, "imsi": "001010000000011", "iccid": "893101000000000011", "msisdn": "882990000011"}],
    "moved": [{"msisdn": "882990000011", "imsi": "001010000000012"}],
    "campaigns": [
        _CAMPAIGN | {"campaign_id": 1, "name": "Old", "first_participant": OLD},
        _CAMPAIGN | {"campaign_id": 2, "name": "New", "first_participant": NEW, "first_sim": 1},
    ],
}


class Engines:
    """Both engines on servers of their own; a request is what it names and the action."""

    def __init__(self, run_task: RunTask, ledger: str) -> None:
        self.run_task = run_task
        self.ledger = ledger

    def direct(self, server: Sandbox | str, action: str, entries: list[Any], **more: Any) -> dict[str, Any]:
        return self.run_task(yateota_participant, server, action=action, participants=entries, **more)

    def bulk(self, server: Sandbox | str, action: str, entries: list[Any], **more: Any) -> dict[str, Any]:
        given = {"selection": {"participants": entries}, "change_id": "CHG1", "ledger": self.ledger} | more
        return self.run_task(yateota_bulk, server, **{"state": "applied", "action": action} | given)

    def both(self) -> list[Any]:
        return [self.direct, self.bulk]


@pytest.fixture
def engines(run_task: RunTask, ledger: str) -> Engines:
    return Engines(run_task, ledger)


def requests(box: Sandbox) -> list[dict[str, Any]]:
    return [{name: value for name, value in each["params"].items() if name != "action"} for each in box.writes()]


@pytest.mark.parametrize("spelled", ["882990000011", "+882990000011", "00882990000011"])
@pytest.mark.parametrize("without_a_campaign", [False, True])
def test_a_number_that_has_moved_between_two_lists_is_rerun_once(
    engines: Engines, start_sandbox: StartSandbox, spelled: str, without_a_campaign: bool
) -> None:
    entries: list[dict[str, Any]] = [
        {"msisdn": "882990000011", "campaign_id": 1},
        {"msisdn": spelled, "campaign_id": 2},
    ]
    if without_a_campaign:
        entries.append({"msisdn": spelled})
    box = start_sandbox(scenario=MOVED_NUMBER)
    assert box.participant(OLD)["iccid"] != box.participant(NEW)["iccid"]
    result = engines.direct(box, "rerun", entries)
    assert requests(box) == [{"msisdn": "882990000011"}]
    assert (result["summary"]["acted"], result["summary"]["unchanged"]) == (1, len(entries) - 1)
    assert "the list names it twice; it is acted on once, as msisdn" in result["results"][1]["message"]

    box = start_sandbox(scenario=MOVED_NUMBER)
    change = engines.bulk(box, "rerun", entries)["change"]
    assert requests(box) == [{"msisdn": "882990000011"}]
    assert (change["counts"]["done"], change["duplicates"]) == (1, 1)
    assert box.participant(NEW)["reruns"] + box.participant(OLD)["reruns"] == 1


def test_the_message_of_the_new_sim_that_is_under_way_is_not_sent_twice_by_its_number(
    engines: Engines, start_sandbox: StartSandbox
) -> None:
    entries = [{"msisdn": "882990000011", "campaign_id": 1}, {"msisdn": "882990000011", "campaign_id": 2}]
    old, new = MOVED_NUMBER["campaigns"]
    scenario = MOVED_NUMBER | {"campaigns": [old, new | {"initial": {"pending_send": 1}}]}
    for engine in engines.both():
        box = start_sandbox(scenario=scenario)
        assert not engine(box, "rerun", entries).get("failed")
        assert requests(box) == []


@pytest.mark.parametrize("given_by", ["iccid", "participant_id"])
def test_a_rerun_by_a_number_of_which_another_entry_is_the_sim_is_refused(
    engines: Engines, start_sandbox: StartSandbox, given_by: str
) -> None:
    """The number's request acts on the SIM that the other one names."""
    for engine in engines.both():
        box = start_sandbox(scenario=MOVED_NUMBER)
        other = {given_by: box.participant(NEW)[given_by], "campaign_id": 2}
        result = engine(box, "rerun", [{"msisdn": "882990000011", "campaign_id": 1}, other])
        assert result["failure"]["kind"] == "invalid_input", result
        assert "may act on the SIM of" in result["msg"]
        assert "name both by iccid" in result["msg"]
        assert requests(box) == []


def test_two_sims_that_have_had_one_number_are_rerun_by_their_iccids(
    engines: Engines, start_sandbox: StartSandbox
) -> None:
    for engine in engines.both():
        box = start_sandbox(scenario=MOVED_NUMBER)
        entries = [{"participant_id": OLD, "campaign_id": 1}, {"participant_id": NEW, "campaign_id": 2}]
        assert not engine(box, "rerun", entries).get("failed")
        assert len(requests(box)) == 2


SHORT = "893101000000000011"
LONG = next(SHORT + digit for digit in "0123456789" if luhn_fits(SHORT + digit))


@pytest.mark.parametrize("action", ["rerun", "retry", "cancel", "hurry", "retry_build"])
def test_an_iccid_with_and_without_its_check_digit_may_be_one_sim(
    engines: Engines, sandbox: Sandbox, action: str
) -> None:
    more = {"iccid": "8931010000000000139"}
    for engine in engines.both():
        result = engine(sandbox, action, [more, {"iccid": LONG + "F"}, {"iccid": SHORT}])
        assert f"iccid {LONG}F and iccid {SHORT} may be one SIM: one ICCID is the other with its" in result["msg"]
        assert result["msg"].startswith(f"{action} is refused, nothing was ")
    assert requests(sandbox) == []


def test_another_digit_than_the_check_digit_is_another_sim(engines: Engines, start_sandbox: StartSandbox) -> None:
    others = [{"iccid": SHORT + digit} for digit in "0123456789" if SHORT + digit != LONG]
    for engine in engines.both():
        box = start_sandbox()
        assert "may be one SIM" not in engine(box, "retry", [{"iccid": SHORT}, *others]).get("msg", "")
        assert len(requests(box)) == 10


def test_participants_of_two_campaigns_are_two_however_their_iccids_are_written(engines: Engines, parrot: Any) -> None:
    rows = [{"participant_id": n, "iccid": iccid, "state": "failed"} for n, iccid in ((1, SHORT), (2, LONG))]
    answers = [answer for row in rows for answer in ({"count": 1}, {"participants": [row]})]
    entries = [{"iccid": SHORT, "campaign_id": 1}, {"iccid": LONG, "campaign_id": 2}]
    for engine in engines.both():
        parrot.answers = [http(json.dumps({"code": 0, **each})) for each in (*answers, {})]
        parrot.heard.clear()
        result = engine(parrot.api_url, "retry", entries)
        assert not result.get("failed"), result
        assert b"".join(parrot.heard).count(b"action_participant") == 2


IMSI, ICCID, MSISDN = "001010000000011", "8931010000000000113", "882990000011"
"""Those of participant 195 of campaign 167."""


@pytest.mark.parametrize("action", ["retry", "cancel", "hurry", "retry_build"])
@pytest.mark.parametrize(
    "others",
    [[{"imsi": IMSI}, {"iccid": ICCID}], [{"iccid": ICCID}] * 2 + [{"imsi": IMSI, "msisdn": MSISDN}]],
    ids=["one each", "two of one"],
)
def test_any_action_on_what_may_be_one_participant_is_refused(
    engines: Engines, sandbox: Sandbox, action: str, others: list[Any]
) -> None:
    for engine in engines.both():
        result = engine(sandbox, action, others)
        assert result["failure"]["kind"] == "invalid_input"
        assert "Nothing that was read shows whether " in result["msg"]
    assert requests(sandbox) == []


def test_participants_of_two_campaigns_are_two_though_no_list_was_read(engines: Engines, sandbox: Sandbox) -> None:
    ids = [331, 195]
    first, second = (sandbox.participant(each) for each in ids)
    entries = [
        {"iccid": first["iccid"], "campaign_id": first["campaign_id"]},
        {"imsi": second["imsi"], "campaign_id": second["campaign_id"]},
    ]
    result = engines.direct(sandbox, "retry", entries, state_lookup="never")
    assert "Nothing that was read" not in result.get("msg", "")
    assert len(requests(sandbox)) == 2


@pytest.mark.parametrize("known", [{}, {"campaign_id": 167}])
def test_an_id_and_the_sim_of_one_participant_are_one_request(
    engines: Engines, start_sandbox: StartSandbox, known: dict[str, Any]
) -> None:
    """The list is not read by the direct engine, and shows the id to the other."""
    entries = [{"imsi": IMSI, **known}, {"participant_id": 195, "imsi": IMSI, **known}]
    for engine, more in ((engines.direct, {"state_lookup": "never"}), (engines.bulk, {})):
        box = start_sandbox()
        result = engine(box, "retry", entries, **more)
        assert not result.get("failed"), result
        assert requests(box) == [{"participant_id": 195}]


def test_two_ids_of_a_sim_are_two_participants_and_the_sim_alone_is_refused(
    engines: Engines, start_sandbox: StartSandbox
) -> None:
    two = [{"participant_id": 195, "imsi": IMSI}, {"participant_id": 197, "imsi": IMSI}]
    for engine in engines.both():
        box = start_sandbox()
        assert not engine(box, "retry", two, **({"change_id": "CHG2"} if engine == engines.bulk else {})).get("failed")
        assert sorted(each["participant_id"] for each in requests(box)) == [195, 197]

    box = start_sandbox()
    assert "another entry names this SIM" in engines.direct(box, "retry", [*two, {"imsi": IMSI}])["msg"]
    assert requests(box) == []
    change = engines.bulk(box, "retry", [*two, {"imsi": IMSI}])["change"]
    assert (change["counts"]["done"], change["counts"]["refused"]) == (2, 1)
    assert sorted(each["participant_id"] for each in requests(box)) == [195, 197]


def test_one_participant_of_a_list_without_ids_is_one_request(engines: Engines, parrot: Any) -> None:
    row = {"iccid": ICCID, "imsi": IMSI, "msisdn": MSISDN, "state": "failed"}
    answers = [{"count": 1}, {"participants": [row]}, {}]
    entries = [{"imsi": IMSI}, {"imsi": IMSI, "msisdn": MSISDN}, {"iccid": ICCID}]
    entries = [each | {"campaign_id": 167} for each in entries]
    for engine in engines.both():
        parrot.answers = [http(json.dumps({"code": 0, **each})) for each in answers]
        parrot.heard.clear()
        engine(parrot.api_url, "retry", entries)
        sent = [json.loads(each.partition(b"\r\n\r\n")[2]) for each in parrot.heard if b"action_participant" in each]
        assert [each["params"] for each in sent] == [{"iccid": ICCID, "campaign_id": 167, "action": "retry"}]


@ON_A_FILE
@pytest.mark.parametrize("lists", [10, pytest.param(200, marks=pytest.mark.slow)])
@pytest.mark.parametrize("action", ["rerun", "retry", "retry_build"])
def test_both_engines_send_the_same_for_any_list(
    engines: Engines, start_sandbox: StartSandbox, action: str, lists: int
) -> None:
    """Whatever the entries share: the same requests, none of them twice, or both refuse the list."""
    chance, box = random.Random(11), start_sandbox()  # noqa: S311 (no secret depends on it)
    sims = [{name: box.participant(each)[name] for name in ("iccid", "imsi", "msisdn")} for each in (195, 197, 198)]
    for number in range(lists):
        entries = []
        for _time in range(chance.randint(2, 4)):
            names = chance.sample(["iccid", "imsi", "msisdn"], chance.randint(1, 3))
            entry = {name: chance.choice(sims)[name] for name in names}
            by_id = {"participant_id": chance.choice((195, 197))} if chance.random() < 0.2 else {}
            entries.append(entry | by_id if {"iccid", "imsi"} & set(names) else {"iccid": ICCID})
        direct = engines.direct(box, action, entries, check_mode=True)
        sends = [each for each in direct.get("results", ()) if each["outcome"] == "acted"]
        change = engines.bulk(box, action, entries, change_id=f"CHG{number}", state="planned").get("change")
        assert (not direct.get("results")) == (change is None), entries
        if change and not direct["summary"]["refused"]:
            assert (change["counts"]["planned"], change["counts"]["refused"]) == (len(sends), 0), entries
        elif change:
            assert change["counts"]["refused"] == direct["summary"]["refused"], entries


def test_many_sorts_cost_no_more_than_different_ones() -> None:
    alike = [Sort(frozenset({"iccid"}), was_read=False, campaign_id=None)] * 200_000
    assert first_indistinct(alike, "SIM") is None
    other = Sort(frozenset({"imsi"}), was_read=False, campaign_id=None)
    assert first_indistinct([*alike, other], "participant") == (0, 200_000)


def test_identifiers_have_one_form_in_python_and_in_sql(ledger: str) -> None:
    """What is one in the one engine is one in the other."""
    chance = random.Random(7)  # noqa: S311 (no secret depends on it)
    url = ledger if ledger.startswith("postgresql") else "sqlite://"
    with sa.create_engine(url, poolclass=sa.NullPool).connect() as connection:
        for kind, letters in (("msisdn", "+00123"), ("iccid", "0fF19aA"), ("imsi", "0123")):
            for _time in range(50):
                text = "".join(chance.choices(letters, k=chance.randint(1, 8)))
                found = connection.execute(sa.select(canonical_column(kind, sa.literal(text)))).scalar_one()
                assert found == canonical(kind, text), (kind, text)
    assert without_check_digit(LONG) == SHORT
    assert without_check_digit(SHORT) is None  # too short to have lost one
    assert without_check_digit(None) is None
