"""Measure the cost of a task of the collection.

A module, in both ways that it can run, is compared with `ansible.builtin.uri` doing the same.

Each figure is a ratio of two medians of one run. The sides take turns, since machines are noisy.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "roles/sandbox/files"))

from yateota_sandbox import Options, Sandbox

COLLECTION = Path(__file__).resolve().parents[2]
SECRET = "correct-horse"
OURS: dict[str, Any] = {"simops.yateota.yateota_participant": {"action": "cancel", "participant_id": 195}}


def by_uri(url: str) -> dict[str, Any]:
    """Return a task for the same request, by Ansible's own module for requests."""
    body = {"request": "action_participant", "node": "ota", "params": {"participant_id": 195, "action": "cancel"}}
    return {
        "ansible.builtin.uri": {
            "url": url,
            "method": "POST",
            "headers": {"X-Authentication": SECRET},
            "body_format": "json",
            "body": body,
        }
    }


def seconds_of(tasks: list[dict[str, Any]], url: str, folder: Path) -> float:
    """Return the seconds that the tasks of a play take.

    They are from the first task's banner to the recap: Ansible's own start is left out.
    """
    path = folder / "play.yml"
    path.write_text(yaml.safe_dump([{"hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    environ = {
        **os.environ,
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTION.parents[2]),
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_LOCALHOST_WARNING": "0",
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "0",
        "HOME": str(folder),
        "YATEOTA_API_URL": url,
        "YATEOTA_API_SECRET": SECRET,
    }
    started = ended = 0.0
    with subprocess.Popen(["ansible-playbook", path], env=environ, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        for line in process.stdout:
            if line.startswith("TASK") and not started:
                started = time.monotonic()
            elif line.startswith("PLAY RECAP"):
                ended = time.monotonic()
    if process.returncode or not ended:
        raise RuntimeError(f"the play ended with {process.returncode}")
    return ended - started


def looped(task: dict[str, Any], times: int, **keywords: Any) -> list[dict[str, Any]]:
    return [{**task, "loop": list(range(times)), "loop_control": {"label": "-"}, **keywords}]


def medians(sides: list[list[dict[str, Any]]], rounds: int, url: str, folder: Path) -> list[float]:
    """Return the median seconds of each side.

    The sides take turns.
    """
    taken: list[list[float]] = [[] for _side in sides]
    for _round in range(rounds):
        for seconds, tasks in zip(taken, sides, strict=True):
            seconds.append(seconds_of(tasks, url, folder))
    return [statistics.median(seconds) for seconds in taken]


def cost_of_a_task(folder: Path) -> dict[str, float]:
    """Return how much a task of `uri` costs compared with a task of ours.

    Also return the cost of ours run as a module, as a multiple of `uri`.
    """
    as_module = {"vars": {"yateota_in_process": False}}
    with Sandbox(Options(secret=SECRET, speed=0)) as box:
        uri = by_uri(box.url)
        ours, theirs = medians([looped(OURS, 200), looped(uri, 200)], 1, box.url, folder)
        ten_ours, ten_theirs = medians([[OURS] * 10, [uri] * 10], 3, box.url, folder)
        module, single = medians([looped(OURS, 10, **as_module), looped(uri, 10)], 7, box.url, folder)
    return {
        "in_process_ms_an_item": ours / 200 * 1000,
        "times_in_a_loop_of_200": theirs / ours,
        "times_in_ten_tasks": ten_theirs / ten_ours,
        "module_to_uri": module / single,
    }
