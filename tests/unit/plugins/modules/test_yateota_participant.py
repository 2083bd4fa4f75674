# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Acting on participants: the list is judged first, nothing is sent twice, and what is not known is said."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.operations import PARTICIPANT_ACTIONS
from ansible_collections.simops.yateota.plugins.modules import yateota_participant
from ansible_collections.simops.yateota.tests.unit.plugins.servers import RunTask, StartSandbox, free_port, http

from yateota_sandbox import Sandbox
from yateota_sandbox.scenario import load_scenario

IMSI, ICCID, MSISDN = "001010000000011", "8931010000000000113", "882990000011"
"""Those of participant 195 of campaign 167."""


def sent(box: Sandbox) -> list[dict[str, Any]]:
    """The params of every write."""
    return [entry["params"] for entry in box.writes()]


def ids_in(box: Sandbox, campaign: range, state: str) -> list[int]:
    """The participants that are really in that state."""
    return [each for each in campaign if box.participant(each)["state"] == state]


C167, C176 = range(185, 265), range(331, 371)


@pytest.mark.parametrize("check_mode", [True, False])
def test_a_bad_server_is_refused_where_nothing_is_to_be_read_either(run_task: RunTask, check_mode: bool) -> None:
    given = {"action": "rerun", "participant_id": 195}
    result = run_task(yateota_participant, "ftp://ota.example.net/", check_mode=check_mode, **given)
    assert result["failed"]
    assert result["failure"]["kind"] == "invalid_input"
    assert "api_url 'ftp://ota.example.net/' is not valid" in result["msg"]


def test_one_participant(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant, sandbox, action="retry", campaign_id=167, participant_id=195)
    assert result == {
        "changed": True,
        "results": [
            {
                "participant_id": 195,
                "iccid": None,
                "imsi": None,
                "msisdn": None,
                "campaign_id": 167,
                "before": "failed",
                "after": "pending_send",
                "action": "retry",
                "outcome": "acted",
                "message": "",
            }
        ],
        "summary": {"acted": 1, "unchanged": 0, "refused": 0, "failed": 0, "unknown": 0},
        "diff": {
            "before": {"participant 195 of campaign 167": "failed"},
            "after": {"participant 195 of campaign 167": "pending_send (retry)"},
        },
        "warnings": [],
    }
    assert sent(sandbox) == [{"participant_id": 195, "action": "retry"}]
    again = run_task(yateota_participant, sandbox, action="retry", campaign_id=167, participant_id=195)
    assert not again["changed"]
    assert again["diff"] == {"before": {}, "after": {}}
    assert (again["results"][0]["outcome"], again["results"][0]["action"]) == ("unchanged", None)
    assert len(sent(sandbox)) == 1


@pytest.mark.parametrize("action", PARTICIPANT_ACTIONS)
def test_check_mode_says_what_the_real_run_then_does(run_task: RunTask, sandbox: Sandbox, action: str) -> None:
    """For each state that there is: the same result, or the same refusal, and in check mode no write."""
    states = {sandbox.participant(each)["state"]: each for each in [*C167, *range(331, 371)]}
    assert len(states) == 7
    for participant_id in states.values():
        campaign_id = sandbox.participant(participant_id)["campaign_id"]
        given = {"action": action, "campaign_id": campaign_id, "participant_id": participant_id}
        sandbox.set(refuse_writes=True)
        sandbox.clear_journal()
        foretold = run_task(yateota_participant, sandbox, check_mode=True, **given)
        assert sandbox.writes() == []
        sandbox.set(refuse_writes=False)
        assert run_task(yateota_participant, sandbox, **given) == foretold
        assert len(sandbox.writes()) == int(foretold["changed"])


@pytest.mark.parametrize("ids", ["string", "number"])
@pytest.mark.parametrize("name", ["participant_id", "iccid", "imsi", "msisdn"])
def test_each_identifier(run_task: RunTask, start_sandbox: StartSandbox, name: str, ids: str) -> None:
    box = start_sandbox(ids=ids)
    result = run_task(yateota_participant, box, action="retry", campaign_id=167, **{name: box.participant(195)[name]})
    assert result["results"][0]["before"] == "failed"
    assert box.participant(195)["state"] == "pending_send"
    assert len(sent(box)) == 1


