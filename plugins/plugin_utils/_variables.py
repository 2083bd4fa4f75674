# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check all variables given to a role or playbook before anything else happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ansible.errors import AnsibleFilterError
from ansible.module_utils.common.validation import check_type_path

from ..filter.confined_path import confined_path
from ..module_utils._core.errors import InvalidInputError
from ._job_ledger import LEDGER, ledger_problems
from ._tasks_file import outside
from ._variable_names import name_problems
from ._variable_specs import Scope
from ._variable_values import is_given, read

CONFINED = ("bulk_change_report_directory", "bulk_change_source", "dest")
"""The paths that a survey may ask for."""

FILES_ROOT = "yateota_files_root"


@dataclass(frozen=True)
class Given:
    """The variables of a host.

    Attributes:
        variables: all variables by their names, with their templates not yet evaluated.
        extra: the names of variables that were given only for this run.
        resolved: evaluates a value's templates; raises InvalidInputError if it cannot.
        ready: values that take precedence, as they are: those that a playbook sets for a role.
    """

    variables: Mapping[str, Any]
    extra: frozenset[str]
    resolved: Callable[[Any], Any]
    ready: Mapping[str, Any] = field(default_factory=dict)


def examined(given: Given, scope: Scope) -> tuple[list[str], dict[str, Any]]:
    """Return the problems, and the given values converted to their types.

    Each problem is a sentence. Values that are null, blank or omitted are not given.
    """
    problems = name_problems(given.variables, given.extra, scope)
    values: dict[str, Any] = {}
    wrong: set[str] = set()
    for name, spec in scope.known.items():
        if name not in given.variables and name not in given.ready:
            continue
        try:
            value = plain(given.ready[name] if name in given.ready else given.resolved(given.variables[name]))
            if is_given(value) and not _is_omitted(value, given.variables):
                values[name] = read(name, spec, _located(name, _confined(name, value, given), given, scope))
            if values.get(name) == [] and spec.get("type") == "sims":
                del values[name]  # text without a SIM
        except InvalidInputError as error:
            wrong.add(name)
            problems.append(_as_sentence(name, str(error)))
    problems += _group_problems(values.keys() | wrong, scope)
    # What only reads acts on no SIM.
    only_reads = scope.is_playbook and not scope.acts
    if LEDGER in scope.known and not only_reads and not {LEDGER, FILES_ROOT} & wrong:
        problems += ledger_problems(values, given.variables, _files_root(given))
    return problems, values


def _confined(name: str, value: Any, given: Given) -> Any:
    """Return a path inside ``yateota_files_root`` if that is set.

    Any other value is returned as it is.

    Raises:
        InvalidInputError: it leads out of the folder.
    """
    root = _files_root(given) if name in CONFINED else None
    if root is None or not isinstance(value, str):
        return value
    try:
        return confined_path(value.strip(), root)
    except AnsibleFilterError as error:
        raise InvalidInputError(f"{name}: {error}") from None


def _located(name: str, value: Any, given: Given, scope: Scope) -> Any:
    """Return a tasks file's path, completed by the folder of the user's playbook.

    Any other value is returned as it is. The collection's own playbooks lie in a folder without users' files: for them
    the path must be whole.

    Raises:
        InvalidInputError: it is in the folder ``yateota_files_root``.
    """
    if scope.known[name].get("type") != "tasks_file" or not isinstance(value, str):
        return value
    path = str(check_type_path(value)).strip()
    if not scope.is_playbook:
        path = os.path.join(str(given.variables.get("playbook_dir", "")), path)
    root = _files_root(given)
    return path if root is None else outside(name, path, root)


def _files_root(given: Given) -> str | None:
    """Return the folder ``yateota_files_root``, or None if it is not set.

    Modules expand ~ too: the compared folder is the one that is written to.

    Raises:
        InvalidInputError: its templates cannot be evaluated.
    """
    root = given.resolved(given.variables.get(FILES_ROOT))
    return str(check_type_path(root)).strip() if is_given(root) else None


def plain(value: Any) -> Any:
    """Return a value without the lazy parts of newer ansible-core."""
    if isinstance(value, Mapping):
        return {key: plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(each) for each in value]
    return value


def _group_problems(given: set[str], scope: Scope) -> Iterator[str]:
    for group in scope.needs:
        if not given.intersection(group):
            yield f"{' or '.join(group)} is missing: give {_give(group[0], scope)}."
    for group in scope.exclusive:
        if given.issuperset(group):
            yield f"{' and '.join(group)} are both given: give one of them."


def _give(name: str, scope: Scope) -> str:
    return str(scope.known[name].get("give", "it"))


def _as_sentence(name: str, error: str) -> str:
    return error if error.startswith(name) else f"{name}: {error}"


def _is_omitted(value: Any, variables: Mapping[str, Any]) -> bool:
    return "omit" in variables and bool(value == variables["omit"])
