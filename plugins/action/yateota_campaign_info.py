# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the module of the same name in the controller's process if possible.

For a wait it runs again and again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from typing import Any

from ansible.module_utils.common.validation import check_type_dict

from ..module_utils._ansible.module import Result
from ..module_utils._core.errors import TransportError
from ..module_utils._core.watching import STILL_WATCHED, is_temporary, unread
from ..modules import yateota_campaign_info
from ..plugin_utils._steps import SteppedAction


class ActionModule(SteppedAction):
    """The action of ``yateota_campaign_info``."""

    module = yateota_campaign_info

    def wants_steps(self, options: Mapping[str, Any]) -> bool:
        """Return whether the task waits.

        In check mode it reads once, which the module does by itself.
        """
        return _wait_of(options) is not None and not self._task.check_mode

    def run_in_steps(self, options: Mapping[str, Any], stopped: threading.Event, variables: dict[str, Any]) -> Result:
        """Read the campaign until it has ended or the time is over.

        The latest result is returned.
        """
        result, looks = self.run_step(options, variables), 1
        begun = time.monotonic()  # after the first reading, so that even a slow machine has time for a second one
        while "watched" in result:
            self.show_line(result["watched"]["text"])
            result["watched"].update(looks=looks)
            interval, timeout = (_seconds(name, options) for name in ("interval", "timeout"))
            if result["watched"]["verdict"] not in STILL_WATCHED or time.monotonic() + interval > begun + timeout:
                return result
            if stopped.wait(interval):
                error = TransportError(
                    f"{result['watched']['text']} The wait was stopped by a signal: wait for it again."
                )
                return {**result, "failed": True, "msg": str(error), "failure": error.failure()}
            result, looks = self._look(options, result, variables), looks + 1
        return result

    def _look(self, options: Mapping[str, Any], before: Result, variables: dict[str, Any]) -> Result:
        """Read the campaign once more.

        A server that cannot be reached for a while does not end the wait.
        """
        campaign_id = before["campaigns"][0]["campaign_id"]  # by name, the whole list would be read each time
        if campaign_id is not None:
            unnamed = {option: value for option, value in options.items() if option != "name"}
            options = {**unnamed, "campaign_id": campaign_id}
        result = self.run_step(options, variables)
        if "failure" in result and is_temporary(result["failure"]):
            return {**before, "watched": unread(campaign_id, result["msg"])}
        return result


def _wait_of(options: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the option ``wait``; None if it is not set, or is not a dictionary.

    The module refuses anything that is not a dictionary.
    """
    try:
        return None if options.get("wait") is None else dict(check_type_dict(options["wait"]))
    except TypeError:
        return None


def _seconds(name: str, options: Mapping[str, Any]) -> float:
    """Return a number of seconds that the module checked at the first reading."""
    given = (_wait_of(options) or {}).get(name)
    return float(yateota_campaign_info.ARGUMENTS["wait"]["options"][name]["default"] if given is None else given)
