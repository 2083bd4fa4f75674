# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the charts of a change's page as SVG without scripts, fonts or links."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.libraries import guarded
from .._core.states import RowState

jinja2 = guarded("jinja2")

COLORS: dict[str, str] = {
    RowState.DONE: "#2e7d32",
    RowState.SKIPPED: "#90a4ae",
    RowState.REFUSED: "#ef6c00",
    RowState.FAILED: "#c62828",
    RowState.UNKNOWN: "#6a1b9a",
    RowState.SENDING: "#1565c0",
    RowState.PLANNED: "#cfd8dc",
}
"""The row states in their stacking order, and their colors: the bad ones stand out, also on paper."""

_LIGHT = (RowState.SKIPPED, RowState.REFUSED, RowState.PLANNED)
"""The states whose colors need dark digits."""

_BARS = 40
_TICKS = 5
_LABEL = 120  # characters
_WIDTH = 900
_AXIS = 60  # the width of the numbers beside the plot
_TOP, _PLOT = 10, 220
_DIGITS = 14  # the height of a number
_ROW = 44

_WAVES = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {{ width }} {{ height }}" font-family="sans-serif"
 font-size="12" aria-label="{{ summary }}">
{% for tick in ticks %}
<line x1="{{ axis }}" x2="{{ width }}" y1="{{ tick.y }}" y2="{{ tick.y }}" stroke="#e0e0e0"/>
<text x="{{ axis - 8 }}" y="{{ tick.y + 4 }}" text-anchor="end">{{ tick.value }}</text>
{% endfor %}
{% for bar in bars %}
<g class="bar">
{% for piece in bar.pieces %}
<rect x="{{ bar.x }}" y="{{ piece.y }}" width="{{ bar.width }}" height="{{ piece.height }}" fill="{{ piece.color }}">\
<title>{{ bar.label }}: {{ piece.count }} {{ piece.state }}</title></rect>
{% if piece.shows_count %}
<text x="{{ bar.center }}" y="{{ piece.middle }}" text-anchor="middle" fill="{{ piece.ink }}" class="value">\
{{ piece.count }}</text>
{% endif %}
{% endfor %}
<text transform="translate({{ bar.center + 4 }} {{ bottom + 16 }}) rotate(-55)" text-anchor="end">{{ bar.label }}</text>
</g>
{% endfor %}
{% for state in legend %}
<rect x="{{ state.x }}" y="{{ height - 20 }}" width="12" height="12" fill="{{ state.color }}"/>
<text x="{{ state.x + 18 }}" y="{{ height - 10 }}">{{ state.name }}</text>
{% endfor %}
</svg>"""

_REASONS = """\
<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {{ width }} {{ height }}" font-family="sans-serif"
 font-size="12" aria-label="{{ summary }}">
{% for row in rows %}
<g class="bar">
<text x="0" y="{{ row.y + 12 }}">{{ row.label }}</text>
<rect x="0" y="{{ row.y + 18 }}" width="{{ row.length }}" height="18" fill="{{ row.color }}"/>
<text x="{{ row.length + 8 }}" y="{{ row.y + 31 }}" class="value">{{ row.count }}</text>
</g>
{% endfor %}
</svg>"""


@dataclass(frozen=True)
class _Piece:
    """The part of a bar for one row state; lengths are in the chart's units."""

    state: str
    count: int
    y: float
    height: float
    shows_count: bool

    @property
    def color(self) -> str:
        return COLORS[self.state]

    @property
    def ink(self) -> str:
        return "#212121" if self.state in _LIGHT else "white"

    @property
    def middle(self) -> float:
        return round(self.y + self.height / 2 + 4, 1)