def test_a_phone_number_with_a_plus_is_the_same(run_task: RunTask, sandbox: Sandbox) -> None:
    msisdn = f"+{sandbox.participant(195)['msisdn']}"
    result = run_task(yateota_participant, sandbox, action="retry", campaign_id=167, msisdn=msisdn)
    assert result["summary"]["acted"] == 1


def test_identifiers_of_two_different_sims_are_nobody(run_task: RunTask, sandbox: Sandbox) -> None:
    imsi = sandbox.participant(196)["imsi"]
    result = run_task(yateota_participant, sandbox, action="retry", campaign_id=167, participant_id=195, imsi=imsi)
    assert result["failed"]
    assert "of campaign 167: its campaign has no such participant; check the identifiers" in result["msg"]
    assert sent(sandbox) == []


def test_a_list_is_judged_whole_before_anything_is_sent(run_task: RunTask, sandbox: Sandbox) -> None:
    failed = ids_in(sandbox, C167, "failed")[:5]
    pending = ids_in(sandbox, C167, "pending_send")[0]
    canceled = ids_in(sandbox, C167, "canceled")[0]
    result = run_task(
        yateota_participant,
        sandbox,
        action="hurry",
        campaign_id=167,
        participants=[{"participant_id": each} for each in (pending, *failed, canceled)],
    )
    assert result["failed"]
    assert result["msg"] == (
        f"hurry is refused for participant {failed[0]} of campaign 167: a failed message cannot be hurried; use retry "
        "(and 5 more of the 7 given). Nothing was sent."
    )
    assert result["failure"]["kind"] == "invalid_input"
    assert result["summary"] == {"acted": 0, "unchanged": 1, "refused": 6, "failed": 0, "unknown": 0}
    assert result["results"][0]["message"] == "not sent: others of the list are refused"
    assert (result["results"][0]["action"], result["results"][0]["after"]) == (None, "pending_send")
    assert not result["changed"]
    assert sent(sandbox) == []


def test_force_sends_what_would_be_refused(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant, sandbox, action="rerun", campaign_id=144, participant_id=290, force=True)
    assert result["changed"]
    assert sandbox.participant(290)["reruns"] == 1


def test_a_participant_named_twice_is_acted_on_once(run_task: RunTask, sandbox: Sandbox) -> None:
    truth = sandbox.participant(195)
    result = run_task(
        yateota_participant,
        sandbox,
        action="rerun",
        campaign_id=167,
        participants=[
            {"imsi": truth["imsi"]},
            {"participant_id": 195},
            {"iccid": truth["iccid"]},
            {"msisdn": "+" + truth["msisdn"]},
            {"imsi": truth["imsi"]},
        ],
    )
    assert sandbox.participant(195)["reruns"] == 1
    assert [entry["outcome"] for entry in result["results"]] == ["unchanged"] * 2 + ["acted"] + ["unchanged"] * 2
    assert result["results"][1]["message"].startswith("the list names it twice; it is acted on once, as iccid ")
    assert result["results"][1]["after"] == "failed"


