# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compare SIMs to be rerun with the server's data."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleFilterError

from ..module_utils._core.errors import InvalidInputError
from ..module_utils._core.identifiers import SIM_IDENTIFIERS, canonical, check_sim_identifier, described

DOCUMENTATION = r"""
name: esim_sims
short_description: Compare SIMs to be rerun with the data that the server returned
version_added: 1.0.0
description:
  - Reads SIMs from a list or from text, and compares them with the participants that
    M(simops.yateota.yateota_participant_info) has written to files.
  - A SIM has a problem if it is in none of the files, if its identifiers are not all of one SIM, if it is named
    twice, or if the API does not show whether it is the SIM that its number is on now.
author:
  - The simops.yateota contributors (@simops)
positional: paths
options:
  _input:
    description:
      - Text with a SIM in each line, or a list of such lines, or of dictionaries with any of C(iccid), C(imsi) and
        C(msisdn).
      - A line has one or more identifiers of its SIM with blanks between them. An MSISDN begins with C(+), an ICCID has
        18 digits or more, and a shorter number is an IMSI.
    type: raw
    required: true
  paths:
    description: The files, as JSON lines.
    type: list
    elements: path
    required: true
"""

EXAMPLES = r"""
- name: Read the participants of a campaign
  simops.yateota.yateota_participant_info:
    campaign_id: 142
    dest: /var/lib/yateota/campaign-142.jsonl
    format: jsonl

- name: Compare two SIMs with them
  ansible.builtin.debug:
    msg: "{{ sims | simops.yateota.esim_sims(['/var/lib/yateota/campaign-142.jsonl']) }}"
  vars:
    sims: ["+882990000009 001010000005001", "001010000000011"]
"""

RETURN = r"""
_value:
  description: The result of the comparison.
  type: dict
  contains:
    sims:
      description:
        - The SIMs as M(simops.yateota.yateota_bulk) takes them, each with all identifiers in the files.
        - A SIM that is named only by its MSISDN stays so, because a rerun by it means other campaigns.
      type: list
      elements: dict
    problems:
      description: The problems, a sentence each.
      type: list
      elements: str
"""

Sim = dict[str, str]
"""Some of ``SIM_IDENTIFIERS`` and their values; an MSISDN without its +."""


def esim_sims(given: Any, paths: list[str]) -> dict[str, Any]:
    """Return the SIMs and their problems: the keys of RETURN.

    Raises:
        AnsibleFilterError: a file cannot be read.
    """
    try:
        sims = [_sim(entry) for entry in _entries(given)]
        if not sims:
            raise InvalidInputError("No SIM is named: give an ICCID, IMSI or MSISDN in each line.")
    except InvalidInputError as error:
        return {"sims": [], "problems": [str(error)]}
    spelled: Sim = {}
    reported = _reported(sims, paths, spelled)
    problems = [problem for sim in sims if (problem := _problem(sim, reported))]
    completed = [_completed(sim, reported, spelled) for sim in sims]
    return {"sims": completed, "problems": problems or _named_twice(sims, reported)}


def _entries(given: Any) -> list[Any]:
    lines = given.splitlines() if isinstance(given, str) else list(given or [])
    return [line for line in lines if not isinstance(line, str) or line.strip()]


def _sim(entry: Any) -> Sim:
    if isinstance(entry, str):
        words = re.split(r"[\s,;]+", entry.strip(" \t\r,;"))
        sim = {_kind(word): word for word in words}
        if len(sim) < len(words):
            raise InvalidInputError(f"'{entry.strip()}' names more than one SIM: give each a line of its own.")
    elif isinstance(entry, Mapping) and entry and not set(entry) - set(SIM_IDENTIFIERS):
        sim = dict(entry)
    else:
        raise InvalidInputError(
            f"{entry!r} is not a SIM: give a line of text in quotes, or a dictionary with any of "
            f"{', '.join(SIM_IDENTIFIERS)}."
        )
    for kind, value in sim.items():
        check_sim_identifier(kind, value)
    return {kind: str(canonical(kind, value)) for kind, value in sim.items()}


def _kind(word: str) -> str:
    if word.startswith("+"):
        return "msisdn"
    return "iccid" if len(word) >= 18 else "imsi"


