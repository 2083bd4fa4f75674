# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Python examples of the pages run as they are printed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
EXAMPLES = [
    pytest.param(example, id=f"{path.name}-{number}")
    for path in (*sorted(ROOT.glob("docs/**/*.md")), ROOT / "README.md")
    for number, example in enumerate(re.findall(r"^```python\n(.*?)^```$", path.read_text("utf-8"), re.M | re.S))
]
# A scenario of a million takes most of a minute; its campaign is another's there.
SMALLER = {'scenario="nation"': 'scenario="small"', '"campaign_id": 301': '"campaign_id": 167'}


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_runs(example: str, capsys: pytest.CaptureFixture[str]) -> None:
    for large, small in SMALLER.items():
        example = example.replace(large, small)
    exec(example, {"__name__": "example"})  # noqa: S102 (what people run, as the page says)
    assert capsys.readouterr().err == ""
