"""A list of 1,000 participants in one task, against a loop of ansible.builtin.uri over the same."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.conftest import SECRET
from ansible_collections.simops.yateota.tests.system.harness import Ansible

from yateota_sandbox import Sandbox

pytestmark = pytest.mark.slow

CAMPAIGN = 201  # of `city`: 15,000 participants, 1,200 of them failed
# `make bench` compares with a loop of 200; the time of each is the same in a short one.
LISTED, LOOPED = 1000, 100
MOST_OF_THE_LOOP = 0.02
CONCURRENCY = 3


def now(name: str) -> dict[str, Any]:
    """A task that notes the time."""
    return {"ansible.builtin.set_fact": {name: "{{ now().timestamp() }}"}}


def acting_on(in_process: bool, action: str) -> dict[str, Any]:
    """A task that acts on the whole list."""
    return {
        "simops.yateota.yateota_participant": {
            "action": action,
            "campaign_id": CAMPAIGN,
            "participants": f"{{{{ failed.participants[:{LISTED}] }}}}",
            "concurrency": CONCURRENCY,
        },
        "vars": {"yateota_in_process": in_process},
        "register": action,
    }


LOOP = {
    "ansible.builtin.uri": {
        "url": "{{ lookup('env', 'YATEOTA_API_URL') }}",
        "method": "POST",
        "headers": {"X-Authentication": SECRET},
        "body_format": "json",
        "body": {
            "request": "action_participant",
            "node": "ota",
            "params": {"campaign_id": CAMPAIGN, "participant_id": "{{ item.participant_id }}", "action": "retry"},
        },
    },
    "loop": f"{{{{ failed.participants[{LISTED}:{LISTED + LOOPED}] }}}}",
    "loop_control": {"label": "{{ item.participant_id }}"},
    "register": "looped",
}


def test_a_list_takes_a_fiftieth_of_a_loop(
    tmp_path: Path, start_sandbox: Callable[..., Sandbox], ansible_for: Callable[[Sandbox], Ansible]
) -> None:
    box = start_sandbox(scenario="city")
    read = {"simops.yateota.yateota_participant_info": {"campaign_id": CAMPAIGN, "state": "failed"}}
    spans = {"module": ("b", "a"), "in_process": ("c", "b"), "loop": ("d", "c")}
    measured = ", ".join(f"'{name}': {end}|float - {begin}|float" for name, (end, begin) in spans.items())
    others = "'retry': retry.summary, 'cancel': cancel.summary, 'looped': looped.results | length"
    measured = f"{{{{ {{{measured}, {others}}} | to_json }}}}"
    tasks = [
        {**read, "register": "failed"},
        now("a"),
        acting_on(False, "retry"),
        now("b"),
        acting_on(True, "cancel"),  # what was just retried
        now("c"),
        LOOP,
        now("d"),
        {"ansible.builtin.copy": {"content": measured, "dest": str(tmp_path / "measured.json"), "mode": "0600"}},
    ]
    path = tmp_path / "speed.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}], sort_keys=False))
    done = ansible_for(box)(path)
    assert done.ok, done.output
    found = json.loads((tmp_path / "measured.json").read_text())
    assert found["retry"]["acted"] == found["cancel"]["acted"] == LISTED
    assert found["looped"] == LOOPED

    of_the_list = [entry for entry in box.writes() if entry["carried_out"]][: 2 * LISTED]
    sent = Counter((entry["params"]["action"], entry["params"]["participant_id"]) for entry in of_the_list)
    assert set(sent.values()) == {1}
    assert len(sent) == 2 * LISTED
    for action in ("retry", "cancel"):
        over = {entry["connection"] for entry in of_the_list if entry["params"]["action"] == action}
        assert len(over) <= CONCURRENCY, f"{action} took {len(over)} connections"

    loop = found["loop"] * LISTED / LOOPED
    for way in ("module", "in_process"):
        share = found[way] / loop
        print(
            f"\n{LISTED} participants in one task ({way}): {found[way]:.2f} s, {share:.2%} of the loop's {loop:.0f} s",
            end="",
        )
        assert share <= MOST_OF_THE_LOOP
