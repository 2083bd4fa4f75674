# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read which variables roles and playbooks take.

The files in ``roles`` and ``playbooks`` describe them.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load  # by libyaml where it is installed, ten times as fast

from ..module_utils._core.errors import InvalidInputError

COLLECTION = Path(__file__).resolve().parents[2]
PLAYBOOKS = COLLECTION / "playbooks/vars/playbooks.yml"

Options = dict[str, dict[str, Any]]
"""Variables by their names, each with the keys of a role's argument spec (``type``, ``required``, ``choices``, ...)."""


@dataclass(frozen=True)
class Scope:
    """The variables that a role or a playbook takes.

    Attributes:
        name: the role or the playbook.
        own: its own variables.
        inherited: the variables of the roles that it includes.
        needs: groups of variables; of each group at least one must be given.
        exclusive: groups of variables; of each group at most one may be given.
        sets: variables of the included roles that it sets itself, and its own variable for each, or None.
        facts: further names in the roles' name spaces that are not variables to give.
        prefixes: the roles concerned, by the prefix of their variables.
        acts: whether a playbook changes something on the server.
        is_playbook: whether it is a playbook: what is given for a run is then meant only for it.
    """

    name: str
    own: Options
    inherited: Options = field(default_factory=dict)
    needs: tuple[tuple[str, ...], ...] = ()
    exclusive: tuple[tuple[str, ...], ...] = ()
    sets: Mapping[str, str | None] = field(default_factory=dict)
    facts: frozenset[str] = frozenset()
    prefixes: Mapping[str, str] = field(default_factory=dict)
    acts: bool = False
    is_playbook: bool = False

    @property
    def known(self) -> Options:
        """Return all variables that it takes.

        A playbook's description of a variable takes precedence over the role's.
        """
        return {**self.inherited, **self.own}


def role_names() -> list[str]:
    """Return the collection's roles."""
    return sorted(path.name for path in (COLLECTION / "roles").iterdir() if path.is_dir())


def playbook_names() -> list[str]:
    """Return the collection's playbooks."""
    return sorted(_read(PLAYBOOKS)["playbooks"])


@functools.cache
def role_scope(role: str) -> Scope:
    """Return what a role takes, with what the roles that it includes take.

    Raises:
        InvalidInputError: the collection has no such role.
    """
    folder = COLLECTION / "roles" / role / "meta"
    if role not in role_names():
        raise InvalidInputError(f"role '{role}' is not known: give one of {', '.join(role_names())}.")
    specs = _read(folder / "argument_specs.yml")["argument_specs"]["main"]["options"]
    more = _read(folder / "variables.yml")
    included = [role_scope(name) for name in more.get("includes", [])]
    own = {name: {**spec, **more.get("options", {}).get(name, {})} for name, spec in specs.items()}
    return Scope(
        name=role,
        own=own,
        inherited=_optional(included),
        needs=tuple((name,) for name, spec in own.items() if spec.get("required")),
        sets=dict.fromkeys(more.get("sets", [])),
        facts=frozenset(more.get("facts", [])).union(*(each.facts for each in included)),
        prefixes={f"{role}_": role, **{prefix: name for each in included for prefix, name in each.prefixes.items()}},
    )


@functools.cache
def playbook_scope(playbook: str) -> Scope:
    """Return what a playbook takes, with what the roles that it includes take.

    Raises:
        InvalidInputError: the collection has no such playbook.
    """
    file = _read(PLAYBOOKS)
    if playbook not in file["playbooks"]:
        raise InvalidInputError(f"playbook '{playbook}' is not known: give one of {', '.join(playbook_names())}.")
    spec = file["playbooks"][playbook]
    included = [role_scope(name) for name in spec.get("roles", [])]
    inherited = _optional(included)
    sets = {**{name: None for each in included for name in each.sets}, **spec.get("sets", {})}
    needs = _needs(spec.get("needs", []), included, sets)
    names = {name for group in spec.get("needs", []) for name in group} | {*spec.get("takes", []), *shared_names()}
    return Scope(
        name=playbook,
        own={name: {**inherited.get(name, {}), **spec} for name, spec in file["variables"].items() if name in names},
        inherited=inherited,
        needs=needs,
        exclusive=tuple(map(tuple, spec.get("exclusive", []))),
        sets=sets,
        facts=frozenset[str]().union(*(each.facts for each in included)),
        prefixes={prefix: name for each in included for prefix, name in each.prefixes.items()},
        acts=spec.get("acts", False),
        is_playbook=True,
    )


def shared_names() -> set[str]:
    """Return the variables that every playbook takes."""
    return {name for name in _read(PLAYBOOKS)["variables"] if name.startswith("yateota_")}


def private_names() -> list[str]:
    """Return the variables that the playbooks' tasks use between themselves.

    The tasks pass on with them what to do, and what was read.
    """
    names: list[str] = _read(PLAYBOOKS)["private"]
    return names


@functools.cache
def all_names() -> frozenset[str]:
    """Return every variable of every role and playbook."""
    own = frozenset(_read(PLAYBOOKS)["variables"])
    return own.union(*(role_scope(role).own for role in role_names()))


@functools.cache
def defaults(role: str) -> dict[str, Any]:
    """Return a role's defaults as they are written, with their templates."""
    return _read(COLLECTION / "roles" / role / "defaults/main.yml")


def _needs(
    groups: list[list[str]], included: list[Scope], sets: Mapping[str, str | None]
) -> tuple[tuple[str, ...], ...]:
    """Return what a playbook needs: its own groups, and the needs of its roles.

    What the playbook sets for its roles is left out.
    """
    named = {name for group in groups for name in group} | sets.keys()
    return (*map(tuple, groups), *(need for each in included for need in each.needs if not named.intersection(need)))


def _optional(scopes: list[Scope]) -> Options:
    """Return what the included roles take, all of it optional.

    The role or playbook that includes them gives what they need.
    """
    return {name: {**spec, "required": False} for each in scopes for name, spec in each.known.items()}


@functools.cache
def _read(path: Path) -> dict[str, Any]:
    read: dict[str, Any] = yaml_load(path.read_text(encoding="utf-8"))
    return read
