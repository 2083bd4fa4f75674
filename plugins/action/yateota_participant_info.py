# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name in the controller's process if possible."""

from __future__ import annotations

from ..modules import yateota_participant_info
from ..plugin_utils._in_process import InProcessAction


class ActionModule(InProcessAction):
    """The action of ``yateota_participant_info``."""

    module = yateota_participant_info
    is_refused = False  # the role esim_reprofile reads in check mode what it compares
