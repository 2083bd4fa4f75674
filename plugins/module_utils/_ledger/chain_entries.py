# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define what each link of a change's audit chain covers, and compute its digest.

A link covers the attempts whose outcomes were recorded for it, as they were then, and the unknown outcomes that were
settled for it. The first one covers the plan.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from .._core.identifiers import IDENTIFIERS
from .._core.states import RowState
from .json_lines import ENCODER, line, lines
from .tables import earlier_attempts, participants, runs, sa

START = "0" * 64
"""What the first link has in place of a link before it."""

FACTS = (
    "change_id",
    "api_url",
    "node",
    "action",
    "selection",
    "duplicates",
    "requested_by",
    "job_id",
    "planned",
    "planned_by",
    "limits",
    "plan_digest",
    "require_approval",
)
"""The columns of a change's row that are in its chain, and that only its own runs write."""

APPROVAL = ("approval", "approved_at")
"""Those that are written without its lease, where one approval is for the shards of several servers."""

RUN_FACTS = ("number", "requested_by", "approved_by", "job_id", "host", "pid", "started")
"""The columns of a run's row that are in the chain, if it made an attempt or wrote a link."""

PRIVATE = ("name", *IDENTIFIERS)
"""What the purge empties of a participant; its name becomes its place. ``identity_digest`` stands for it then."""

_BLOCK = 2000
_STREAM = {"yield_per": _BLOCK}
_RUN = 5  # the place of the run in an entry


def planned_rows(change: int) -> sa.Select[Any]:
    """Select what the first link has of each participant."""
    columns = participants.c
    names = ("seq", "campaign_id", "state_planned", "identity_digest", *PRIVATE)
    selected = sa.select(*(columns[name] for name in names)).where(columns.change == change)
    return selected.order_by(columns.seq).execution_options(**_STREAM)


def entries(change: int, of_one: bool = False) -> sa.Select[Any]:
    """Select the attempts and settlements that links cover, in their order.

    Args:
        change: the change's number.
        of_one: only those of the parameter ``link``, from the participant's place ``first`` to ``last``.
    """
    link, first, last = (sa.bindparam(name, type_=sa.Integer) for name in ("link", "first", "last"))
    parts = []
    for table, outcome in ((participants, participants.c.state), (earlier_attempts, earlier_attempts.c.outcome)):
        of_change = [table.c.change == change]
        if of_one:
            of_change.append(table.c.seq.between(first, last))
        for part, own in ((_attempts(table, outcome), table.c.link), (_settlements(table, outcome), table.c.settled)):
            parts.append(part.where(*of_change, own == link if of_one else own.is_not(None)))
    found = sa.union_all(*parts).subquery()
    order = (found.c.link, found.c.kind, found.c.seq, sa.func.coalesce(found.c.sent_at, 0.0))
    return sa.select(found).order_by(*order).execution_options(**_STREAM)


def _attempts(table: sa.Table, outcome: sa.Column[str]) -> sa.Select[Any]:
    """Select attempts as they were before an unknown outcome was settled."""
    columns = table.c
    is_settled = columns.settled.is_not(None)
    return sa.select(
        columns.link.label("link"),
        sa.literal_column("0").label("kind"),
        columns.seq,
        columns.sent_at,
        columns.wave,
        columns.run,
        columns.answered_at,
        sa.case((is_settled, sa.literal(str(RowState.UNKNOWN))), else_=outcome).label("outcome"),
        columns.code,
        columns.state_before,
        sa.case((is_settled, columns.unknown_reason), else_=columns.reason).label("reason"),
        sa.case((columns.settled.is_(None), columns.unknown_reason)).label("unknown_reason"),
        columns.message_digest,
        columns.message,
    )


def _settlements(table: sa.Table, outcome: sa.Column[str]) -> sa.Select[Any]:
    columns = table.c
    whole, text = (sa.cast(sa.null(), kind) for kind in (sa.Integer, sa.Text))
    blank: dict[str, sa.ColumnElement[Any]] = {
        "wave": whole,
        "run": whole,
        "answered_at": sa.cast(sa.null(), sa.Double),
        "code": whole,
        "state_before": text,
        "unknown_reason": text,
        "message_digest": text,
        "message": text,
    }
    given = {"link": columns.settled, "kind": sa.literal_column("1"), "outcome": outcome}
    given |= {name: columns[name] for name in ("seq", "sent_at", "reason")}
    names = [column.name for column in _attempts(table, outcome).selected_columns]
    return sa.select(*((given | blank)[name].label(name) for name in names))


