# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the API's answers: numbers may be strings, and counts may be flags.

Unknown fields are kept.
"""

from __future__ import annotations

import functools
import operator
import re
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

from .._core.errors import BadAnswerError
from .._core.libraries import guarded
from .._core.states import COUNTED_STATES, END_STATES
from .answer import whole_number

if TYPE_CHECKING:
    import pydantic
else:
    pydantic = guarded("pydantic")


_LARGEST_ID = 2**63 - 1
_NO_FRACTION = re.compile(r"\.0+$")


def _blank_is_none(value: Any) -> Any:
    return None if value == "" else value


def _text(value: Any) -> Any:
    """Return an identifier or name as text, for all types in the server's JSON."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else _blank_is_none(value)


def _id(value: Any) -> Any:
    """Return an id as a whole number of 64 bits.

    A text of ASCII digits may stand for it. Anything else is refused later.
    """
    number = whole_number(_NO_FRACTION.sub("", value.strip()) if isinstance(value, str) else value)
    if number is not None and abs(number) <= _LARGEST_ID:
        return number
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else _blank_is_none(value)


def _state(value: Any) -> Any:
    text = _text(value)
    return text.strip().lower() or None if isinstance(text, str) else text


def _count(value: Any) -> Any:
    """Return a count as it is documented [V]: a bool, a number or a numeric string.

    A bool is kept as the flag it is.
    """
    if not isinstance(value, str):
        return value if isinstance(value, bool) or whole_number(value) is None else whole_number(value)
    word = value.strip().lower()
    number = whole_number(word)
    return {"true": True, "false": False, "": None}.get(word, value) if number is None else number


_FIRST_THAT_FITS = pydantic.Field(union_mode="left_to_right")
if TYPE_CHECKING:
    _Text: TypeAlias = str | None
    _Number: TypeAlias = int | None
    _State: TypeAlias = str | None
else:
    # Most values are as they should be, which pydantic sees by itself. Python's functions are called for the others.
    _Plain = Annotated[str, pydantic.Field(strict=True, min_length=1)]
    _Digits = Annotated[str, pydantic.Field(strict=True, pattern="^[0-9]{1,18}$"), pydantic.AfterValidator(int)]
    _Word = Annotated[str, pydantic.Field(strict=True, pattern="^[a-z_]+$")]
    _OddText = Annotated["str | None", pydantic.BeforeValidator(_text)]
    _OddNumber = Annotated["pydantic.StrictInt | None", pydantic.BeforeValidator(_id)]
    _OddState = Annotated["str | None", pydantic.BeforeValidator(_state)]
    _Text = Annotated["_Plain | _OddText", _FIRST_THAT_FITS]
    _Number = Annotated["_Digits | _OddNumber", _FIRST_THAT_FITS]
    _State = Annotated["_Word | _OddState", _FIRST_THAT_FITS]
_Count = Annotated["pydantic.StrictBool | pydantic.StrictInt | None", pydantic.BeforeValidator(_count)]

_NO_EXTRA: Mapping[str, Any] = {}


@dataclass(slots=True)
class Participant:
    """An item of ``participants``.

    Its fields are not documented: these are assumed [A], others are kept in ``extra``. There may be a million of them,
    so that each is one small object, and all without others share one empty ``extra``.
    """

    participant_id: _Number = None
    campaign_id: _Number = None
    imsi: _Text = None
    iccid: _Text = None
    msisdn: _Text = None
    state: _State = None
    extra: Mapping[str, Any] = field(default_factory=lambda: _NO_EXTRA, init=False)

    def result(self) -> dict[str, Any]:
        """Return the participant as the modules do.

        Ids are integers, identifiers are strings, and the rest is in ``extra``.
        """
        return dict(zip(PARTICIPANT_COLUMNS, row_of(self), strict=True))


PARTICIPANT_COLUMNS = ("participant_id", "campaign_id", "imsi", "iccid", "msisdn", "state", "extra")
"""What the modules return of a participant, and the columns of a file."""

