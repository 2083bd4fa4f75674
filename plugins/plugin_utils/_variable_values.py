# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Convert values of variables to the types in their specs.

An invalid value is never replaced by a guess.
"""

from __future__ import annotations

import datetime
import re
from collections.abc import Callable, Mapping
from typing import Any

from ansible.module_utils.common.validation import (
    check_type_bool,
    check_type_dict,
    check_type_float,
    check_type_int,
    check_type_path,
)

from ..module_utils._change.windows import read_moment
from ..module_utils._core.bounds import check_number
from ..module_utils._core.errors import InvalidInputError
from ..module_utils._core.identifiers import check_sim_identifier, parse_id, read_identification
from ..module_utils._core.states import CampaignState
from ._tasks_file import check_tasks_file

Spec = Mapping[str, Any]

_CAMPAIGN_STATES = (CampaignState.STARTED, CampaignState.PAUSED, CampaignState.STOPPED)
_SHORTEST_ICCID = 18
_WORDS = re.compile(r"[\s,;]+")


def is_given(value: Any) -> bool:
    """Return whether a value is given: null and blank text, as from a survey, are not."""
    return value is not None and not (isinstance(value, str) and not value.strip())


def read(name: str, spec: Spec, value: Any) -> Any:
    """Convert a given value to its spec's type.

    Args:
        name: the variable, for error messages.
        spec: the keys of a role's argument spec: ``type``, ``choices``, ``elements``, ``options``; ``no_log`` keeps the
            value out of messages; ``give`` is what a message asks for.
        value: the result of Ansible's templating.

    Raises:
        InvalidInputError: it cannot be read; names the variable, the value, what is expected and the fix.
    """
    kind = spec.get("type", "str")
    read_value = _READERS[kind](name, spec, value)
    if isinstance(read_value, (int, float)) and not isinstance(read_value, bool):
        check_number(name, read_value, {key: spec[key] for key in ("least", "above", "most") if key in spec})
    choices = spec.get("choices")
    if choices:
        for each in read_value if isinstance(read_value, list) else [read_value]:
            if each not in choices:
                raise _invalid(name, {**spec, "give": f"one of {', '.join(choices)}"}, each)
    return read_value


# --- Text ------------------------------------------------------------------------------------------------------------


def text(name: str, value: Any, spec: Spec | None = None) -> str:
    """Return a text.

    A number is refused, because it may have been text that has lost its leading zeros.

    Raises:
        InvalidInputError: the value is something else.
    """
    if getattr(value, "__ENCRYPTED__", False):  # of Ansible Vault, on ansible-core before 2.19
        return str(value)
    if isinstance(value, str):
        return value
    shown = "" if (spec or {}).get("no_log") else f" {value}"
    if isinstance(value, (bool, int, float, datetime.date)):
        kind = "boolean" if isinstance(value, bool) else "date" if isinstance(value, datetime.date) else "number"
        raise InvalidInputError(
            f"{name} was read as the {kind}{shown}, expected text: put it in quotes, so that it stays as written. "
            "On AWX, use an execution environment with ansible-core below 2.19."
        )
    raise InvalidInputError(f"{name} is a {_kind_of(value)}, expected text: give {(spec or {}).get('give', 'text')}.")


def _kind_of(value: Any) -> str:
    return "dictionary" if isinstance(value, Mapping) else "list" if isinstance(value, (list, tuple)) else "value"


def _text(name: str, spec: Spec, value: Any) -> str:
    return text(name, value, spec)


def _path(name: str, spec: Spec, value: Any) -> str:
    return str(check_type_path(_seen(name, text(name, value, spec))))


def _whole_path(name: str, spec: Spec, value: Any) -> str:
    """Return a path that is the same file in every task.

    A module looks for a relative one from the playbook's folder on, and what runs in the controller's process from the
    shell's. A home is filled in where the file is: on the host.
    """
    path = _seen(name, text(name, value, spec))
    whole = path if re.match("~.", path) else str(check_type_path(path))
    if not re.match("[/~].", whole):
        raise _invalid(name, {"give": "the whole path of a file or folder, from / on", **spec}, value)
    return whole


def _tasks_file(name: str, spec: Spec, value: Any) -> str:
    path = _path(name, spec, value)
    check_tasks_file(name, path)
    return path


def _seen(name: str, path: str) -> str:
    """Return a valid path.

    No system allows a NUL in it, and control characters are mistakes.
    """
    if re.search(r"[\x00-\x1f\x7f]", path.strip()):
        raise InvalidInputError(f"{name} {path!a} is not valid: give a path without control characters.")
    return path.strip()


def _invalid(name: str, spec: Spec, value: Any) -> InvalidInputError:
    shown = "" if spec.get("no_log") else f" '{value}'"
    return InvalidInputError(f"{name}{shown} is not valid: give {spec['give']}.")


# --- Numbers and the like --------------------------------------------------------------------------------------------


def _number(value: Any) -> int | float:
    """Return a number as it is written, so that messages say 1 and not 1.0."""
    number = float(check_type_float(value))
    return int(number) if number.is_integer() else number


_DECIMAL = re.compile(r"\s*[+-]?[0-9]+(\.[0-9]*)?\s*")


def _converted(convert: Callable[[Any], Any], give: str) -> Callable[[str, Spec, Any], Any]:
    """Return a reader that uses one of Ansible's conversions.

    It accepts a number or decimal text, but no boolean and no infinity.
    """

    def reader(name: str, spec: Spec, value: Any) -> Any:
        words = {"give": give, **spec}
        if convert is not check_type_bool and (isinstance(value, bool) or not _DECIMAL.fullmatch(str(value))):
            raise _invalid(name, words, value)
        try:
            return convert(value)
        except (TypeError, ValueError):
            raise _invalid(name, words, value) from None

    return reader


def _identity(name: str, spec: Spec, value: Any) -> int | None:
    """Return the id of a campaign or participant."""
    return parse_id(name, value)


# --- Lists and dictionaries ------------------------------------------------------------------------------------------


def _list(name: str, spec: Spec, value: Any) -> list[Any]:
    """Return a list without blank elements.

    Text with commas or line breaks is split.
    """
    if not isinstance(value, (list, tuple)):
        value = re.split(r"[,\n]", text(name, value, spec))
    element = {"type": spec.get("elements", "str"), **{key: spec[key] for key in ("options", "no_log") if key in spec}}
    # A text that was split has blanks around its parts.
    parts = [each.strip() if isinstance(each, str) else each for each in value]
    return [read(f"{name}[{place}]", element, each) for place, each in enumerate(parts) if is_given(each)]


def _dict(name: str, spec: Spec, value: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = dict(check_type_dict(value))
    except (TypeError, ValueError):
        raise _invalid(name, {"give": "a dictionary", **spec}, value) from None
    options = spec.get("options")
    if options is None:
        return found
    unknown = sorted(map(str, found.keys() - options.keys()))
    if unknown:
        raise InvalidInputError(f"{name} has the unknown key {unknown[0]}: give any of {', '.join(options)}.")
    given = {key: each for key, each in found.items() if is_given(each)}
    lacking = [key for key, option in options.items() if option.get("required") and key not in given]
    if lacking:
        raise InvalidInputError(f"{name} has no {lacking[0]}: give it.")
    return {key: read(f"{name}.{key}", options[key], each) for key, each in given.items()}


def _mapping(name: str, spec: Spec, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise InvalidInputError(f"{name} is not a dictionary: give {spec['give']}.")
    return value


def _names(name: str, spec: Spec, value: Any) -> list[str]:
    """Return a list of ids or names.

    A single number may have been a name of digits, or an id after a zero; in a list it is an id.
    """
    parts = value if isinstance(value, (list, tuple)) else re.split(r"[,\n]", text(name, value, spec))
    return [
        str(parse_id(name, each)) if isinstance(each, (bool, int, float)) else text(name, each).strip()
        for each in parts
        if is_given(each)
    ]


# --- SIMs ------------------------------------------------------------------------------------------------------------


def _identifier(name: str, spec: Spec, value: Any) -> str:
    found = text(name, value, spec).strip()
    check_sim_identifier(name, found)
    return found


def _sims(name: str, spec: Spec, value: Any) -> list[dict[str, str]]:
    """Return the participants for ICCIDs and IMSIs in a list or a text.

    Blanks, commas or line breaks separate them in a text.
    """
    parts = value if isinstance(value, (list, tuple)) else [value]
    codes = [code for part in parts for code in _WORDS.split(text(name, part, spec)) if code]
    return [_sim(name, spec, code) for code in codes]


def _sim(name: str, spec: Spec, code: str) -> dict[str, str]:
    kind = "iccid" if len(code) >= _SHORTEST_ICCID else "imsi"
    try:
        check_sim_identifier(kind, code)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None
    return {kind: code}


def _participants(name: str, spec: Spec, value: Any) -> list[dict[str, Any]]:
    """Return dictionaries that identify participants; the module checks them."""
    if not isinstance(value, (list, tuple)):
        raise _invalid(name, {"give": "a list of dictionaries, such as [{imsi: '001010000000011'}]"}, value)
    return [_participant(f"{name}[{place}]", each) for place, each in enumerate(value)]


def _participant(name: str, value: Any) -> dict[str, Any]:
    found = _dict(name, {}, value)
    try:
        read_identification(found)
    except InvalidInputError as error:
        raise InvalidInputError(f"{name}: {error}") from None
    return found


def _sim_lines(name: str, spec: Spec, value: Any) -> Any:
    """Return text with a SIM in each line, or a list of such lines or of dictionaries."""
    if not isinstance(value, (list, tuple)):
        return text(name, value, spec)
    return [
        _participant(f"{name}[{place}]", each) if isinstance(each, Mapping) else text(f"{name}[{place}]", each)
        for place, each in enumerate(value)
    ]


# --- Campaigns and changes -------------------------------------------------------------------------------------------


def _campaign_states(name: str, spec: Spec, value: Any) -> list[dict[str, Any]]:
    """Return the campaigns and states from lines such as ``144: paused``.

    Digits in quotes are a name.
    """
    lines = text(name, value, spec).splitlines()
    return [_campaign_state(f"{name}, line {number}", line) for number, line in enumerate(lines, 1) if line.strip()]


def _campaign_state(where: str, line: str) -> dict[str, Any]:
    campaign, colon, state = (part.strip() for part in line.rpartition(":"))
    if not (colon and campaign and state in _CAMPAIGN_STATES):
        raise InvalidInputError(
            f"{where} '{line.strip()}' is not valid: give an id or a name, a colon, and one of "
            f"{', '.join(_CAMPAIGN_STATES)}, as in 144: paused."
        )
    quoted = re.fullmatch(r"""(["'])(.+)\1""", campaign)
    if quoted or not campaign.isascii() or not campaign.isdigit():
        return {"name": quoted[2] if quoted else campaign, "state": state}
    return {"campaign_id": parse_id(where, campaign), "state": state}


def _change_id(name: str, spec: Spec, value: Any) -> str:
    return text(name, value, spec)


def _moment(name: str, spec: Spec, value: Any) -> str:
    """Return a point in time, as text.

    YAML reads it as a date, which loses nothing if it has a zone.
    """
    known = isinstance(value, datetime.datetime) and value.tzinfo is not None
    written = value.isoformat() if known else text(name, value, spec).strip()
    read_moment(name, written)
    return written


_READERS: dict[str, Callable[[str, Spec, Any], Any]] = {
    "raw": lambda _name, _spec, value: value,
    "str": _text,
    "path": _path,
    "whole_path": _whole_path,
    "tasks_file": _tasks_file,
    "int": _converted(check_type_int, "a whole number"),
    "float": _converted(_number, "a number"),
    "bool": _converted(check_type_bool, "true or false"),
    "id": _identity,
    "list": _list,
    "dict": _dict,
    "mapping": _mapping,
    "names": _names,
    "imsi": _identifier,
    "iccid": _identifier,
    "msisdn": _identifier,
    "sims": _sims,
    "participants": _participants,
    "sim_lines": _sim_lines,
    "campaign_states": _campaign_states,
    "change_id": _change_id,
    "moment": _moment,
}
