# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks the sandbox's admin path from the controller: the targets do it so often that a module's start would add up."""

from __future__ import annotations

import json
from typing import Any

from ansible.module_utils.urls import open_url
from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """The options url, token, method and body; the answer is in the result's json."""

    _VALID_ARGS = frozenset({"url", "token", "method", "body"})

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Fails, with the server's status, where that is no success."""
        result: dict[str, Any] = super().run(tmp, task_vars)  # refuses other options
        given = self._task.args
        headers = {"X-Sandbox-Token": given["token"], "Content-Type": "application/json"}
        body = json.dumps(given["body"]) if "body" in given else None
        with open_url(given["url"], method=given["method"], headers=headers, data=body, use_proxy=False) as answer:
            text = answer.read()
        return {**result, "changed": False, "json": json.loads(text) if text else None}