@pytest.mark.parametrize("how", ["never", "auto"])
@pytest.mark.parametrize(
    ("participants", "sent_by"),
    [
        ([{"imsi": IMSI}, {"imsi": IMSI}], {"imsi": IMSI}),
        ([{"msisdn": MSISDN}, {"msisdn": "+" + MSISDN}, {"msisdn": "00" + MSISDN}], {"msisdn": MSISDN}),
        ([{"imsi": IMSI, "msisdn": "+" + MSISDN}, {"msisdn": MSISDN}], {"imsi": IMSI}),  # without and with +
        ([{"msisdn": MSISDN}, {"imsi": IMSI, "msisdn": "+" + MSISDN}], {"imsi": IMSI}),
        ([{"iccid": ICCID}, {"iccid": ICCID + "F"}, {"iccid": ICCID + "f"}], {"iccid": ICCID}),
        ([{"imsi": IMSI}, {"iccid": ICCID}, {"imsi": IMSI, "iccid": ICCID}], {"iccid": ICCID}),
        (
            [{"imsi": IMSI, "msisdn": "1"}, {"imsi": IMSI, "msisdn": MSISDN}, {"msisdn": MSISDN}],
            {"imsi": IMSI},
        ),
        ([{"participant_id": 195, "imsi": IMSI}, {"participant_id": "0195", "iccid": ICCID}], {"iccid": ICCID}),
    ],
)
def test_a_sim_under_several_names_is_rerun_once_though_no_state_is_read(
    run_task: RunTask, start_sandbox: StartSandbox, how: str, participants: list[Any], sent_by: dict[str, str]
) -> None:
    box = start_sandbox(strict_identification=False)  # to see what is sent: it would refuse some of what it knows not
    result = run_task(yateota_participant, box, action="rerun", participants=participants, state_lookup=how)
    assert result["summary"]["acted"] == 1, result
    assert sent(box) == [{**sent_by, "action": "rerun"}]


@pytest.mark.parametrize("more", [{}, {"campaign_id": 167}])
def test_a_rerun_of_what_may_be_one_sim_is_refused(run_task: RunTask, sandbox: Sandbox, more: dict[str, Any]) -> None:
    """With a campaign the one is found in its list; without one, nothing shows it."""
    entries = [{"imsi": IMSI, **more}, {"iccid": ICCID}]
    result = run_task(yateota_participant, sandbox, action="rerun", participants=entries)
    if more:
        assert result["summary"]["acted"] == 1
        return
    assert result["failure"]["kind"] == "invalid_input"
    assert (
        f"rerun is refused, nothing was sent. Nothing that was read shows whether imsi {IMSI} and iccid {ICCID} are"
        in result["msg"]
    )
    assert not sandbox.writes()


@pytest.mark.parametrize("action", ["retry", "cancel", "hurry", "retry_build"])
@pytest.mark.parametrize(
    ("in_campaign", "nowhere"), [("iccid", "iccid"), ("participant_id", "imsi"), ("imsi", "msisdn")]
)
def test_a_sim_that_is_named_with_and_without_its_campaign_is_refused(
    run_task: RunTask, sandbox: Sandbox, action: str, in_campaign: str, nowhere: str
) -> None:
    sim = {"participant_id": 195, "iccid": ICCID, "imsi": IMSI, "msisdn": MSISDN}
    in_167 = {in_campaign: sim[in_campaign], "campaign_id": 167}
    without = {nowhere: sim[nowhere]} | ({"imsi": IMSI} if nowhere == "msisdn" else {})
    entries = [without, in_167]
    result = run_task(yateota_participant, sandbox, action=action, participants=entries, force=True)
    assert "another entry names this SIM; give one entry for it, with its campaign_id" in result["msg"]
    assert not sandbox.writes()


def test_a_sim_of_two_campaigns_is_rerun_once(run_task: RunTask, sandbox: Sandbox) -> None:
    """Once it runs in one of its campaigns it is not run again, though it is not read in that one alone."""
    ended = {
        box["iccid"]: each for each in range(161, 185) if (box := sandbox.participant(each))["state"] == "finished"
    }
    one, other = next(
        (ended[box["iccid"]], each)
        for each in C167
        if (box := sandbox.participant(each))["iccid"] in ended and box["state"] == "finished"
    )
    both = [{"participant_id": one, "campaign_id": 142}, {"participant_id": other, "campaign_id": 167}]
    result = run_task(yateota_participant, sandbox, action="rerun", participants=both)
    assert sorted(entry["outcome"] for entry in result["results"]) == ["acted", "unchanged"]
    assert (sandbox.participant(one)["reruns"], sandbox.participant(other)["reruns"]) == (1, 1)
    again = run_task(yateota_participant, sandbox, action="rerun", participants=both)
    assert again["summary"]["unchanged"] == 2
    assert len(sandbox.writes()) == 1


