# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Define a scenario: SIMs and campaigns at the start, and how these continue."""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

SCENARIOS = Path(__file__).parent / "scenarios"

State = Literal["unallocated", "pending_build", "pending_send", "waiting_por", "finished", "failed", "canceled"]
Digits = Annotated[str, Field(pattern=r"^[0-9]+$")]
Seconds = Annotated[float, Field(ge=0)]


class Part(BaseModel):
    """A part of a scenario.

    Unknown keys are refused, so that a misspelled one is found.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


class Sims(Part):
    """A series of SIMs.

    SIM n has the first identifiers plus n (`iccid` is without its Luhn digit).
    """

    count: int = Field(ge=1)
    imsi: Digits = Field(min_length=6, max_length=15)
    iccid: Digits = Field(min_length=17, max_length=21)
    msisdn: Digits = Field(max_length=15)
    ota_counter: int = Field(default=1, ge=0, description="Initial value of each SIM's OTA counter.")

    @model_validator(mode="after")
    def _fits_its_digits(self) -> Sims:
        for name in ("imsi", "iccid", "msisdn"):
            first = getattr(self, name)
            if len(str(int(first) + self.count - 1)) > len(first):
                raise ValueError(f"{name}: {self.count} SIMs from {first} need more than {len(first)} digits")
        return self


class MovedNumber(Part):
    """A subscriber who kept the number and moved to another SIM.

    `msisdn` belongs to `imsi` now.
    """

    msisdn: Digits
    imsi: Digits


class Pace(Part):
    """The shortest and longest time of each step of a message.

    Times are simulated seconds of campaign time.
    """

    build: tuple[Seconds, Seconds] = (5, 60)
    send: tuple[Seconds, Seconds] = (5, 120)
    por: tuple[Seconds, Seconds] = (3, 90)

    @model_validator(mode="after")
    def _ordered(self) -> Pace:
        for name in ("build", "send", "por"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise ValueError(f"{name}: [{low}, {high}] must be two numbers above 0, the smaller first")
        return self


class Campaign(Part):
    """One campaign, and the states that its participants are in at the start."""

    campaign_id: int = Field(ge=1)
    name: str
    type: Literal["RFM", "RAM"]
    state: Literal["started", "paused", "stopped"]
    first_participant: int = Field(ge=1, description="The first of its participants' ids, which have no gaps.")
    started_before: Seconds = Field(default=86400, description="Seconds from its start to that of the scenario.")
    first_sim: int = Field(default=0, ge=0, description="The first of the scenario's SIMs that are its participants.")
    initial: dict[State, int] = Field(min_length=1, description="How many participants start in each state.")
    participants: dict[int, State] = Field(
        default_factory=dict, description="Participants whose state is fixed; they are among the `initial` ones."
    )
    pace: Pace = Pace()
    failure_rate: float = Field(default=0.1, ge=0, le=1, description="Share of messages that fail after the start.")
    succeeds_at: tuple[int, int] | None = Field(
        default=None,
        description="The first and last of the actions at one of which a participant's message succeeds, counted from "
        "the start; those before it fail. Without it, `failure_rate` decides.",
    )
    subscriber_rate: float = Field(
        default=0.5, ge=0, le=1, description="Share of the unallocated whose subscriber has appeared at the start."
    )
    appears: tuple[Seconds, Seconds] = Field(
        default=(600, 7200), description="When the others' subscribers appear, in simulated seconds from the start."
    )

    @property
    def size(self) -> int:
        """Return the number of its participants."""
        return sum(self.initial.values())

    @property
    def participant_ids(self) -> range:
        """Return the ids of its participants."""
        return range(self.first_participant, self.first_participant + self.size)

    @field_validator("succeeds_at")
    @classmethod
    def _counts_from_one(cls, value: tuple[int, int] | None) -> tuple[int, int] | None:
        if value and not 1 <= value[0] <= value[1]:
            raise ValueError(f"succeeds_at: {list(value)} must be two numbers from 1 on, the smaller first")
        return value

    @model_validator(mode="after")
    def _fixed_are_among_the_initial(self) -> Campaign:
        if min(self.initial.values()) < 0:
            raise ValueError(f"initial: {self.initial} holds a number below 0")
        for participant_id in self.participants:
            if participant_id not in self.participant_ids:
                raise ValueError(f"participants: {participant_id} is not one of campaign {self.campaign_id}")
        fixed = list(self.participants.values())
        for state in set(fixed):
            if fixed.count(state) > self.initial.get(state, 0):
                raise ValueError(f"participants: more are fixed as {state} than `initial` has")
        return self


class Scenario(Part):
    """All data at the start.

    SIMs are numbered from 0 through all series of `sims`.
    """

    seed: int = Field(default=1, ge=0, lt=2**63)
    begins: datetime.datetime = datetime.datetime(2026, 5, 4, 8, 0, tzinfo=datetime.UTC)
    sims: list[Sims] = Field(min_length=1)
    moved: list[MovedNumber] = Field(default_factory=list)
    campaigns: list[Campaign] = Field(min_length=1)

    @model_validator(mode="after")
    def _campaigns_fit(self) -> Scenario:
        sims = sum(run.count for run in self.sims)
        for name in ("imsi", "iccid", "msisdn"):
            _check_apart(name, [(getattr(run, name), run.count) for run in self.sims])
        for move in self.moved:
            for name in ("imsi", "msisdn"):
                if not any(0 <= int(getattr(move, name)) - int(getattr(run, name)) < run.count for run in self.sims):
                    raise ValueError(f"moved: no SIM has the {name} {getattr(move, name)}")
        taken: list[Campaign] = []
        for campaign in self.campaigns:
            if campaign.first_sim + campaign.size > sims:
                raise ValueError(f"campaign {campaign.campaign_id} needs more SIMs than the {sims} of the scenario")
            for other in taken:
                if other.campaign_id == campaign.campaign_id:
                    raise ValueError(f"campaign {campaign.campaign_id} is defined twice")
                ids, others = campaign.participant_ids, other.participant_ids
                if ids.start < others.stop and others.start < ids.stop:
                    raise ValueError(f"campaigns {other.campaign_id} and {campaign.campaign_id} share participant ids")
            taken.append(campaign)
        return self


def _check_apart(name: str, runs: list[tuple[str, int]]) -> None:
    ordered = sorted((int(first), first, count) for first, count in runs)
    for (number, first, count), (following, other, _count) in itertools.pairwise(ordered):
        if number + count > following:
            raise ValueError(f"sims: the {name} {other} is also in the series that begins with {first}")


def load_scenario(source: str | dict[str, Any] | Scenario) -> Scenario:
    """Read and check a scenario.

    It is given by one of the sandbox's own names, a path or a mapping, or is a `Scenario` and returned as it is.

    Raises:
        FileNotFoundError: no scenario of that name, and no such file.
        ValueError: the file is not YAML, or its content does not fit (`pydantic.ValidationError` is one).
    """
    if isinstance(source, Scenario):
        return source
    if isinstance(source, dict):
        return Scenario.model_validate(source)
    own = SCENARIOS / f"{source}.yml"
    path = own if own.is_file() else Path(source)
    if not path.is_file():
        names = ", ".join(sorted(file.stem for file in SCENARIOS.glob("*.yml")))
        raise FileNotFoundError(f"scenario {source!r}: neither a file nor one of {names}")
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)  # noqa: S506 (either is a safe one)
    except yaml.YAMLError as error:
        raise ValueError(f"scenario {path}: not YAML: {error}") from error
    return Scenario.model_validate(content)


# PyYAML's parser in C, if it is there: otherwise most of a sandbox's start is spent on reading its scenario.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

# A nation needs a million of them: twice each digit, and the sum of its two digits if there are two.
_DOUBLED = bytes.maketrans(b"0123456789", bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)))


def luhn_digit(digits: str) -> str:
    """Return the check digit that an ICCID ends with (ITU-T E.118)."""
    backwards = digits.encode()[::-1]
    doubled, others = backwards[::2], backwards[1::2]
    return str(-(sum(doubled.translate(_DOUBLED)) + sum(others) - len(others) * ord("0")) % 10)


def sim_rows(scenario: Scenario) -> Iterator[tuple[int, str, str, str, int]]:
    """Yield the number, imsi, iccid, msisdn and initial ota_counter of each SIM."""
    number = 0
    for run in scenario.sims:
        imsi, iccid, msisdn = int(run.imsi), int(run.iccid), int(run.msisdn)
        imsi_width, iccid_width, msisdn_width = len(run.imsi), len(run.iccid), len(run.msisdn)
        for n in range(run.count):
            body = f"{iccid + n:0{iccid_width}d}"
            yield (
                number,
                f"{imsi + n:0{imsi_width}d}",
                body + luhn_digit(body),
                f"{msisdn + n:0{msisdn_width}d}",
                run.ota_counter,
            )
            number += 1