def _reported(sims: list[Sim], paths: list[str], spelled: Sim) -> list[Sim]:
    """Return each SIM in the files that is one of these, or shares a number.

    It shares a number that one of these SIMs has or had.

    Args:
        sims: the SIMs.
        paths: the files.
        spelled: receives the spelling of each ICCID there.
    """
    named = {(kind, value) for sim in sims for kind, value in sim.items()}
    found = _having(named, paths, spelled)
    return _having(named | {("msisdn", each["msisdn"]) for each in found if each["msisdn"]}, paths, spelled)


def _having(named: set[tuple[str, str]], paths: list[str], spelled: Sim) -> list[Sim]:
    found = {}
    for iccid, sim in _identities(paths):
        if not named.isdisjoint(sim.items()):
            found[tuple(sim.items())] = sim
            spelled[sim["iccid"]] = iccid
    return list(found.values())


def _completed(sim: Sim, reported: list[Sim], spelled: Sim) -> Sim:
    """Return a SIM with all its identifiers in the files.

    They show whether two names mean one SIM. A SIM that is named only by its number stays so: a rerun by it means other
    campaigns [S].
    """
    if set(sim) == {"msisdn"}:
        return sim
    fits = _fits(sim, reported)
    told = {kind: {each[kind] for each in fits} - {""} for kind in SIM_IDENTIFIERS}
    more = {kind: next(iter(values)) for kind, values in told.items() if len(values) == 1}
    whole = {**sim, **more}
    return {**whole, "iccid": spelled.get(whole["iccid"], whole["iccid"])} if "iccid" in whole else whole


def _identities(paths: list[str]) -> Iterator[tuple[str, Sim]]:
    """Yield the participants in the files.

    Each is the ICCID as spelled there, and all identifiers in canonical form.
    """
    for path in paths:
        try:
            with open(path, encoding="utf-8") as lines:
                for line in lines:
                    participant = json.loads(line)
                    sim = {kind: str(canonical(kind, participant[kind] or "")) for kind in SIM_IDENTIFIERS}
                    yield participant["iccid"] or "", sim
        except OSError as error:
            raise AnsibleFilterError(f"'{path}' cannot be read ({error.strerror}): write it on this machine.") from None


def _fits(sim: Sim, reported: list[Sim]) -> list[Sim]:
    return [each for each in reported if sim.items() <= each.items()]


def _problem(sim: Sim, reported: list[Sim]) -> str:
    """Return why a SIM must not be rerun; empty if it can be."""
    name = described(sim)
    fits = _fits(sim, reported)
    if not fits:
        others = [each for each in reported if not sim.items().isdisjoint(each.items())]
        if not others:
            return f"{name} is in none of the campaigns read: check it."
        return f"{name} is not one SIM: the server returned {described(others[0])}."
    if "msisdn" in sim and len(sim) > 1:
        return ""  # Both identifiers together say which SIM the number is on now.
    numbers = {each["msisdn"] for each in fits} - {""}
    cards = sorted({each["imsi"] or each["iccid"] for each in reported if each["msisdn"] in numbers})
    if len(cards) < 2:
        return ""
    other = "the IMSI or ICCID of the right one" if "msisdn" in sim else "the MSISDN, with its +,"
    return (
        f"{name} has a number that is reported on {len(cards)} SIMs ({', '.join(cards)}), "
        f"and the API does not show which it is on now: give {other} too."
    )


def _named_twice(sims: list[Sim], reported: list[Sim]) -> list[str]:
    """Return the SIMs that are named twice.

    A second rerun would reset the OTA counter once more.
    """
    first: dict[tuple[str, str], Sim] = {}
    problems = []
    for sim in sims:
        cards = {(kind, each[kind]) for each in _fits(sim, reported) for kind in ("imsi", "iccid") if each[kind]}
        duplicate = next((first[card] for card in cards if card in first), None)
        if duplicate:
            problems.append(f"{described(sim)} and {described(duplicate)} are one SIM: name it once.")
        first.update(dict.fromkeys(cards, sim))
    return problems


class FilterModule:
    """The filters of this file, by their names."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by their names."""
        return {"esim_sims": esim_sims}
