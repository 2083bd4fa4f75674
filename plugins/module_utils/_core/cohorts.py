# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find the groups of SIMs that fail more often than all others.

A cohort is a group of participants that have something in common: the first digits of their ICCID or IMSI, their
campaign, their wave, or the hour in which they were sent. Its share of failures is compared with that of the rest.

- A share has the 95 % interval of Wilson.
- The lift is the share divided by that of the rest. Its 95 % interval is that of the logarithm of the ratio (Katz),
  with half a failure added on both sides (Walter), so that it exists where the rest has no failure.
- A cohort is found if chance alone gives it so many failures in fewer than 2.5 % of the analyses. This is Fisher's
  exact test, corrected for the number of cohorts compared (Bonferroni): otherwise chance would name one in forty.
- A longer prefix is left out if it fails no more often than a shorter one that is found. A shorter one is left out if
  it fails more often only because of longer ones that are found.
"""

from __future__ import annotations

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist
from typing import Any

SMALLEST = 20
"""The fewest participants of a cohort, and of the rest that it is compared with."""

MOST_FOUND = 20
"""The highest number of cohorts, and of reasons, that a result has."""

MOST_KEPT = 20_000
"""How many groups of one kind are counted at once. Beyond it the smallest half is dropped."""

ICCID_DIGITS = (7, 9, 11)
"""The lengths of ICCID prefixes: the issuer's has up to 7 digits (ITU-T E.118), a batch's is longer."""

IMSI_DIGITS = (5, 6)
"""The lengths of IMSI prefixes: an MNC has 2 or 3 digits (ITU-T E.212), and the IMSI does not show which."""

_BY_CHANCE = 0.025
_Z = NormalDist().inv_cdf(1 - _BY_CHANCE)
_NEGLIGIBLE = 1e-12


class Kind(StrEnum):
    """What the participants of a cohort have in common."""

    ICCID_PREFIX = "iccid_prefix"
    IMSI_PREFIX = "imsi_prefix"
    CAMPAIGN = "campaign"
    WAVE = "wave"
    HOUR = "hour"


_PREFIXES = {Kind.ICCID_PREFIX: ICCID_DIGITS, Kind.IMSI_PREFIX: IMSI_DIGITS}
_SUBJECTS = {
    Kind.ICCID_PREFIX: "SIMs",
    Kind.IMSI_PREFIX: "IMSIs",
    Kind.CAMPAIGN: "Campaign",
    Kind.WAVE: "Wave",
    Kind.HOUR: "Sent in the hour from",
}


class GroupCounts:
    """The number of participants and of failures in each group, in bounded memory.

    Attributes:
        size, failed: the number of participants with an outcome, and of failures among them.
        is_complete: whether all groups are counted: false after there were more than ``MOST_KEPT`` of a kind. Small
            groups may then be missing, and the counts of those that were dropped for a while are too low.
    """

    def __init__(self) -> None:
        self.size = self.failed = 0
        self.is_complete = True
        self._groups: dict[Kind, dict[Any, tuple[int, int]]] = {kind: {} for kind in Kind}

    def add_total(self, size: int, failed: int) -> None:
        """Count participants, and the failures among them."""
        self.size += size
        self.failed += failed

    def add(self, kind: Kind, value: Any, size: int, failed: int) -> None:
        """Count participants with one value; None is no value.

        Args:
            kind: what the value is.
            value: the number of a campaign or wave, the number of an hour since 1970, or an ICCID or IMSI or its first
                digits. It is counted under each of the prefixes' lengths.
            size: the number of participants.
            failed: the number of failures among them.
        """
        if value is None:
            return
        if kind in _PREFIXES:
            values = [value[:digits] for digits in _PREFIXES[kind] if len(value) >= digits]
        else:
            values = [value]
        groups = self._groups[kind]
        for each in values:
            before = groups.get(each, (0, 0))
            groups[each] = (before[0] + size, before[1] + failed)
        if len(groups) > MOST_KEPT:
            self._drop_smallest(kind)

    def _drop_smallest(self, kind: Kind) -> None:
        largest = sorted(self._groups[kind].items(), key=lambda group: -group[1][0])[: MOST_KEPT // 2]
        self._groups[kind] = dict(largest)
        self.is_complete = False

    def cohorts(self) -> list[Cohort]:
        """Return the groups that can be compared, with the rest of each."""
        return [
            Cohort(kind, value, size, failed, self.size - size, self.failed - failed)
            for kind, groups in self._groups.items()
            for value, (size, failed) in groups.items()
            if size >= SMALLEST and self.size - size >= SMALLEST
        ]


@dataclass(frozen=True)
class Cohort:
    """A group of participants and the rest.

    Attributes:
        kind, value: what they have in common, as for ``GroupCounts.add``.
        size, failed: the number of participants and of failures among them.
        rest, rest_failed: the same of all others.
    """

    kind: Kind
    value: Any
    size: int
    failed: int
    rest: int
    rest_failed: int

    def lift(self) -> float | None:
        """Return the share of failures divided by the rest's; None if the rest has none."""
        if not self.rest_failed:
            return None
        return (self.failed / self.size) / (self.rest_failed / self.rest)

    def without(self, others: Iterable[Cohort]) -> Cohort:
        """Return the cohort without some of its parts, compared with the same rest."""
        parts = list(others)
        size = self.size - sum(part.size for part in parts)
        failed = self.failed - sum(part.failed for part in parts)
        return Cohort(self.kind, self.value, size, failed, self.rest, self.rest_failed)

    def is_part_of(self, other: Cohort) -> bool:
        """Return whether the other's prefix is the beginning of this one's."""
        is_prefix = self.kind in _PREFIXES and self.kind == other.kind and self.value != other.value
        return is_prefix and str(self.value).startswith(str(other.value))

    def shown_value(self) -> str:
        """Return the value as text: an hour is its beginning in UTC."""
        if self.kind is not Kind.HOUR:
            return str(self.value)
        return datetime.datetime.fromtimestamp(self.value * 3600, datetime.UTC).strftime("%Y-%m-%dT%H:%MZ")

    def sentence(self) -> str:
        """Return the finding as a sentence."""
        lift = self.lift()
        times = "none of the rest" if lift is None else f"{short(lift)} times the rest"
        share = short(100 * self.failed / self.size)
        return f"{_SUBJECTS[self.kind]} {self.shown_value()}: {share} % failed, {times}"

    def result(self) -> dict[str, Any]:
        """Return the cohort as modules return it, shares in percent with two digits."""
        low, high = wilson(self.failed, self.size)
        lift_low, lift_high = lift_interval(self)
        lift = self.lift()
        return {
            "kind": self.kind,
            "value": self.shown_value(),
            "size": self.size,
            "failed": self.failed,
            "percentage": _percent(self.failed / self.size),
            "percentage_low": _percent(low),
            "percentage_high": _percent(high),
            "rest_percentage": _percent(self.rest_failed / self.rest),
            "lift": None if lift is None else round(lift, 2),
            "lift_low": round(lift_low, 2),
            "lift_high": round(lift_high, 2),
            "sentence": self.sentence(),
        }


