# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check that names of changes and of people cannot be mistaken for each other."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from .errors import InvalidInputError

_LONGEST = 200
_UNSEEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp", "Zs")
"""Unicode categories of invisible or ambiguous characters. Only a plain blank between other characters is allowed."""

_FILLERS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)
"""Other invisible characters (Unicode's Default_Ignorable_Code_Point, and the blank of Braille)."""


def check_change_id(change_id: str) -> None:
    """Refuse a ``change_id`` that may look like another.

    Raises:
        InvalidInputError: it is empty, longer than 200 characters, has blanks around it, has control, format or other
            invisible characters, or is not in Unicode's normal form NFC.
    """
    unseen = any(unicodedata.category(each) in _UNSEEN for each in change_id.replace(" ", ""))
    rules = (
        0 < len(change_id) <= _LONGEST,
        change_id == change_id.strip(),
        not unseen,
        not _FILLERS.search(change_id),
        unicodedata.is_normalized("NFC", change_id),
    )
    if not all(rules):
        shown = ascii(change_id if len(change_id) <= _LONGEST else change_id[:20] + "...")
        raise InvalidInputError(
            f"change_id {shown} is not valid: expected 1 to {_LONGEST} characters in normal form (NFC), without blanks "
            "around them, and without control and format characters. Give the ticket's number as it is written there."
        )


def same_name(one: str, other: str) -> bool:
    """Return whether two names of people differ only by case, blanks or Unicode form."""
    return _plain(one) == _plain(other)


def alike(change_id: str, others: Iterable[str]) -> str | None:
    """Return the first of the other names that may be mistaken for a name, or None.

    The two names differ only by case, blanks or Unicode form.
    """
    plain = _plain(change_id)
    return next((other for other in others if other != change_id and _plain(other) == plain), None)


def check_alone(change_id: str, others: Iterable[str]) -> None:
    """Refuse a ``change_id`` that may be mistaken for a recorded one.

    They differ only by case, blanks or Unicode form.

    Raises:
        InvalidInputError: names the recorded one.
    """
    recorded = alike(change_id, others)
    if recorded is not None:
        raise InvalidInputError(
            f"change_id '{change_id}' differs from the recorded {recorded!r} only by case, blanks or Unicode form: "
            f"give {recorded!r} to continue that change, or another change_id for a new one."
        )


def _plain(change_id: str) -> str:
    plain = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", change_id).casefold())
    return " ".join(plain.split())  # as a page shows it