def test_an_id_is_the_same_with_and_without_its_campaign(run_task: RunTask, sandbox: Sandbox) -> None:
    entries = [{"participant_id": 195, "campaign_id": 167}, {"participant_id": 195}]
    run_task(yateota_participant, sandbox, action="retry", participants=entries)
    assert sent(sandbox) == [{"participant_id": 195, "action": "retry"}]


@pytest.mark.parametrize(
    ("before", "after", "proven"),
    [
        ([(1, "unallocated"), (2, "failed")], [(1, "unallocated"), (2, "failed")], False),
        ([(2, "failed"), (1, "unallocated")], [(1, "unallocated"), (2, "failed")], False),
        ([(1, "unallocated"), (2, "failed")], [(2, "pending_build"), (1, "unallocated")], True),
        ([(1, "unallocated"), (2, "failed")], [(1, "unallocated")], False),
        ([(1, "unallocated"), (2, "failed")], [(1, "pending_build"), (2, "failed")], False),
        ([(None, "unallocated"), (None, "failed")], [(None, "unallocated"), (None, "failed")], False),
        ([(None, "unallocated"), (None, "failed")], [(None, "pending_build")], False),
        ([(None, "failed")], [(None, "pending_build")], True),
    ],
)
def test_only_the_participant_that_decided_proves_what_became_of_a_rerun(
    run_task: RunTask, parrot: Any, before: list[Any], after: list[Any], proven: bool
) -> None:
    """A SIM may have several participants in a campaign, and another one's state shows nothing."""

    def answers(rows: list[Any]) -> list[dict[str, Any]]:
        listed = [{"participant_id": number, "iccid": ICCID, "state": state} for number, state in rows]
        pages = [listed, listed[-1:]][: len(rows)]  # they overlap
        return [{"code": 0, "count": len(rows)}, *({"code": 0, "participants": page} for page in pages)]

    lost = {"code": 200, "message": "Timeout waiting for Yate response."}
    parrot.answers = [http(json.dumps(each)) for each in (*answers(before), lost, *answers(after))]
    given = {"iccid": ICCID, "campaign_id": 167, "retries": 0}
    result = run_task(yateota_participant, parrot.api_url, action="rerun", **given)
    assert result["summary"]["acted" if proven else "unknown"] == 1, result
    assert result["results"][0]["before"] == "failed"
    assert bool(result.get("failed")) is not proven


@pytest.mark.parametrize(
    ("action", "given", "form"),
    [
        ("rerun", {"participant_id": 195, "campaign_id": 167}, {"iccid": ICCID}),
        ("rerun", {"msisdn": MSISDN, "campaign_id": 167}, {"msisdn": MSISDN}),
        ("rerun", {"imsi": IMSI, "msisdn": MSISDN}, {"imsi": IMSI}),
        ("retry", {"msisdn": MSISDN, "campaign_id": 167}, {"participant_id": 195}),
        ("retry", {"imsi": IMSI, "msisdn": MSISDN}, {"imsi": IMSI}),
        ("cancel", {"iccid": ICCID, "campaign_id": 167}, {"participant_id": 195}),
        ("retry_build", {"participant_id": 367, "campaign_id": 176}, {"iccid": "89310100000000{}"}),
    ],
)
def test_how_a_request_names_its_participant_or_sim(
    run_task: RunTask, sandbox: Sandbox, action: str, given: dict[str, Any], form: dict[str, Any]
) -> None:
    if action == "retry_build":
        given["participant_id"] = ids_in(sandbox, C176, "unallocated")[0]
        form = {"iccid": sandbox.participant(given["participant_id"])["iccid"], "campaign_id": 176}
    result = run_task(yateota_participant, sandbox, action=action, **given)
    assert not result.get("failed"), result
    assert sent(sandbox) == [{**form, "action": action}]


