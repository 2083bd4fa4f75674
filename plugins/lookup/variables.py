# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Check the variables given to a role or playbook."""

from __future__ import annotations

DOCUMENTATION = r"""
name: variables
short_description: Check the variables that a role or playbook of the collection was given
version_added: 1.1.0
description:
  - Compares all variables of the host with those that a role or playbook of this collection takes. The roles and
    playbooks do this first.
  - A misspelled variable is a problem, also in the inventory or the play. So is a value of a wrong type, and text
    that was read as a number.
  - A variable that is null or blank counts as not given.
author:
  - The simops.yateota contributors (@simops)
options:
  _terms:
    description: None.
  role:
    description: The role, for example V(bulk_change). Exactly one of this and O(playbook) is required.
    type: str
  playbook:
    description: The playbook, for example V(bulk_retry).
    type: str
  strict:
    description: Fail if there is a problem, so that no task uses what is given in part.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Check the variables of the role campaign_watch
  ansible.builtin.assert:
    that: found.problems | length == 0
    fail_msg: "{{ found.problems | join(' ') }}"
  vars:
    found: "{{ lookup('simops.yateota.variables', role='campaign_watch') }}"
"""

RETURN = r"""
_raw:
  description: One dictionary.
  type: list
  elements: dict
  contains:
    problems:
      description: The problems, a sentence each.
      type: list
      elements: str
    given:
      description:
        - The variables that were given, and the defaults of the others, each converted to its type.
        - Variables of a role are without the role's name in front, all others have their full names.
      type: dict
"""

from typing import Any

from ansible.errors import AnsibleError, AnsibleLookupError
from ansible.module_utils.parsing.convert_bool import boolean
from ansible.plugins.lookup import LookupBase
from ansible.utils.vars import load_extra_vars

from ..module_utils._core.errors import InvalidInputError
from ..plugin_utils._variable_specs import Scope, defaults, playbook_scope, role_scope
from ..plugin_utils._variables import Given, examined

try:
    from ansible.template import trust_as_template
except ImportError:  # ansible-core before 2.19 treats any text as a template

    def trust_as_template(value: str) -> str:
        """Return the text as it is."""
        return value


SETS = "__yateota_sets"
"""The variable by which a playbook, or a role that includes another one, sets variables of the role."""


class LookupModule(LookupBase):  # type: ignore[misc]
    """The lookup ``variables``."""

    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **options: Any) -> list[dict[str, Any]]:
        """Return the variables and their problems: the keys of RETURN.

        Raises:
            AnsibleLookupError: no role or playbook of the collection is named; or, with ``strict``, there is a problem.
        """
        strict = boolean(options.pop("strict", False))
        names = {name: options.get(name) for name in ("role", "playbook")}
        if terms or options.keys() - names.keys() or len([name for name in names.values() if name]) != 1:
            raise AnsibleLookupError("variables needs either role or playbook: give the name of one.")
        try:
            scope = role_scope(names["role"]) if names["role"] else playbook_scope(str(names["playbook"]))
        except InvalidInputError as error:
            raise AnsibleLookupError(str(error)) from None
        known = dict(variables or {})
        # A value that the collection's playbook sets for the role overrides an empty one on the command line.
        sets = self._resolved(known.get(SETS) or {}) if names["role"] else {}
        given = Given(known, frozenset(load_extra_vars(self._loader)), self._resolved, sets)
        problems, values = examined(given, scope)
        if strict and problems:
            raise AnsibleLookupError(" ".join(problems))
        if names["role"]:
            values = {**self._defaults(scope, values), **values}
            prefix = f"{scope.name}_"
            values = {name.removeprefix(prefix) if name in scope.own else name: each for name, each in values.items()}
        return [{"problems": problems, "given": values}]

    def _defaults(self, scope: Scope, values: dict[str, Any]) -> dict[str, Any]:
        """Return the role's defaults for variables that were left empty."""
        return {
            name: self._resolved(trust_as_template(value) if isinstance(value, str) else value)
            for name, value in defaults(scope.name).items()
            if name not in values
        }

    def _resolved(self, value: Any) -> Any:
        """Return a variable's value with its templates evaluated.

        Raises:
            InvalidInputError: the templates cannot be evaluated.
        """
        try:
            # In a list, because newer ansible-core removes omitted values from a list, and refuses them elsewhere.
            found = self._templar.template([value])
            return found[0] if found else None
        except AnsibleError as error:
            raise InvalidInputError(str(error)) from None
