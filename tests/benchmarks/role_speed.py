"""Measure what the role `bulk_change` adds to a wave of the module."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

from bulk_speed import bare_server, change
from task_speed import seconds_of


def wave_overhead(folder: Path, waves: int = 100, wave_size: int = 100) -> dict[str, Any]:
    """Return the seconds that the role takes for each wave, more than the module does.

    With its line of progress after each wave, it is compared with one task for all waves. With a gate before each wave,
    it is compared with a task for each. The role's other tasks, such as the plan, are shared out among the waves.
    """
    gate = folder / "gate.yml"
    gate.write_text("- name: Allow the wave\n  ansible.builtin.assert: {that: true, quiet: true}\n")
    with bare_server(waves * wave_size) as url:

        def seconds(name: str, task: dict[str, Any]) -> tuple[float, float]:
            where = str(folder / f"{name}.sqlite")
            variables = {
                "bulk_change_id": "CHG",
                "bulk_change_action": "retry",
                "bulk_change_campaign_id": 1,
                "bulk_change_state": "failed",
                "bulk_change_ledger": where,
                "bulk_change_require_approval": False,
                "bulk_change_wave_size": wave_size,
                "bulk_change_verify": False,
            }
            begun = computed()
            took = seconds_of([{**task, "vars": {**variables, **task.get("vars", {})}}], url, folder)
            return took, computed() - begun

        rollout = {"wave_size": wave_size}
        at_once = change(url, folder / "module.sqlite", "CHG", state="applied", rollout=rollout)
        each = change(url, folder / "each.sqlite", "CHG", state="applied", rollout=rollout, max_waves=1)
        loop = {"loop": list(range(waves)), "loop_control": {"label": "-"}}
        role = {"ansible.builtin.include_role": {"name": "simops.yateota.bulk_change"}}
        module = seconds("module", {"simops.yateota.yateota_bulk": at_once})
        by_wave = seconds("each", {"simops.yateota.yateota_bulk": each, **loop})
        by_role = seconds("role", role)
        gated = seconds("gated", {**role, "vars": {"bulk_change_gate_tasks": str(gate)}})
    return {
        "module_seconds": module[0],
        "module_by_wave_seconds": by_wave[0],
        "seconds_a_wave": (by_role[0] - module[0]) / waves,
        "gated_seconds_a_wave": (gated[0] - by_wave[0]) / waves,
        "cpu_seconds_a_wave": (by_role[1] - module[1]) / waves,
        "gated_cpu_seconds_a_wave": (gated[1] - by_wave[1]) / waves,
    }


def computed() -> float:
    """Return the seconds that ended processes of this one have computed."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
