# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Format bulk changes as a table for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ..module_utils._core.states import BAD_STATES, ChangeStatus, remaining_of

DOCUMENTATION = r"""
name: change_table
short_description: Format bulk changes as a table that fits a terminal
version_added: 1.1.0
description:
  - Returns a line for each change, the latest first, with the number of its participants that are settled, and of those
    that are bad.
  - For a change that is being carried out it also shows the rate and the remaining time, for a held one the person who
    holds it, and for one that waits when its next attempt is due, in UTC.
  - In the output of a playbook a line takes no more than 100 columns.
author:
  - The simops.yateota contributors (@simops)
positional: most
options:
  _input:
    description: Changes as M(simops.yateota.yateota_bulk_info) returns them.
    type: list
    elements: dict
    required: true
  most:
    description: How many changes to show. The last line counts the others. V(0) shows all.
    type: int
    default: 0
"""

EXAMPLES = r"""
- name: Read the changes of a ledger
  simops.yateota.yateota_bulk_info:
    ledger: /var/lib/yateota/ledger.sqlite
  register: ledger

- name: Show them
  ansible.builtin.debug:
    msg: "{{ ledger.changes | simops.yateota.change_table(50) }}"
"""

RETURN = r"""
_value:
  description: The lines, a header first.
  type: list
  elements: str
"""

_ID = 15
_RUN = 20
_ROW = "{:<15} {:<13} {:<11} {:>8} {:>7} {:>5} {}"
_HEADER = _ROW.format("change", "status", "action", "SIMs", "settled", "bad", "run").rstrip()


def change_table(changes: Sequence[Mapping[str, Any]], most: int = 0) -> list[str]:
    """Return the lines of the table: a header, and the changes, latest first."""
    latest = list(reversed(changes))
    shown = latest[:most] if most else latest
    more = [f"and {len(latest) - len(shown)} more"] if len(shown) < len(latest) else []
    return [_HEADER, *map(_line, shown), *more]


def _line(change: Mapping[str, Any]) -> str:
    counts, selected, name = change["counts"], change["selected"], change["change_id"]
    settled = selected - remaining_of(counts)
    return _ROW.format(
        name if len(name) <= _ID else f"{name[: _ID - 1]}…",
        change["status"],
        change["action"],
        selected,
        f"{100 * settled / selected:.1f}%" if selected else "-",
        sum(counts[state] for state in BAD_STATES) + (change.get("exhausted") or 0),
        _run(change),
    ).rstrip()


def _run(change: Mapping[str, Any]) -> str:
    """Return the progress of the run that has the lease, or who holds the change."""
    if change.get("held"):
        words = f"held by {change['held']['by']}"
        return words if len(words) <= _RUN else f"{words[: _RUN - 1]}…"
    if not change["held_by"]:
        due = change.get("next_due") if change["status"] == ChangeStatus.WAITING else None
        return f"next {due[5:16].replace('T', ' ')}" if due else ""
    words = ["alive"] if change["rate"] is None else [f"{change['rate']:g}/s"]
    if change["seconds_remaining"] is not None:
        minutes, seconds = divmod(change["seconds_remaining"], 60)
        words.append(f"{minutes // 60}:{minutes % 60:02}:{seconds:02} to go")
    return " ".join(words)


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"change_table": change_table}