@pytest.mark.parametrize(
    ("action", "given", "words"),
    [
        ("rerun", {"participant_id": 195}, "rerun is sent by iccid, else imsi, else msisdn, and participant_id is all"),
        ("retry_build", {"participant_id": 195}, "retry_build is sent by iccid, else imsi, and participant_id is all"),
        ("retry_build", {"msisdn": MSISDN}, "retry_build is sent by iccid, else imsi, and msisdn is all"),
        ("retry", {"msisdn": MSISDN}, "retry is sent by participant_id, else iccid, else imsi, and msisdn is all"),
        ("cancel", {"msisdn": MSISDN, "campaign_id": 167, "state_lookup": "never"}, "and msisdn is all that is known"),
    ],
)
def test_who_cannot_be_named_is_refused_before_anything_is_sent(
    run_task: RunTask, sandbox: Sandbox, action: str, given: dict[str, Any], words: str
) -> None:
    result = run_task(yateota_participant, sandbox, action=action, **given)
    assert result["failure"]["kind"] == "invalid_input"
    assert words in result["msg"]
    assert "campaign" in result["msg"]
    assert not sandbox.writes()


def test_servers_that_send_no_participant_ids(run_task: RunTask, parrot: Any) -> None:
    rows = [{"imsi": f"00101000000000{n}", "state": "failed"} for n in range(3)]
    page = http(json.dumps({"code": 0, "participants": rows}))
    last = http(json.dumps({"code": 0, "participants": rows[-1:]}))
    parrot.answers = [http('{"code": 0, "count": 3}'), page, last, http('{"code": 0}')]
    result = run_task(
        yateota_participant,
        parrot.api_url,
        action="retry",
        campaign_id=5,
        participants=[{"imsi": row["imsi"]} for row in rows],
    )
    assert result["summary"]["acted"] == 3


def test_a_sim_of_two_campaigns_is_acted_on_in_the_one_named(run_task: RunTask, start_sandbox: StartSandbox) -> None:
    small = load_scenario("small").model_dump()
    run = {"failed": 1}
    small["campaigns"] = [
        small["campaigns"][0] | {"campaign_id": n, "initial": run, "participants": {}, "first_participant": n}
        for n in (1, 2)
    ]
    box = start_sandbox(scenario=small)
    imsi = box.participant(1)["imsi"]
    assert box.participant(2)["imsi"] == imsi
    result = run_task(yateota_participant, box, action="retry", imsi=imsi, campaign_id=1)
    assert (result["summary"]["acted"], box.participant(2)["sends"]) == (1, 1)


def test_ambiguous_identifiers_are_refused(run_task: RunTask, parrot: Any) -> None:
    rows = [{"participant_id": n, "msisdn": "15550000161", "state": "failed"} for n in range(1, 8)]
    answers = [{"count": 7}, {"participants": rows}, {"participants": rows[-1:]}]
    parrot.answers = [http(json.dumps({"code": 0, **answer})) for answer in answers]
    result = run_task(yateota_participant, parrot.api_url, action="retry", campaign_id=5, msisdn="15550000161")
    assert (
        "retry is refused for msisdn 15550000161 of campaign 5: several participants of its campaign fit it; give "
        "participant_id (found: participants 1, 2, 3, 4, 5, …)" in result["msg"]
    )
    assert b"action_participant" not in b"".join(parrot.heard)


def test_one_that_is_not_there_is_refused(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant, sandbox, action="retry", campaign_id=167, participant_id=161)
    assert "its campaign has no such participant" in result["msg"]
    assert result["results"][0]["outcome"] == "refused"


def test_without_a_campaign_it_sends_and_the_server_judges(run_task: RunTask, sandbox: Sandbox) -> None:
    good = run_task(yateota_participant, sandbox, action="retry", participant_id=195)
    assert (good["changed"], good["results"][0]["before"]) == (True, None)
    bad = run_task(yateota_participant, sandbox, action="hurry", participant_id=ids_in(sandbox, C167, "failed")[0])
    assert bad["failed"]
    assert bad["failure"]["kind"] == "api"
    assert bad["results"][0]["outcome"] == "refused"
    assert not bad["changed"]