def found_runs(change: int) -> sa.Select[Any]:
    """Select ``RUN_FACTS`` of the change's runs."""
    return sa.select(*(runs.c[name] for name in RUN_FACTS)).where(runs.c.change == change)


class LinkDigest:
    """The digest of one link, while it is computed.

    Args:
        previous: the digest of the link before.
        link: its row of ``yateota_links``; the digest in it is not read.
        started: when its wave began.
        ended: when its wave ended, and its success percentage; None if it did not end with it.
        salt: the change's secret; None once it is purged.
    """

    def __init__(
        self,
        previous: str,
        link: Mapping[str, Any],
        started: float | None,
        ended: tuple[float | None, float | None] | None,
        salt: str | None,
    ) -> None:
        header = {name: link[name] for name in ("link", "wave", "run", "written", "facts")}
        header |= {
            "ends_wave": bool(link["ends_wave"]),
            "previous": previous,
            "wave_began": started,
            "wave_ended": ended,
        }
        self._digest = hashlib.sha256(line(header))
        self._runs = {link["run"]}
        self._salt = salt

    def add_plan(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of ``planned_rows``."""
        for block in _blocks(rows):
            standing: Iterable[Any] = map(_purged_digest, block)
            if self._salt is not None:
                standing = map(
                    _digest_or_mismatch, all_salted(self._salt, [row[4:] for row in block]), (row[3] for row in block)
                )
            self._add([(*row[:3], each) for row, each in zip(block, standing, strict=True)])

    def add(self, rows: Iterable[Sequence[Any]]) -> None:
        """Add rows of ``entries``."""
        for block in _blocks(rows):
            covered = [row[1:-1] for row in block]
            for place, row in enumerate(block):
                if row[-1] is not None or row[-2] is not None:  # few have a message
                    covered[place] = (*row[1:-2], _private_digest(self._salt, row[-1], row[-2]))
            self._runs.update(row[_RUN] for row in block)
            self._add(covered)

    def _add(self, rows: Sequence[Sequence[Any]]) -> None:
        # Each row with a comma behind it, so that it does not matter which are in one block.
        self._digest.update(ENCODER.encode(rows)[1:-1].encode() + b",")

    def end(self, known: Mapping[int, Sequence[Any]]) -> str:
        """Add the runs that made the attempts, and return the digest.

        Args:
            known: a run's number -> its ``RUN_FACTS``.
        """
        made = [list(known.get(run, ())) for run in sorted(run for run in self._runs if run is not None)]
        self._digest.update(line(made))
        return self._digest.hexdigest()


def all_salted(salt: str, rows: Sequence[Sequence[Any]]) -> list[str]:
    """Return ``salted`` of each row."""
    base = hashlib.sha256(salt.encode())
    digests = []
    for each in lines(rows):
        digest = base.copy()
        digest.update(each)
        digests.append(digest.hexdigest())
    return digests


def salted(salt: str, plain: Any) -> str | None:
    """Return the digest that stands for private data in the chain; None for None.

    Args:
        salt: the change's secret, without which the data could be found by trying all that are possible.
        plain: the data.
    """
    return None if plain is None else hashlib.sha256(salt.encode() + line(plain)).hexdigest()


def _private_digest(salt: str | None, plain: Any, kept: str | None) -> Any:
    """Return the digest that stands for private data.

    Args:
        salt: the change's secret; None once it is purged.
        plain: the data; None if there is none, or it is purged.
        kept: the digest that the purge has kept, or None.

    Returns:
        The digest. If the data does not have the kept digest, a list of both: it changes the link's digest, so that
        the audit fails.
    """
    if salt is None:
        return kept if plain is None else [kept, plain]
    return _digest_or_mismatch(salted(salt, plain), kept)


def _digest_or_mismatch(computed: str | None, kept: str | None) -> Any:
    return computed if kept in (None, computed) else [computed, kept]


def _purged_digest(row: Sequence[Any]) -> Any:
    """Return what stands for a purged participant's private data, from its row of ``planned_rows``."""
    seq, _campaign, _state, kept, *private = row
    is_purged = private == [str(seq), *[None] * len(IDENTIFIERS)]
    return _private_digest(None, None if is_purged else private, kept)


def as_stored(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return facts as a column of JSON gives them back."""
    return dict(json.loads(json.dumps(facts)))


def _blocks(rows: Iterable[Any]) -> Iterator[Sequence[Any]]:
    """Split rows into blocks: to encode each row by itself would take three times as long."""
    if isinstance(rows, sa.Result):
        yield from rows.partitions(_BLOCK)
        return
    rest = iter(rows)
    while block := list(itertools.islice(rest, _BLOCK)):
        yield block
