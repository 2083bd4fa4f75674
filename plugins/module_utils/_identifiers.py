# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The identifiers of a SIM and of a participant: what they look like, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ._errors import InvalidInputError

_FORMS = {
    "imsi": (re.compile(r"[0-9]{6,15}"), "6 to 15 digits"),
    "iccid": (re.compile(r"[0-9]{18,22}"), "18 to 22 digits"),
    "msisdn": (re.compile(r"\+?[0-9]{1,15}"), "up to 15 digits, with an optional + in front"),
}

SIM_IDENTIFIERS = ("iccid", "imsi", "msisdn")
IDENTIFIERS = ("participant_id", *SIM_IDENTIFIERS)


def check_sim_identifier(option: str, value: str) -> None:
    """Refuse an ``imsi``, ``iccid`` or ``msisdn`` that cannot be one.

    Raises:
        InvalidInputError: names the option, the value and the form it should have.
    """
    form, words = _FORMS[option]
    if not form.fullmatch(value):
        raise InvalidInputError(f"{option} '{value}' is not valid: give {words}.")


_LARGEST = 2**63 - 1

LONG_NUMBER = re.compile(r"[0-9]{6,}")
"""Digits that may be those of an identifier, in a text of the server's."""

_NAMED_NUMBER = re.compile(rf"\b(?:{'|'.join(SIM_IDENTIFIERS)}) '?\+?[0-9]+")


def check_positive(option: str, value: int | None, least: int = 1) -> None:
    """Refuse a number below ``least``, or one that no ledger can hold; None passes.

    Raises:
        InvalidInputError: names the option, the value and the smallest or largest that goes.
    """
    if value is not None and value < least:
        raise InvalidInputError(f"{option} {value} is not valid: give {least} or more.")
    if value is not None and value > _LARGEST:
        raise InvalidInputError(f"{option} {value} is not valid: give {_LARGEST} or less.")


def luhn_fits(digits: str) -> bool:
    """Whether the last digit is the Luhn check digit of the others (ITU-T E.118)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def check_identification(given: Mapping[str, Any]) -> str | None:
    """Check one participant's identification: a mapping with any of ``IDENTIFIERS`` and ``campaign_id``.

    Returns:
        A warning about an ICCID whose last digit is no Luhn digit, or None.

    Raises:
        InvalidInputError: an identifier is malformed, or none is given.
    """
    check_positive("participant_id", given.get("participant_id"))
    check_positive("campaign_id", given.get("campaign_id"))
    if not any(given.get(name) for name in IDENTIFIERS):
        raise InvalidInputError(
            f"A participant needs one of {', '.join(IDENTIFIERS)}: {described(given)} has none of them."
        )
    for name in SIM_IDENTIFIERS:
        if given.get(name) is not None:
            check_sim_identifier(name, given[name])
    iccid = given.get("iccid")
    if iccid and len(iccid) > 18 and not luhn_fits(iccid):
        return f"iccid {iccid}: its last digit is not the Luhn check digit of the others; check it for a typing error."
    return None


def described(given: Mapping[str, Any]) -> str:
    """A participant's or campaign's identification in words: ``participant 195 of campaign 167``."""
    words = [f"{name} {given[name]}" for name in SIM_IDENTIFIERS if given.get(name)]
    if given.get("participant_id"):
        words.insert(0, f"participant {given['participant_id']}")
    if given.get("campaign_id"):
        campaign = f"campaign {given['campaign_id']}"
        return f"{' '.join(words)} of {campaign}" if words else campaign
    return " ".join(words) or "the one given"


def masked(text: str | None) -> str | None:
    """A text whose numbers of 6 digits or more show their last 4 alone."""
    return text and LONG_NUMBER.sub(lambda number: "*" * (len(number[0]) - 4) + number[0][-4:], text)


def masked_where_named(text: str) -> str:
    """A sentence of ours of which only the numbers that it names as a SIM's are masked; others are ids and ports."""
    return _NAMED_NUMBER.sub(lambda named: str(masked(named[0])), text)