def test_one_pass_serves_the_whole_list(run_task: RunTask, sandbox: Sandbox) -> None:
    failed = ids_in(sandbox, C167, "failed")
    result = run_task(
        yateota_participant,
        sandbox,
        action="retry",
        participants=[{"participant_id": each, "campaign_id": 167, "state": "failed", "extra": {}} for each in failed],
    )
    assert result["summary"]["acted"] == len(failed) == 44
    assert len([entry for entry in sandbox.journal() if not entry["write"]]) == 2
    assert len({entry["connection"] for entry in sandbox.journal()}) <= 3
    assert [entry["participant_id"] for entry in result["results"]] == failed


@pytest.fixture(name="long", scope="module")
def _long() -> dict[str, Any]:
    """A scenario with a campaign of more than twenty pages: participants 1 to 21,000, all failed."""
    small = load_scenario("small").model_dump()
    sims = {"count": 21000, "imsi": "001010000000001", "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Long", "type": "RFM", "state": "paused", "first_participant": 1}
    return {"sims": [sims], "campaigns": [campaign | {"initial": {"failed": 21000}}], "seed": small["seed"]}


def test_auto_gives_up_after_twenty_pages_and_says_so(
    run_task: RunTask, start_sandbox: StartSandbox, long: dict[str, Any]
) -> None:
    box = start_sandbox(scenario=long)
    given = {"action": "retry", "campaign_id": 1}
    near, far = run_task(yateota_participant, box, participant_id=5000, **given), {}
    assert (near["results"][0]["before"], near["warnings"]) == ("failed", [])
    box.clear_journal()
    far = run_task(yateota_participant, box, participants=[{"participant_id": 20990}, {"participant_id": 7}], **given)
    assert [entry["before"] for entry in far["results"]] == [None, "failed"]
    assert far["summary"]["acted"] == 2
    assert far["warnings"] == [
        "Campaign 1 is too long to find every participant in 20 pages: the states of those not found were not read. "
        "Set state_lookup to always to read them all."
    ]
    assert len(box.journal()) == 1 + 20 + 2
    imsi = box.participant(21000)["imsi"]
    last = run_task(yateota_participant, box, imsi=imsi, state_lookup="always", **given)
    assert (last["results"][0]["before"], last["warnings"]) == ("failed", [])
    first = run_task(yateota_participant, box, imsi=box.participant(3)["imsi"], **given)
    assert (first["results"][0]["before"], first["warnings"]) == ("failed", [])


def test_always_needs_a_campaign(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant, sandbox, action="retry", participant_id=195, state_lookup="always")
    assert result["msg"] == "state_lookup 'always' needs the campaign of each participant: give campaign_id."
    assert sandbox.journal() == []


def test_never_reads_nothing(run_task: RunTask, sandbox: Sandbox) -> None:
    given = {"action": "retry", "campaign_id": 167, "participant_id": 195, "state_lookup": "never"}
    assert run_task(yateota_participant, sandbox, **given)["changed"]
    assert [entry["request"] for entry in sandbox.journal()] == ["action_participant"]


@pytest.mark.parametrize("options", [{"api_secret": "wrong"}, {"url": "dead"}], ids=["secret", "network"])
def test_a_hopeless_failure_ends_the_sending(
    run_task: RunTask, sandbox: Sandbox, pauses: list[float], options: dict[str, Any]
) -> None:
    server: Any = sandbox
    if options.pop("url", None):
        server = f"http://127.0.0.1:{free_port()}/api.php"
    result = run_task(
        yateota_participant,
        server,
        action="retry",
        concurrency=1,
        participants=[{"participant_id": each} for each in C167],
        **options,
    )
    assert result["failed"]
    assert result["summary"]["failed"] == 80
    assert (
        f"retry of {len(C167)} participants came to 80 failed. The first: action_participant (retry) for"
        in result["msg"]
    )
    assert [entry["message"] for entry in result["results"][1:]] == [
        "not sent: sending had stopped before its turn; msg says why"
    ] * 79
    assert result["results"][0]["message"] in result["msg"]
    assert [entry["action"] for entry in result["results"]] == ["retry"] + [None] * 79
    assert len(sandbox.journal()) <= 1
    assert len(pauses) <= 1


