# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define an entry of a change, as a selection gives it and as a server lists it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from .identifiers import canonical


class Row(NamedTuple):
    """An entry as the ledger stores it when it is planned.

    Attributes:
        name: its ``row_name``.
        participant_id, campaign_id, iccid, imsi, msisdn: its identifiers, or None.
        state_planned: its server state, if it is from a server's list.
        found: how many participants of its campaign's list fit it, as far as the list was read.
    """

    name: str
    participant_id: int | None
    campaign_id: int | None
    iccid: str | None
    imsi: str | None
    msisdn: str | None
    state_planned: str | None
    found: int


class Listed(Protocol):
    """A participant as one of the server's lists shows it.

    ``_api.models.Participant`` is one.
    """

    @property
    def participant_id(self) -> int | None:
        """Return the participant's number."""

    @property
    def campaign_id(self) -> int | None:
        """Return the number of the campaign whose list shows the participant."""

    @property
    def iccid(self) -> str | None:
        """Return the SIM's serial number, as the server spells it."""

    @property
    def imsi(self) -> str | None:
        """Return the subscription's number."""

    @property
    def msisdn(self) -> str | None:
        """Return the phone number."""

    @property
    def state(self) -> str | None:
        """Return the server state."""


@dataclass(frozen=True)
class Numbered:
    """A participant by its recorded identifiers, with its server state.

    The state was read by the participant's number.
    """

    participant_id: int | None
    campaign_id: int | None
    iccid: str | None
    imsi: str | None
    msisdn: str | None
    state: str | None = None


def row_name(kinds: Iterable[str], identifiers: Mapping[str, Any], campaign_id: int | None) -> str:
    """Write an identification in one form.

    The form has the campaign, and the name and value of each identifier.
    """
    named = "/".join(f"{kind}/{canonical(kind, identifiers[kind])}" for kind in kinds)
    return f"{campaign_id or ''}/{named}"


def participant_name(participant_id: int, campaign_id: int | None) -> str:
    """Write an identification by ``participant_id`` quickly, as ``row_name`` does."""
    return f"{campaign_id or ''}/participant_id/{participant_id}"


def kinds_of(name: str) -> list[str]:
    """List the names of the identifiers in a ``row_name``.

    The identifier that a request would carry is the first.
    """
    return name.split("/")[1::2]