row_of = operator.attrgetter(*PARTICIPANT_COLUMNS)
"""Return the values of ``PARTICIPANT_COLUMNS`` of a participant."""


def _read_participants(items: list[dict[str, Any]]) -> list[Participant]:
    """Validate a page of participants. A state may be called ``status`` [A]."""
    names = set().union(*items)
    if "status" in names:
        items = [_with_state(item) for item in items]
        names = set().union(*items)
    participants: list[Participant] = _list_of(Participant).validate_python(items)
    others = names - set(PARTICIPANT_COLUMNS[:-1])
    if others:
        for participant, item in zip(participants, items, strict=True):
            participant.extra = {name: value for name, value in item.items() if name in others}
    return participants


def _with_state(item: dict[str, Any]) -> dict[str, Any]:
    if "state" in item:
        return item
    return {"state" if name == "status" else name: value for name, value in item.items()}


class Campaign(pydantic.BaseModel):
    """An item of ``campaigns`` or ``campaign``.

    ``query_campaigns`` [V] and ``get_campaign`` [V] return it.
    """

    model_config = pydantic.ConfigDict(extra="allow")

    campaign_id: _Number = None
    name: _Text = pydantic.Field(default=None, validation_alias=pydantic.AliasChoices("campaign", "name"))
    type: _Text = None
    state: _State = pydantic.Field(default=None, validation_alias=pydantic.AliasChoices("state", "status"))
    participants: _Count = None
    finished: _Count = None
    pending_build: _Count = None
    pending_send: _Count = None
    failed: _Count = None
    canceled: _Count = None

    def progress(self) -> float | None:
        """Return the percentage of ended participants, 0.0 to 100.0; None without counts."""
        ended = [getattr(self, state) for state in END_STATES]
        if any(count is None or isinstance(count, bool) for count in [self.participants, *ended]):
            return None
        return round(100.0 * sum(ended) / self.participants, 1) if self.participants else None

    def result(self) -> dict[str, Any]:
        """Return the campaign as the modules return it."""
        return {
            "campaign_id": self.campaign_id,
            "name": self.name,
            "type": self.type,
            "state": self.state,
            "participants": self.participants,
            **{state: getattr(self, state) for state in COUNTED_STATES},
            "progress": self.progress(),
            "extra": self.model_extra,
        }


class NodeStatus(pydantic.BaseModel):
    """The ``status`` of ``get_node_status`` [V, F]."""

    model_config = pydantic.ConfigDict(extra="allow")

    operational: bool | None = None
    level: str | int | None = None
    state: str | int | None = None
    service: str | int | None = None

    def result(self) -> dict[str, Any]:
        """Return the status as the modules return it."""
        return self.model_dump()


def read(model: type[Any], item: Any, request: str) -> Any:
    """Read one item of an answer into a model.

    Args:
        model: one of this file's classes.
        item: the item as the JSON has it.
        request: the request it answers, for the error.

    Raises:
        BadAnswerError: a field has an invalid value; names the field and the value.
    """
    return read_all(model, [item], request)[0]


def read_all(model: Any, items: list[Any], request: str) -> list[Any]:
    """Read the items of an answer into a model, as ``read`` does, at once.

    Raises:
        BadAnswerError: as ``read``, of the first field with an invalid value.
    """
    try:
        read_items: list[Any] = (
            _read_participants(items) if model is Participant else _list_of(model).validate_python(items)
        )
    except pydantic.ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = first["loc"][1] if len(first["loc"]) > 1 else "an item"
        value = repr(first["input"])[:100]
        raise BadAnswerError(
            f"The answer to {request} cannot be read: {field} is {value}, which is not valid. {BadAnswerError.hint}",
            request=request,
        ) from None
    return read_items


@functools.cache
def _list_of(model: Hashable) -> Any:
    """Return what validates a list of a model's items."""
    listed: Any = list
    return pydantic.TypeAdapter(listed[model])
