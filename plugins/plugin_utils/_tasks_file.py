# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find and read a user's own tasks files before a role does anything else."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader

from ..module_utils._core.errors import InvalidInputError

_VAULT = b"$ANSIBLE_VAULT"
_META = {"meta", "ansible.builtin.meta", "ansible.legacy.meta"}
_ENDS = {"end_host", "end_play", "end_batch", "end_role"}
"""What ends the run of a host as a success, so that nothing is held, and nothing is shown of what came of it."""


def check_tasks_file(name: str, path: str) -> None:
    """Check that a file holds a list of tasks, of which none ends the run before its verdict.

    A file that Ansible Vault has encrypted is accepted unread, and files that it includes are not read.

    Args:
        name: the variable that names it, for an error's sentence.
        path: the file's whole path.

    Raises:
        InvalidInputError: it cannot be read, holds no tasks, or one that ends the run; names the variable, the file and
            the fix.
    """
    if not os.path.isabs(path):
        raise InvalidInputError(f"{name} '{path}' is not valid: give the whole path of a tasks file.")
    try:
        with open(path, "rb") as file:
            if file.read(len(_VAULT)) == _VAULT:
                return
        tasks = DataLoader().load_from_file(path)
    except OSError as error:
        raise InvalidInputError(
            f"{name} '{path}' cannot be read ({error.strerror}): give the path of a tasks file."
        ) from None
    except (AnsibleError, ValueError):  # what is no text fails as the one or the other, by the ansible-core
        raise InvalidInputError(f"{name} '{path}' is not valid YAML: correct the tasks file.") from None
    if not (isinstance(tasks, list) and tasks and all(isinstance(task, dict) for task in tasks)):
        raise InvalidInputError(f"{name} '{path}' is not a list of tasks: write it as the tasks of a role are written.")
    for end in _ends(tasks):
        raise InvalidInputError(
            f"{name} '{path}' has the task meta: {end}, which would end the run as a success: remove it, "
            "and let a task fail where the change must not continue."
        )


def _ends(tasks: Any) -> Iterator[str]:
    """Yield what ends a host's run, of the tasks and of those in their blocks."""
    for task in tasks if isinstance(tasks, list) else []:
        if isinstance(task, Mapping):
            yield from (word for word in map(_meta, task.items()) if word in _ENDS)
            for part in ("block", "rescue", "always"):
                yield from _ends(task.get(part))


def _meta(entry: tuple[Any, Any]) -> str | None:
    """Return what a task's entry has the module ``meta`` do; None if it is another one."""
    key, value = entry
    if key in ("action", "local_action"):
        value = value.get("module") if isinstance(value, Mapping) else value
        key, _space, value = str(value).strip().partition(" ")
    return next(iter(str(value).split()), None) if key in _META else None


def outside(name: str, path: str, root: str) -> str:
    """Return the path of a tasks file, which must be outside a folder.

    Surveys and reports put files into that folder.

    Args:
        name: the variable that names it, for an error's sentence.
        path: the file's whole path.
        root: the folder ``yateota_files_root``.

    Raises:
        InvalidInputError: it is in that folder.
    """
    folder, file = os.path.realpath(root), os.path.realpath(path)
    if os.path.commonpath([folder, file]) == folder:
        raise InvalidInputError(
            f"{name} '{path}' is in yateota_files_root, where jobs write files: keep it with the playbook."
        )
    return path
