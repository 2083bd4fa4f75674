# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find variables that a role or playbook does not know, and the names meant."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from ..module_utils._ansible.connection_arguments import CONNECTION_ARGUMENTS
from ._variable_specs import Scope, all_names, private_names, role_names, shared_names
from ._variable_values import is_given

# How similar two names must be, from 0 to 1, to be one that is misspelled. A variable of the command line is meant for
# this playbook; one of an inventory may be the user's own, and must be more similar.
_ALIKE_ON_COMMAND_LINE = 0.8
_ALIKE_ANYWHERE = 0.85
_ALIKE_PREFIX = 0.75

_SELECTING = ("campaign_id", "campaign_name", "participant_id", "iccid", "imsi", "msisdn", "sims", "bulk_change_source")
"""Names that limit which participants are acted on: if a playbook ignored one, it would act on more than was meant."""

_REHEARSING = {
    "check": "--check",
    "check_mode": "--check",
    "dry_run": "--check",
    "dryrun": "--check",
    "limit": "--limit",
}
"""Options of Ansible given as variables: if they were ignored, a rehearsal would be the real run."""


def name_problems(variables: Mapping[str, Any], extra: Iterable[str], scope: Scope) -> list[str]:
    """Return the problems with the names of the given variables, a sentence each.

    Args:
        variables: all variables of a host, by their names; their values show which ones are registered results.
        extra: the names of those that were given only for this run, with ``-e`` or by an AWX survey.
        scope: what the role or playbook takes.
    """
    given = set(extra)
    everywhere = [_anywhere(name, variables, scope, name in given) for name in _public(variables)]
    for_this_run = [_for_this_run(name, variables, scope) for name in sorted(given)]
    # Both checks can find the same name; it is reported once.
    return list(dict.fromkeys(problem for problem in everywhere + for_this_run if problem))


def _anywhere(name: str, variables: Mapping[str, Any], scope: Scope, given: bool) -> str:
    """Return the problem with a name given anywhere.

    ``given`` is whether it was given only for this run.
    """
    wrong = _in_name_space(name, variables[name], scope) or _near_role(name, scope)
    return wrong or ("" if given else _near_shared(name, variables, scope))


def _for_this_run(name: str, variables: Mapping[str, Any], scope: Scope) -> str:
    """Return the problem with a name that was given for this run.

    A role in a user's play may see the user's own variables.
    """
    if not is_given(variables.get(name)):
        return _near_own(name, scope) if scope.is_playbook and not _is_known(name, scope) else ""
    own = _private(name) or _set_by_itself(name, scope)
    if own or not scope.is_playbook or _is_known(name, scope):
        return own
    wrong = _suffix(name, scope) or _connection(name, variables) or _used_inside(name, scope)
    return wrong or _near_own(name, scope) or _selecting(name, scope)


def _public(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if isinstance(name, str) and not name.startswith("__"))


def _is_known(name: str, scope: Scope) -> bool:
    return name in scope.known or name in scope.facts


def _in_name_space(name: str, value: Any, scope: Scope) -> str:
    """Report a name that begins like a role's variables and is none of them."""
    role = next((role for prefix, role in scope.prefixes.items() if name.startswith(prefix)), None)
    if role is None or _is_known(name, scope) or _is_result(value):
        return ""
    nearest = _nearest(name, _of_roles(scope), 0.6)
    if nearest:
        return _meant(name, nearest)
    return (
        f"{name} is not a variable of the role {role}: `ansible-doc -t role simops.yateota.{role}` lists its variables."
    )


def _near_role(name: str, scope: Scope) -> str:
    """Report a name whose role prefix is misspelled."""
    if _is_known(name, scope) or name in all_names() or any(name.startswith(prefix) for prefix in scope.prefixes):
        return ""
    if not any(_ratio(name[: len(prefix)], prefix) >= _ALIKE_PREFIX for prefix in scope.prefixes):
        return ""
    nearest = _nearest(name, _of_roles(scope), _ALIKE_ANYWHERE)
    return _meant(name, nearest) if nearest else ""


