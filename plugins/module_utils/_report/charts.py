# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Draw the charts of a change's page as HTML and SVG without scripts, fonts or links.

Shapes stretch with the page, and texts keep their size. The style sheet has the colors.
"""

from __future__ import annotations

import datetime
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .._core.libraries import guarded
from .._core.states import RowState

jinja2 = guarded("jinja2")

STACKED = (
    RowState.DONE,
    RowState.SKIPPED,
    RowState.REFUSED,
    RowState.FAILED,
    RowState.UNKNOWN,
    RowState.SENDING,
    RowState.PLANNED,
)
"""The row states in their stacking order. Each is a class of the style sheet."""

_BARS = 40
_LABELS = 10
_TICKS = 5
_TIMES = 4
_SHOWN_FROM = 7.0  # percent of the height that a number needs
_FEWEST = 3  # moments of a curve

_TOP = """\
<figure class="chart" role="img" aria-label="{{ summary }}">
<div class="plot">
{% for tick in ticks %}
<div class="tick" style="bottom: {{ tick.bottom }}%"><span>{{ "{:,}".format(tick.value) }}</span></div>
{% endfor %}
"""
_LEGEND = """
<figcaption class="legend">
{% for state in legend %}
<span><span class="swatch {{ state }}"></span>{{ state }}</span>
{% endfor %}
</figcaption>
</figure>"""

_BARRED = """\
<div class="bars">
{% for bar in bars %}
<div class="bar">
{% for piece in bar.pieces %}
<i class="{{ piece.state }}" style="height: {{ piece.height }}%"
 title="{{ bar.title }}: {{ piece.count }} {{ piece.state }}">\
{% if piece.shows_count %}<span class="value">{{ piece.count }}</span>{% endif %}</i>
{% endfor %}
</div>
{% endfor %}
</div>
</div>
<div class="labels under">{% for bar in bars %}<span><span>{{ bar.label }}</span></span>{% endfor %}</div>"""

_CURVED = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 100 100" preserveAspectRatio="none">
{% for area in areas %}
<polygon class="{{ area.state }}" points="{{ area.points }}"/>
{% endfor %}
</svg>
</div>
<div class="labels even">{% for time in times %}<span>{{ time }}</span>{% endfor %}</div>"""


@dataclass(frozen=True)
class _Piece:
    """The part of a bar for one row state; its height is in percent of the plot."""

    state: str
    count: int
    height: float
    shows_count: bool


def waves_chart(waves: Sequence[Mapping[str, Any]]) -> str:
    """Draw a bar for each wave, in the order of time, stacked by row state.

    Args:
        waves: each with ``wave``, ``started`` and ``counts``, as ``Report.waves`` gives them; not empty. Neighbors
            share a bar if there are many.

    Returns:
        A ``figure``, its texts escaped.
    """
    each = math.ceil(len(waves) / _BARS)
    groups = [[*itertools.islice(waves, start, start + each)] for start in range(0, len(waves), each)]
    counts: list[dict[str, int]] = [
        {state: sum(wave["counts"][state] for wave in group) for state in STACKED} for group in groups
    ]
    top, ticks = _scale(max(sum(count.values()) for count in counts))
    every = math.ceil(len(groups) / _LABELS)
    bars = [
        {
            "label": _number(group) if place % every == 0 else "",
            "title": f"{_number(group)}, {group[0]['started'][11:19]}",
            # In narrower bars numbers would overlap.
            "pieces": _pieces(count, top, len(groups) <= _BARS // 2),
        }
        for place, (group, count) in enumerate(zip(groups, counts, strict=True))
    ]
    return _drawn(
        _BARRED,
        bars=bars,
        ticks=ticks,
        legend=[state for state in STACKED if any(count[state] for count in counts)],
        summary=f"Participants of {len(waves)} waves by row state. A table below has the same figures.",
    )


def progress_chart(moments: Sequence[tuple[float, Mapping[str, int]]], selected: int) -> str:
    """Draw the participants settled over time, stacked by row state.

    Args:
        moments: for each moment, in Unix seconds and in order, how many have got each row state since the one before.
        selected: the number of all, the height of the plot.

    Returns:
        A ``figure``, its texts escaped; empty if there are too few moments for a curve.
    """
    if len(moments) < _FEWEST:
        return ""
    begun, ended = moments[0][0], moments[-1][0]
    top, ticks = _scale(selected)
    states = [state for state in STACKED if any(counts.get(state) for _moment, counts in moments)]
    totals = dict.fromkeys(states, 0)
    lines: list[list[tuple[float, float]]] = [[] for _each in range(len(states) + 1)]
    for moment, counts in moments:
        across, height = 100 * (moment - begun) / (ended - begun), 0.0
        lines[0].append((across, 0.0))
        for line, state in zip(lines[1:], states, strict=True):
            totals[state] += counts.get(state, 0)
            height += 100 * totals[state] / top
            line.append((across, height))
    areas = [
        {"state": state, "points": _points([*upper, *reversed(lower)])}
        for state, lower, upper in zip(states, lines, lines[1:], strict=False)
    ]
    return _drawn(
        _CURVED,
        areas=areas,
        ticks=ticks,
        times=[_time(begun + (ended - begun) * place / (_TIMES - 1), ended - begun) for place in range(_TIMES)],
        legend=states,
        summary=f"Participants settled over time by row state, {sum(totals.values())} of {selected} at the end.",
    )


def _scale(most: int) -> tuple[int, list[dict[str, Any]]]:
    """Return the height of a plot, and its ticks."""
    step = _step(most)
    top = step * max(1, math.ceil(most / step))
    return top, [{"value": value, "bottom": round(100 * value / top, 2)} for value in range(0, top + 1, step)]


def _step(most: int) -> int:
    """Return the distance of a few ticks: 1, 2 or 5 times a power of ten."""
    steps = (digit * int(10**power) for power in itertools.count() for digit in (1, 2, 5))
    return next(step for step in steps if step * _TICKS >= most)


def _pieces(counts: Mapping[str, int], top: int, has_numbers: bool) -> list[_Piece]:
    """Return the parts of a bar, from below."""
    heights = {state: 100 * count / top for state, count in counts.items() if count}
    return [
        _Piece(state, counts[state], round(height, 2), has_numbers and height >= _SHOWN_FROM)
        for state, height in heights.items()
    ]


def _number(group: Sequence[Mapping[str, Any]]) -> str:
    first, last = group[0], group[-1]
    return f"{first['wave']}" if first is last else f"{first['wave']} to {last['wave']}"


def _points(line: Sequence[tuple[float, float]]) -> str:
    return " ".join(f"{across:.2f},{100 - height:.2f}" for across, height in line)


def _time(moment: float, span: float) -> str:
    form = "%m-%d %H:%M" if span > 86400 else "%H:%M" if span > 3600 else "%H:%M:%S"
    return datetime.datetime.fromtimestamp(moment, datetime.UTC).strftime(form)


def _drawn(template: str, **values: Any) -> str:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return str(environment.from_string(_TOP + template + _LEGEND).render(**values))
