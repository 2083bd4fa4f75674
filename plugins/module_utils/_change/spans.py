# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compute with spans of time in Unix seconds.

The spans of a list are sorted, and do not touch. Each includes its start but not its end.
"""

from __future__ import annotations

from collections.abc import Iterable

Spans = list[tuple[float, float]]


def merged(spans: Iterable[tuple[float, float]]) -> Spans:
    """Sort spans, join those that overlap or touch, and leave out those of no length."""
    joined: Spans = []
    for start, end in sorted(spans):
        if start >= end:
            continue
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def common(some: Spans, others: Spans) -> Spans:
    """Return the spans of time that are in both."""
    shared: Spans = []
    one = other = 0
    while one < len(some) and other < len(others):
        start, end = max(some[one][0], others[other][0]), min(some[one][1], others[other][1])
        if start < end:
            shared.append((start, end))
        if some[one][1] < others[other][1]:
            one += 1
        else:
            other += 1
    return shared


def clipped(spans: Spans, start: float, end: float) -> Spans:
    """Return the parts of spans between two moments."""
    return common(spans, [(start, end)])


def outside(spans: Spans, start: float, end: float) -> Spans:
    """Return the time between two moments that is in none of the spans."""
    gaps: Spans = []
    for first, last in clipped(spans, start, end):
        if start < first:
            gaps.append((start, first))
        start = last
    if start < end:
        gaps.append((start, end))
    return gaps
