# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the identifiers of SIMs and participants before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from .bounds import check_number
from .errors import InvalidInputError

SIM_IDENTIFIERS = ("iccid", "imsi", "msisdn")
IDENTIFIERS = ("participant_id", *SIM_IDENTIFIERS)
IDS = ("participant_id", "campaign_id")
"""The identifiers that are whole numbers; those of ``SIM_IDENTIFIERS`` are text."""

_FORMS = {
    "imsi": (re.compile(r"[0-9]{14,15}"), "14 or 15 digits"),
    "iccid": (re.compile(r"[0-9A-F]{18,22}"), "18 to 22 digits"),
    "msisdn": (re.compile(r"[0-9]{1,15}"), "up to 15 digits, with an optional + in front"),
}
_UNASSIGNED = ("1", "8")
"""First digits that no mobile country code has (ITU-T E.212)."""

_ID = re.compile(r"0*([0-9]{1,40})")
_SHOWN_MOST = 40
"""How many characters of a refused value a message shows."""


_quoted: set[str] = set()
_QUOTED_MOST = 10_000
"""How many identifiers are noted at most, so that a long list takes no memory."""


def quoted() -> frozenset[str]:
    """Return the SIM identifiers that messages of this process have quoted.

    Masking searches for them.
    """
    return frozenset(_quoted)


def _quote(value: Any) -> Any:
    """Note a value that a message quotes."""
    if len(_quoted) < _QUOTED_MOST:
        _quoted.add(str(value))
    return value


def canonical(kind: str, value: Any) -> Any:
    """Return the form in which identifiers are compared.

    Equal forms mean one SIM or participant. An MSISDN loses its +, or the 00 in its place, with which no country code
    begins; an ICCID is in upper case and without the F that fills it up to whole bytes; an IMSI and an id are taken as
    they are. ``_ledger.tables.canonical_column`` is the same in SQL.

    Args:
        kind: one of ``IDENTIFIERS``.
        value: an identifier, or None.
    """
    if kind not in SIM_IDENTIFIERS or not value:
        return value
    if kind == "msisdn":
        digits = str(value).lstrip("+")
        return digits.removeprefix("00") or digits
    return str(value).upper().rstrip("F") if kind == "iccid" else str(value)


def parse_id(option: str, value: Any, blank: bool = True) -> int | None:
    """Read a ``participant_id`` or ``campaign_id`` as a decimal number.

    Args:
        option: how the message names it.
        value: an integer, or ASCII digits with nothing but blanks around them; None is "not given".
        blank: whether text that is empty, or blank, is "not given" too.

    Raises:
        InvalidInputError: it is a boolean, has a sign, a point, an exponent, another base, or is not 1 to 2**63 - 1.
    """
    if isinstance(value, str):
        text = value.strip(" \t\r\n")
        digits = _ID.fullmatch(text)
        number = int(digits[1]) if digits else None
        value = number if digits else (value if text or not blank else None)
    if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
        raise InvalidInputError(f"{option} {_shown(value)} is not valid: expected a whole number in decimal digits.")
    check_positive(option, value)
    return value


