# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""List all private parts of ansible-core that in-process runs use.

An ansible-core without one of them does not break the collection: its tasks then run as modules. ``ActionBase``,
``Display``, ``AnsibleError`` and ``boolean`` are public for action plugins, and are imported as usual.
"""

from __future__ import annotations

import functools
import importlib
from typing import Any

IMPORTED = {
    "ArgumentSpecValidator": ("ansible.module_utils.common.arg_spec", "ArgumentSpecValidator"),
    "UnsupportedError": ("ansible.module_utils.errors", "UnsupportedError"),
    "remove_values": ("ansible.module_utils.common.parameters", "remove_values"),
    "get_config_value": ("ansible.constants", "config.get_config_value"),
    "get_configuration_definitions": ("ansible.constants", "config.get_configuration_definitions"),
}
"""Each part by its name here, with its module and its place there."""

OF_AN_ACTION = (
    "_connection.become",
    "_connection.transport",
    "_task.async_val",
    "_task.check_mode",
    "_task.delegate_to",
    "_task.environment",
    "_templar.template",
)
"""Attributes of an action plugin that only decide whether the module can run in-process."""


def _part(module: str, path: str) -> Any:
    """Return a part of ansible-core, or None if this version does not have it."""
    try:
        return functools.reduce(getattr, path.split("."), importlib.import_module(module))
    except (ImportError, AttributeError):
        return None


ArgumentSpecValidator = _part(*IMPORTED["ArgumentSpecValidator"])
UnsupportedError = _part(*IMPORTED["UnsupportedError"])
remove_values = _part(*IMPORTED["remove_values"])
get_config_value = _part(*IMPORTED["get_config_value"])
get_configuration_definitions = _part(*IMPORTED["get_configuration_definitions"])


def missing_parts(action: Any) -> list[str]:
    """Return the parts that this ansible-core does not have, by their full names.

    Args:
        action: the action plugin of a task.
    """
    dropped = [".".join(where) for name, where in IMPORTED.items() if globals()[name] is None]
    for path in OF_AN_ACTION:
        try:
            functools.reduce(getattr, path.split("."), action)
        except AttributeError:
            dropped.append(f"ActionBase.{path}")
    return dropped
