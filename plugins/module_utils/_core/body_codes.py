# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Name the body codes of an answer that mean something to the collection.

The specification describes no errors; these were observed [F].
"""

from __future__ import annotations

ENGINE_AWAY = 200
"""The engine cannot be reached, timed out or hung up: an action may have been carried out nevertheless."""

UNKNOWN_VALUE = 401
"""The server does not know a value, a node or the request itself."""

MISSING_PARAMETER = 402
"""A parameter is missing."""

NOT_ALLOWED = 403
"""This secret may not do it."""

NOT_FOUND = 404
"""What a parameter names does not exist on this node."""
