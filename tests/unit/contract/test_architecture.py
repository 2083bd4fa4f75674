# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The picture in docs/architecture.md against import-linter's contracts, and its table of places against the files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
MODULE_UTILS = ROOT / "plugins" / "module_utils"
PACKAGES = {path.name for path in MODULE_UTILS.iterdir() if path.is_dir() and not path.name.startswith("__")}


def floors() -> list[set[str]]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    return [{name.strip() for name in re.split(r"[|:]", layer)} for layer in layers]


def arrows() -> list[tuple[str, str]]:
    return re.findall(r"^ +(_\w+) --> (_\w+)$", PAGE, re.MULTILINE)


def test_every_package_has_its_floor_its_box_and_its_row() -> None:
    assert set().union(*floors()) == PACKAGES
    assert {name for arrow in arrows() for name in arrow} == PACKAGES
    assert set(re.findall(r"^\| `(_\w+)` \|", PAGE, re.MULTILINE)) == PACKAGES


def test_every_arrow_runs_downwards() -> None:
    floor = {name: number for number, names in enumerate(floors()) for name in names}
    assert not [arrow for arrow in arrows() if floor[arrow[0]] >= floor[arrow[1]]]


def test_every_arrow_is_an_import_and_every_direct_import_has_its_arrow_or_detour() -> None:
    imports = {
        (package, target)
        for package in PACKAGES
        for path in (MODULE_UTILS / package).glob("*.py")
        for target in re.findall(r"^\s*from \.\.(_\w+)[. ]", path.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert set(arrows()) <= imports
    reached = set(arrows())
    while further := {(a, d) for a, b in reached for c, d in arrows() if b == c} - reached:
        reached |= further
    assert imports <= reached


def test_the_places_of_decisions_exist() -> None:
    places = re.findall(r"`(_\w+/\w+\.py)`", PAGE)
    assert len(places) > 8
    assert not [place for place in places if not (MODULE_UTILS / place).is_file()]