def wilson(failed: int, size: int) -> tuple[float, float]:
    """Return the 95 % interval of Wilson for a share, 0.0 to 1.0.

    Args:
        failed: the number of failures.
        size: of how many, 1 or more.
    """
    share, square = failed / size, _Z * _Z / size
    middle = (share + square / 2) / (1 + square)
    half = _Z / (1 + square) * math.sqrt(share * (1 - share) / size + square / (4 * size))
    # Rounding must not put the share outside its interval.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def lift_interval(cohort: Cohort) -> tuple[float, float]:
    """Return the 95 % interval of a cohort's lift, after Katz and Walter."""
    failed, size = cohort.failed + 0.5, cohort.size + 0.5
    rest_failed, rest = cohort.rest_failed + 0.5, cohort.rest + 0.5
    middle = math.log(failed / size) - math.log(rest_failed / rest)
    half = _Z * math.sqrt(1 / failed - 1 / size + 1 / rest_failed - 1 / rest)
    return math.exp(middle - half), math.exp(middle + half)


def chance_of(cohort: Cohort) -> float:
    """Return the chance of so many failures or more (Fisher's exact test).

    It is the upper tail of the hypergeometric distribution: all failures are dealt out over all participants.
    """
    size, failed = cohort.size, cohort.failed
    total, all_failed = size + cohort.rest, failed + cohort.rest_failed
    if failed * total <= size * all_failed:
        return 1.0  # no more than on average: at least about one half, and of no interest
    term = chance = math.exp(
        _log_choose(all_failed, failed) + _log_choose(total - all_failed, size - failed) - _log_choose(total, size)
    )
    for more in range(failed, min(size, all_failed)):
        term *= (all_failed - more) * (size - more) / ((more + 1) * (total - all_failed - size + more + 1))
        chance += term
        if term < _NEGLIGIBLE * chance:
            break
    return min(1.0, chance)