def waves_chart(waves: Sequence[Mapping[str, Any]]) -> str:
    """Draw a bar for each wave, in the order of time, stacked by row state.

    Args:
        waves: each with ``wave``, ``started`` and ``counts``, as ``Report.waves`` gives them; not empty. Neighbors
            share a bar if there are many.

    Returns:
        An ``svg`` element, its texts escaped.
    """
    each = math.ceil(len(waves) / _BARS)
    groups = [[*itertools.islice(waves, start, start + each)] for start in range(0, len(waves), each)]
    counts = [{state: sum(wave["counts"][state] for wave in group) for state in COLORS} for group in groups]
    states = [state for state in COLORS if any(count[state] for count in counts)]
    most = max(sum(count.values()) for count in counts)
    step = _step(most)
    top = step * max(1, math.ceil(most / step))
    room = (_WIDTH - _AXIS) / len(groups)
    width = min(room * 0.8, 120)
    bars = [
        {
            "label": _wave_label(group),
            "x": round(_AXIS + room * place + (room - width) / 2, 1),
            "center": round(_AXIS + room * (place + 0.5), 1),
            "width": round(width, 1),
            # In narrower bars numbers would overlap.
            "pieces": _pieces(count, _PLOT / top, len(groups) <= _BARS // 2),
        }
        for place, (group, count) in enumerate(zip(groups, counts, strict=True))
    ]
    return _drawn(
        _WAVES,
        bars=bars,
        ticks=[{"value": value, "y": _height_of(value, _PLOT / top)} for value in range(0, top + 1, step)],
        legend=[{"name": name, "color": COLORS[name], "x": _AXIS + 110 * place} for place, name in enumerate(states)],
        summary=f"Participants of {len(waves)} waves by row state. The table below has the same figures.",
        axis=_AXIS,
        bottom=_TOP + _PLOT,
        height=_TOP + _PLOT + 140,
    )


def reasons_chart(reasons: Sequence[Mapping[str, Any]]) -> str:
    """Draw a bar for each reason, whose length shows how often it occurs.

    Args:
        reasons: each with ``state``, ``reason`` and ``count``, as ``Report.reasons`` gives them; not empty.

    Returns:
        An ``svg`` element, its texts escaped.
    """
    most = max(reason["count"] for reason in reasons)
    rows = [
        {
            "label": _shortened(f"{reason['state']}: {reason['reason']}"),
            "length": round(max(2.0, (_WIDTH - _AXIS) * reason["count"] / most), 1),
            "count": reason["count"],
            "color": COLORS[reason["state"]],
            "y": _ROW * place,
        }
        for place, reason in enumerate(reasons)
    ]
    summary = f"Participants by {len(reasons)} reasons. The table below has the same figures."
    return _drawn(_REASONS, rows=rows, summary=summary, height=_ROW * len(rows))


def _pieces(counts: Mapping[str, int], scale: float, has_numbers: bool) -> list[_Piece]:
    """Return the parts of a bar, from below.

    ``scale`` is the height of one participant.
    """
    there = [(state, count) for state, count in counts.items() if count]
    ends = itertools.accumulate(count for _state, count in there)
    return [
        _Piece(state, count, _height_of(end, scale), round(count * scale, 1), has_numbers and count * scale >= _DIGITS)
        for (state, count), end in zip(there, ends, strict=True)
    ]


def _height_of(value: int, scale: float) -> float:
    return round(_TOP + _PLOT - value * scale, 1)


def _step(most: int) -> int:
    """Return the distance of ticks: 1, 2 or 5 times a power of ten.

    It gives a small number of ticks.
    """
    steps = (digit * int(10**power) for power in itertools.count() for digit in (1, 2, 5))
    return next(step for step in steps if step * _TICKS >= most)


def _wave_label(group: Sequence[Mapping[str, Any]]) -> str:
    first, last = group[0], group[-1]
    number = f"{first['wave']}" if first is last else f"{first['wave']} to {last['wave']}"
    return f"{number}, {first['started'][11:19]}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _drawn(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return str(environment.from_string(template).render(width=_WIDTH, **values))