def check_text(option: str, value: Any) -> None:
    """Refuse a value that is not text.

    An identifier that is a number may have lost its leading zeros.

    Raises:
        InvalidInputError: names the option and the value that was read.
    """
    if isinstance(value, str):
        return
    _quote(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    what = f"the number {value}" if is_number else f"{type(value).__name__} {_shown(value)}"
    raise InvalidInputError(f"{option} was read as {what}, expected text: put it in quotes.")


def check_sim_identifier(option: str, value: Any) -> None:
    """Refuse an ``imsi``, ``iccid`` or ``msisdn`` that cannot be one.

    Args:
        option: which of them it is.
        value: the given value. An ICCID may end with the filler F, and be hexadecimal, as servers list it.

    Raises:
        InvalidInputError: names the option, the value and the form it should have.
    """
    check_text(option, value)
    form, words = _FORMS[option]
    plain = value.removeprefix("+") if option == "msisdn" else canonical(option, value)
    refusal = f"{option} {_shown(value)} is not valid: "
    if not form.fullmatch(plain):
        _quote(value)
        lost = option == "imsi" and plain.isascii() and plain.isdecimal() and len(plain) < 14
        zeros = " It seems to have lost leading zeros: give it as text, whole." if lost else ""
        raise InvalidInputError(f"{refusal}expected {words}.{zeros}")
    if option == "imsi" and value.startswith(_UNASSIGNED):
        _quote(value)
        raise InvalidInputError(
            f"{refusal}no country code begins with {value[0]}. It seems to have lost leading zeros: "
            "give it as text, whole."
        )


def _shown(value: Any) -> str:
    """Return a value as a message quotes it: escaped and shortened."""
    text = repr(value)
    return text if len(text) <= _SHOWN_MOST else f"{text[:_SHOWN_MOST]}..."


LONG_NUMBER = re.compile(r"[0-9]{6,}")
"""Digits in a text of the server that may be those of an identifier."""

_NAMED_NUMBER = re.compile(rf"\b(?:{'|'.join(SIM_IDENTIFIERS)}) (?:was read as the number )?'?\+?[0-9]+")


def check_positive(option: str, value: int | None, least: int = 1) -> None:
    """Refuse a whole number below ``least``; None passes.

    A number that no ledger can hold is refused too.

    Raises:
        InvalidInputError: names the option, the value and the smallest or largest that is allowed.
    """
    check_number(option, value, {"least": least})


def luhn_fits(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others.

    ITU-T E.118 defines it.
    """
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def read_identification(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Read ``IDENTIFIERS`` and ``campaign_id`` from an entry.

    The entry comes from a list, a file or options.

    Args:
        entry: may hold other keys, which are left out; None, and text that is empty, are "not given".

    Raises:
        InvalidInputError: an identifier is malformed or a number, or an id is not valid.
    """
    given = {name: entry.get(name) for name in (*IDENTIFIERS, "campaign_id")}
    given.update({name: parse_id(name, given[name]) for name in IDS})
    given = {name: value for name, value in given.items() if value not in (None, "")}
    for name in SIM_IDENTIFIERS:
        if name in given:
            check_sim_identifier(name, given[name])
    return given


def check_identification(given: Mapping[str, Any]) -> str | None:
    """Check a mapping with any of ``IDENTIFIERS`` and ``campaign_id``.

    Returns:
        A warning about an ICCID whose last digit is not its Luhn check digit, or None.

    Raises:
        InvalidInputError: an identifier is malformed, or none is given.
    """
    given = read_identification(given)
    if not any(name in given for name in IDENTIFIERS):
        raise InvalidInputError(
            f"A participant needs one of {', '.join(IDENTIFIERS)}: {described(given)} has none of them."
        )
    iccid = given.get("iccid")
    digits = str(canonical("iccid", iccid or ""))
    if len(digits) > 18 and digits.isdecimal() and not luhn_fits(digits):
        _quote(iccid)
        return f"iccid {iccid}: its last digit is not the Luhn check digit of the others; check it for a typing error."
    return None


def described(given: Mapping[str, Any]) -> str:
    """Return the identification of a participant or campaign in words.

    For example ``participant 195 of campaign 167``. It notes the identifiers for masking (see ``quoted``).
    """
    words = [f"{name} {_quote(given[name])}" for name in SIM_IDENTIFIERS if given.get(name)]
    if given.get("participant_id"):
        words.insert(0, f"participant {given['participant_id']}")
    if given.get("campaign_id"):
        campaign = f"campaign {given['campaign_id']}"
        return f"{' '.join(words)} of {campaign}" if words else campaign
    return " ".join(words) or "the one given"


def masked(text: str | None) -> str | None:
    """Mask all but the last 4 digits of numbers of 6 digits or more in a text."""
    return text and LONG_NUMBER.sub(lambda number: "*" * (len(number[0]) - 4) + number[0][-4:], text)


def masked_where_named(text: str) -> str:
    """Mask the numbers that a message of the collection names as a SIM's.

    Its other numbers are ids and ports.
    """
    return _NAMED_NUMBER.sub(lambda named: str(masked(named[0])), text)