def _log_choose(size: int, chosen: int) -> float:
    return math.lgamma(size + 1) - math.lgamma(chosen + 1) - math.lgamma(size - chosen + 1)


def worst(groups: GroupCounts) -> list[Cohort]:
    """Return the cohorts that fail more often than the rest, the worst first.

    The order is by the lower limit of the lift.
    """
    compared = groups.cohorts()
    if not groups.failed or not compared:
        return []
    most = _BY_CHANCE / len(compared)
    found = [cohort for cohort in compared if _is_worse(cohort, most)]
    # The longest prefixes last: each is compared with those that are its beginning.
    kept: list[Cohort] = []
    for cohort in sorted(found, key=lambda each: len(str(each.value))):
        low = wilson(cohort.failed, cohort.size)[0]
        wider = [each for each in kept if cohort.is_part_of(each)]
        if all(low > each.failed / each.size for each in wider):
            kept.append(cohort)
    kept = [cohort for cohort in kept if _is_worse(cohort.without(_largest_parts(cohort, kept)), most)]
    kinds = list(Kind)
    return sorted(kept, key=lambda cohort: (-lift_interval(cohort)[0], kinds.index(cohort.kind), str(cohort.value)))


def _is_worse(cohort: Cohort, most: float) -> bool:
    """Return whether a cohort fails more often than the rest, and not by chance.

    Chance explains it with a probability of at most ``most``.
    """
    return cohort.size > 0 and chance_of(cohort) <= most and lift_interval(cohort)[0] > 1


def _largest_parts(cohort: Cohort, kept: Sequence[Cohort]) -> list[Cohort]:
    """Return the parts of a cohort among others that are not in another part of it."""
    parts = [each for each in kept if each.is_part_of(cohort)]
    return [part for part in parts if not any(part.is_part_of(other) for other in parts)]


class ReasonCounts:
    """The failures by the server's code and message, in bounded memory."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[int | None, str]] = Counter()

    def add(self, code: int | None, text: str, count: int) -> None:
        """Count failures with one reason."""
        self._counts[code, text] += count
        if len(self._counts) > MOST_KEPT:
            self._counts = Counter(dict(self._counts.most_common(MOST_KEPT // 2)))

    def result(self, failed: int) -> list[dict[str, Any]]:
        """Return the reasons of at least ``SMALLEST`` failures, the most frequent first.

        Args:
            failed: the number of all failures.
        """
        frequent = sorted(self._counts.items(), key=lambda pair: (-pair[1], str(pair[0])))
        return [
            _reason(code, text, count, failed) for (code, text), count in frequent[:MOST_FOUND] if count >= SMALLEST
        ]


def _reason(code: int | None, text: str, count: int, failed: int) -> dict[str, Any]:
    low, high = wilson(count, failed)
    subject = text if code is None else f"Code {code} ({text})"
    return {
        "code": code,
        "message": text,
        "failed": count,
        "percentage": _percent(count / failed),
        "percentage_low": _percent(low),
        "percentage_high": _percent(high),
        "sentence": f"{subject}: {short(100 * count / failed)} % of the failures",
    }


def cohorts_result(groups: GroupCounts, reasons: ReasonCounts | None = None) -> dict[str, Any]:
    """Return the analysis as modules return it."""
    compared = groups.cohorts()
    return {
        "size": groups.size,
        "failed": groups.failed,
        "percentage": _percent(groups.failed / groups.size) if groups.size else None,
        "compared": len(compared),
        "complete": groups.is_complete,
        "worst": [cohort.result() for cohort in worst(groups)[:MOST_FOUND]],
        "reasons": reasons.result(groups.failed) if reasons else [],
    }


def short(number: float) -> str:
    """Write a number with one digit after the point below 10, and none above."""
    text = f"{number:.1f}"
    return f"{number:.0f}" if number >= 10 or text.endswith(".0") else text


def _percent(share: float) -> float:
    return round(100 * share, 2)
