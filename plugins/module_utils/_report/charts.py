# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The charts of a change's page: SVG without script, fonts or links, the same for the same figures."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .._core.libraries import guarded

pygal = guarded("pygal")
pygal_style = guarded("pygal.style")
# It leaves a finder of modules of a kind that Python has given up, and warns of at every search that finds nothing.
sys.meta_path[:] = [finder for finder in sys.meta_path if type(finder).__module__ != "pygal"]

COLORS = {
    "done": "#2e7d32",
    "skipped": "#90a4ae",
    "refused": "#ef6c00",
    "failed": "#c62828",
    "unknown": "#6a1b9a",
    "sending": "#1565c0",
    "planned": "#cfd8dc",
}
"""The row states in the order in which they are stacked, and their colors: on paper too the bad ones stand out."""

_BARS = 40
_LABEL = 60  # characters
_WIDTH = 900
_ROW_HEIGHT = 34


def waves_chart(waves: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each wave, in the order of time, stacked by row state. Neighbors share a bar where there are many.

    Args:
        waves: each with ``wave``, ``started`` and ``counts``, as ``Report.waves`` gives them; not empty.

    Returns:
        An ``svg`` element.
    """
    each = math.ceil(len(waves) / _BARS)
    starts = range(0, len(waves), each)
    bars = [waves[slice(start, start + each)] for start in starts]
    states = [state for state in COLORS if any(wave["counts"][state] for wave in waves)]
    chart = _chart(
        pygal.StackedBar,
        "waves",
        [COLORS[state] for state in states],
        height=340,
        x_label_rotation=40,
        print_values=len(bars) <= _BARS // 2,  # in thinner bars numbers would overlap
    )
    chart.x_labels = [_wave_label(group) for group in bars]
    for state in states:
        chart.add(state, [sum(wave["counts"][state] for wave in group) for group in bars])
    return _rendered(chart)


def reasons_chart(reasons: Sequence[Mapping[str, Any]]) -> str:
    """A bar for each reason, as long as it is frequent.

    Args:
        reasons: each with ``state``, ``reason`` and ``count``, as ``Report.reasons`` gives them; not empty.

    Returns:
        An ``svg`` element.
    """
    # Bars are drawn from below.
    shown = list(reversed(reasons))
    chart = _chart(
        pygal.HorizontalBar,
        "reasons",
        [COLORS["failed"]],
        height=30 + _ROW_HEIGHT * len(shown),
        print_values=True,
        show_legend=False,
        show_x_labels=False,
    )
    chart.x_labels = [_shortened(f"{reason['state']}: {reason['reason']}") for reason in shown]
    chart.add("participants", [{"value": each["count"], "color": COLORS[each["state"]]} for each in shown])
    return _rendered(chart)


def _wave_label(group: Sequence[Mapping[str, Any]]) -> str:
    first, last = group[0], group[-1]
    number = f"{first['wave']}" if first is last else f"{first['wave']} to {last['wave']}"
    return f"{number}, {first['started'][11:19]}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LABEL else text[: _LABEL - 1] + "…"


def _chart(kind: Callable[..., Any], name: str, colors: Sequence[str], **options: Any) -> Any:
    chart = kind(
        width=_WIDTH,
        js=(),
        disable_xml_declaration=True,
        legend_at_bottom=True,
        truncate_label=-1,
        print_zeroes=False,
        value_formatter=lambda value: f"{value:,.0f}",
        margin=8,
        style=pygal_style.Style(
            colors=tuple(colors),
            background="white",
            plot_background="white",
            font_family="sans-serif",
            label_font_size=12,
            major_label_font_size=12,
            legend_font_size=13,
            value_font_size=12,
            value_colors=("white",) * len(colors),
            opacity="1",
            opacity_hover="1",
            transition="0s",
        ),
        **options,
    )
    # Several charts share a page, and the same figures give the same page.
    chart.uuid = name
    chart.add_xml_filter(_without_script)
    return chart


def _without_script(root: Any) -> Any:
    """Leave out the script, which would only show what is printed anyway, and the comments, which tell the day."""
    for parent in list(root.iter()):
        for child in list(parent):
            if not isinstance(child.tag, str) or child.tag.rpartition("}")[2] in ("script", "desc", "title"):
                parent.remove(child)
    return root


def _rendered(chart: Any) -> str:
    return str(chart.render(is_unicode=True))