def _near_shared(name: str, variables: Mapping[str, Any], scope: Scope) -> str:
    """Report a name in an inventory that is close to a connection variable's.

    It is a problem only if the connection variable is not given.
    """
    if _is_known(name, scope):
        return ""
    nearest = _nearest(name, shared_names() & scope.own.keys(), _ALIKE_ANYWHERE)
    return _meant(name, nearest) if nearest and nearest not in variables else ""


def _set_by_itself(name: str, scope: Scope) -> str:
    """Report a role's variable that the playbook, or an including role, sets itself."""
    if name not in scope.sets:
        return ""
    instead = scope.sets[name]
    return f"{scope.name} sets {name} itself: {f'give {instead} instead' if instead else 'leave it out'}."


def _private(name: str) -> str:
    """Report a private variable of the roles and playbooks."""
    kept = name.startswith(("__yateota_", *(f"__{role}_" for role in role_names())))
    return f"{name} is a variable of the collection's own: leave it out." if kept else ""


def _used_inside(name: str, scope: Scope) -> str:
    """Report a variable that passes data between the playbooks' tasks.

    A given value would change that data.
    """
    return f"{scope.name} uses the variable {name} itself: leave it out." if name in private_names() else ""


def _connection(name: str, variables: Mapping[str, Any]) -> str:
    """Report a connection option that is given as a variable.

    It would be ignored, and another server would be used.
    """
    option = name.removeprefix("yateota_")
    if option not in CONNECTION_ARGUMENTS or (option != name and is_given(variables.get("yateota_connection"))):
        return ""
    return (
        f"{name} is not a known variable: give {option} in yateota_connection, or in the environment as "
        f"{CONNECTION_ARGUMENTS[option]['fallback'][1][0]}."
    )


def _suffix(name: str, scope: Scope) -> str:
    """Return a role's variable without its prefix.

    For example ``state`` for ``bulk_change_state``.
    """
    if not scope.acts and name in all_names():
        return ""  # an answer to another playbook of the same AWX workflow
    meant = [f"{prefix}{name}" for prefix in (*scope.prefixes, "yateota_") if f"{prefix}{name}" in scope.known]
    return _meant(name, meant[0]) if meant else ""


def _near_own(name: str, scope: Scope) -> str:
    """Report a name on the command line that resembles one of the playbook's."""
    if name in all_names():
        return ""
    nearest = _nearest(name, scope.known, _ALIKE_ON_COMMAND_LINE)
    return _meant(name, nearest) if nearest else ""


def _selecting(name: str, scope: Scope) -> str:
    """Report a name that would limit or rehearse the action if it were known.

    A misspelling of such a name counts too.
    """
    if not scope.acts:
        return ""
    if _plain(name) in _REHEARSING:
        return f"{name} is not a known variable: give {_REHEARSING[_plain(name)]} on the command line instead."
    if name in _SELECTING:
        return f"{scope.name} does not take {name}, and would act on more than that names: leave it out."
    short = {each.removeprefix(prefix): each for prefix in scope.prefixes for each in _of_roles(scope)}
    nearest = _nearest(name, [*short, *_SELECTING], _ALIKE_ON_COMMAND_LINE)
    if nearest in short:
        return _meant(name, short[nearest])
    return f"{scope.name} does not take {name}, and would act on more than that names: leave it out." if nearest else ""


def _meant(name: str, nearest: str) -> str:
    return f"{name} is not a known variable: {nearest} is probably meant."


def _of_roles(scope: Scope) -> list[str]:
    return [name for name in scope.known if any(name.startswith(prefix) for prefix in scope.prefixes)]


def _is_result(value: Any) -> bool:
    """Return whether a value is a task's registered result.

    If it is, the name is the user's own.
    """
    return isinstance(value, Mapping) and "changed" in value and ("failed" in value or "skipped" in value)


def _nearest(name: str, names: Iterable[str], alike: float) -> str | None:
    by_plain = {_plain(each): each for each in names}
    found = difflib.get_close_matches(_plain(name), by_plain, 1, alike)
    return by_plain[found[0]] if found else None


def _ratio(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, _plain(one), other).ratio()


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
