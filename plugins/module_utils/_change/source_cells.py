# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Clean the cells of a list of SIMs, and refuse identifiers with lost digits.

Spreadsheets and people write identifiers in many forms.
"""

from __future__ import annotations

import re
from typing import Any

from .._core.errors import InvalidInputError
from .._core.identifiers import IDS, canonical, luhn_fits

_INVISIBLE = dict.fromkeys(
    (0xAD, 0x1A, 0xFEFF, *range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x206A)), None
)
"""A soft hyphen, the old end-of-file character, zero-width characters, marks of direction."""

_BLANK = " \u00a0\u1680\u2000-\u200a\u202f\u205f\u3000"
_DASH = "\\-\u2010-\u2015\u2212\ufe58\ufe63\uff0d"
_APOSTROPHE = "'\u2018\u2019\u02bc`\u00b4"
_WRAPPED = re.compile(r'=\s*"([^"]*)"')
_INNER = re.compile(f"(?<=[0-9A-Fa-f+])[{_BLANK}{_DASH}{_APOSTROPHE}]+(?=[0-9A-Fa-f])")
_PHONE_MARKS = re.compile(f"[(){_BLANK}{_DASH}]")
_PHONE = re.compile(rf"[+(]*[0-9][0-9.(){_BLANK}{_DASH}]*")
_SCIENTIFIC = re.compile(r"[+-]?([0-9]+[.,][0-9]+|[0-9])E[+-]?[0-9]{1,3}", re.IGNORECASE)
_DECIMAL = re.compile(r"[+-]?[0-9]+[.,][0-9]*")
_EXACT_DIGITS = 15
"""The number of digits of a number that a spreadsheet keeps."""

_AS_TEXT = "format the column as text, and put the identifiers in again from their source"


class Number(str):
    """A number of a workbook, in decimal digits.

    What stood before the digits is not known.
    """

    __slots__ = ()


def is_blank(cell: Any) -> bool:
    """Return whether a cell has nothing visible."""
    if not isinstance(cell, str):
        return cell is None
    return not cell or not (cell.isalnum() or cell.translate(_INVISIBLE).strip())


def cleaned(field: str, value: Any) -> Any:
    """Return a cell without what spreadsheets and people add to it; it may be empty.

    Args:
        field: the identifier or id that it holds.
        value: the cell. The identifiers' own checks judge values that are not text.

    Raises:
        InvalidInputError: it is a number in scientific notation or with a decimal point, or one of a workbook that is
            not the whole identifier.
    """
    if not isinstance(value, str) or (not isinstance(value, Number) and value.isascii() and value.isdecimal()):
        return value
    text = value.translate(_INVISIBLE).strip()
    wrapped = _WRAPPED.fullmatch(text)  # the form in which a spreadsheet keeps text: ="8931..."
    text = (wrapped[1] if wrapped else text).strip().strip(_APOSTROPHE + '"').strip()
    if not re.sub(f"[{_DASH}]", "", text):
        return ""
    if text.startswith("="):
        raise InvalidInputError(f"{field} '{text[:40]}' is a formula: put its value in its place.")
    if _SCIENTIFIC.fullmatch(text):
        raise InvalidInputError(
            f"{field} '{text}' is a number in scientific notation, whose digits are lost: {_AS_TEXT}."
        )
    if _DECIMAL.fullmatch(text):
        raise InvalidInputError(f"{field} '{text}' is a number with a decimal point: {_AS_TEXT}.")
    if field in IDS:
        return text
    if isinstance(value, Number):
        _check_number(field, text)
    return _phone(text) if field == "msisdn" else _INNER.sub("", text)


def check_digits(iccid: str) -> None:
    """Refuse an ICCID of a table that once was a spreadsheet's number.

    Raises:
        InvalidInputError: its digits are lost.
    """
    if lost_digits(iccid) and len(iccid) > 18 and not luhn_fits(iccid):
        raise InvalidInputError(
            f"iccid '{iccid}' has zeros from its 16th digit on and a wrong check digit, as when a spreadsheet took it "
            f"for a number: {_AS_TEXT}."
        )


def lost_digits(iccid: str) -> bool:
    """Return whether an ICCID has zeros from the 16th digit on.

    A spreadsheet turned such an ICCID into a number.
    """
    return 18 <= len(iccid) <= 22 and iccid.isdecimal() and not iccid[_EXACT_DIGITS:].strip("0")


def contradict(field: str, one: Any, other: Any) -> bool:
    """Return whether two cells of a row cannot both be right."""
    if field in IDS:
        return str(one).lstrip("0") != str(other).lstrip("0")
    return bool(canonical(field, one) != canonical(field, other))


def _check_number(field: str, text: str) -> None:
    """Refuse a workbook's number that is not the whole identifier."""
    if len(text) > _EXACT_DIGITS:
        raise InvalidInputError(
            f"{field} '{text}' is a number of more than {_EXACT_DIGITS} digits, the last of which are lost: {_AS_TEXT}."
        )
    if field == "imsi" and len(text) < _EXACT_DIGITS:
        raise InvalidInputError(
            f"imsi '{text}' is a number of {len(text)} digits, and may have lost leading zeros: {_AS_TEXT}."
        )


def _phone(text: str) -> str:
    """Return a phone number without the marks between its digits, unless they matter."""
    if "(0)" in text or not _PHONE.fullmatch(text) or text.count(".") == 1:
        return text
    return _PHONE_MARKS.sub("", text).replace(".", "")