def test_a_failure_in_the_middle_returns_what_was_done(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", nth=3, kind="code", code=404, message="Participant not found")
    failed = ids_in(sandbox, C167, "failed")[:5]
    result = run_task(
        yateota_participant,
        sandbox,
        action="retry",
        campaign_id=167,
        concurrency=1,
        participants=[{"participant_id": each} for each in failed],
    )
    assert result["failed"]
    assert result["changed"]
    assert [entry["outcome"] for entry in result["results"]] == ["acted", "acted", "refused", "acted", "acted"]
    assert "came to 4 acted, 1 refused. The first: action_participant (retry) for participant" in result["msg"]
    assert result["failure"] == {
        "kind": "api",
        "request": "action_participant",
        "code": 404,
        "http_status": 200,
        "message": "Participant not found",
    }
    assert len(result["diff"]["before"]) == 4


def test_an_unknown_outcome_is_settled_by_the_new_state(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_after")
    result = run_task(yateota_participant, sandbox, action="rerun", campaign_id=167, participant_id=195)
    assert "failed" not in result
    assert result["changed"]
    assert result["results"][0]["message"] == "no answer came, but it is pending_build now: it was carried out"
    assert sandbox.participant(195)["reruns"] == 1
    last = sandbox.journal()[-1]
    assert (last["request"], last["params"]["msisdn"]) == ("get_campaign", sandbox.participant(195)["msisdn"])


@pytest.mark.parametrize("kind", ["drop_before", "timeout_before", "http_502"])
def test_an_unknown_outcome_stays_unknown_where_nothing_proves_it(
    run_task: RunTask, sandbox: Sandbox, kind: str
) -> None:
    sandbox.fault(request="action_participant", kind=kind)
    failed = ids_in(sandbox, C167, "failed")[:2]
    result = run_task(
        yateota_participant,
        sandbox,
        action="retry",
        campaign_id=167,
        concurrency=1,
        participants=[{"participant_id": each} for each in failed],
    )
    assert result["failed"]
    assert result["failure"]["kind"] == "outcome_unknown"
    assert [(entry["outcome"], entry["after"]) for entry in result["results"]] == [
        ("unknown", None),
        ("acted", "pending_send"),
    ]
    assert "came to 1 acted, 1 unknown" in result["msg"]
    assert len(sent(sandbox)) == 2


def test_an_unknown_outcome_stays_unknown_where_the_state_cannot_be_read(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="drop_after")
    sandbox.fault(request="query_participants", nth=3, times=99, kind="http_500")
    sandbox.set(get_campaign=False)
    result = run_task(yateota_participant, sandbox, action="rerun", campaign_id=167, participant_id=195)
    assert result["failure"]["kind"] == "outcome_unknown"
    assert result["summary"]["unknown"] == 1
    assert sandbox.participant(195)["reruns"] == 1


def test_unknown_goes_before_refused(run_task: RunTask, sandbox: Sandbox) -> None:
    sandbox.fault(request="action_participant", kind="code", code=404)
    sandbox.fault(request="action_participant", nth=2, kind="drop_before")
    both = [{"participant_id": 195}, {"participant_id": 196}]
    result = run_task(yateota_participant, sandbox, action="retry", concurrency=1, participants=both)
    assert result["failure"]["kind"] == "outcome_unknown"
    assert "came to 1 refused, 1 unknown" in result["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"imsi": "12a456"}, "imsi '12a456' is not valid: expected 14 or 15 digits."),
        (
            {"participants": [{"imsi": "234560000000001"}, {"msisdn": "x"}]},
            "participants[1]: msisdn 'x' is not valid: expected up to 15 digits, with an optional + in front.",
        ),
        (
            {"participants": [{"campaign_id": 5}, {"imsi": "123456"}]},
            "participants[0]: A participant needs one of participant_id, iccid, imsi, msisdn: "
            "campaign 5 has none of them.",
        ),
        ({"participant_id": 195, "concurrency": 0}, "concurrency 0 is not valid: give 1 or more."),
    ],
)
def test_options_that_cannot_be(run_task: RunTask, sandbox: Sandbox, options: dict[str, Any], message: str) -> None:
    result = run_task(yateota_participant, sandbox, action="retry", **options)
    assert (result["failed"], result["msg"], result["failure"]["kind"]) == (True, message, "invalid_input")
    assert sandbox.journal() == []


def test_odd_iccids_are_warned_of_once(run_task: RunTask, sandbox: Sandbox) -> None:
    odd = [{"iccid": f"899110120000320451{digit}"} for digit in range(4)]
    result = run_task(yateota_participant, sandbox, action="retry_build", participants=odd, check_mode=True)
    assert result["warnings"] == [
        "iccid 8991101200003204510: its last digit is not the Luhn check digit of the others; check it for a typing "
        "error. And 3 more such ICCIDs."
    ]


def test_an_empty_list_does_nothing(run_task: RunTask, sandbox: Sandbox) -> None:
    result = run_task(yateota_participant, sandbox, action="rerun", participants=[])
    assert (result["changed"], result["results"]) == (False, [])
    assert sandbox.journal() == []


@pytest.mark.parametrize("check_mode", [True, False])
@pytest.mark.parametrize("kind", ["imsi", "iccid", "msisdn"])
@pytest.mark.parametrize("in_list", [True, False])
def test_an_identifier_that_was_read_as_a_number_is_refused(
    run_task: RunTask, sandbox: Sandbox, kind: str, in_list: bool, check_mode: bool
) -> None:
    """`imsi: 001010000000011` without quotes is an octal number to YAML: that of another SIM."""
    given = {kind: 69793218569}
    options = {"participants": [given]} if in_list else given
    result = run_task(yateota_participant, sandbox, action="rerun", check_mode=check_mode, **options)
    assert f"{kind} was read as the number 69793218569, expected text: put it in quotes." in result["msg"]
    assert result["failure"]["kind"] == "invalid_input"
    assert not sandbox.journal()


@pytest.mark.parametrize("check_mode", [True, False])
def test_300_imsis_that_lost_their_leading_zeros_are_noticed(
    run_task: RunTask, sandbox: Sandbox, check_mode: bool
) -> None:
    lost = [{"imsi": str(1010000000001 + number)} for number in range(300)]
    result = run_task(yateota_participant, sandbox, action="retry", participants=lost, check_mode=check_mode)
    assert "participants[0]: imsi '1010000000001' is not valid: expected 14 or 15 digits. It seems to" in result["msg"]
    assert not sandbox.journal()


@pytest.mark.parametrize("name", ["participant_id", "campaign_id"])
@pytest.mark.parametrize("value", [True, 195.0, "0x7", "0o7", "1e3", "1.0", "1_0", "+1", "", 0])
@pytest.mark.parametrize("in_list", [True, False])
def test_what_is_no_id_is_refused(run_task: RunTask, sandbox: Sandbox, name: str, value: Any, in_list: bool) -> None:
    given = {"participant_id": 195, "campaign_id": 167, name: value}
    if in_list and value == "":
        return  # not given
    options = {"participants": [given], "campaign_id": 167} if in_list else given
    result = run_task(yateota_participant, sandbox, action="retry", **options)
    assert f"{name} {value!r} is not valid: " in result["msg"]
    assert not sandbox.journal()


def test_ids_are_read_in_decimal(run_task: RunTask, sandbox: Sandbox) -> None:
    run_task(yateota_participant, sandbox, action="retry", participant_id="0195", campaign_id="00167")
    assert sent(sandbox) == [{"participant_id": 195, "action": "retry"}]
