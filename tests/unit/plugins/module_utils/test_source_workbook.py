# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Workbooks as lists of SIMs: the sheet with a header is read, and numbers that lost digits are refused."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change import source as source_module
from ansible_collections.simops.yateota.plugins.module_utils._change.source import Source
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError

A, IMSI = "8931010000000000295", "001010000000011"


def workbook(path: Path, sheets: dict[str, list[list[Any]]], hidden: str = "") -> Path:
    book = openpyxl.Workbook()
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
    del book["Sheet"]
    book.save(path)
    return path


def read(path: Path) -> tuple[list[tuple[int, Any]], set[str]]:
    with Source(path) as source:
        found = [(line, str(entry) if isinstance(entry, Exception) else entry) for line, entry in source.entries()]
        return found, source.numeric


def one_cell(tmp_path: Path, name: str, cell: Any) -> tuple[Any, set[str]]:
    """What is read of one cell under that name, and the columns of numbers."""
    found, numeric = read(workbook(tmp_path / "sims.xlsx", {"SIMs": [[name, "note"], [cell, "x"]]}))
    return found[0][1], numeric


@pytest.mark.parametrize("packed", [False, True])
def test_the_sheet_with_a_header_is_read(tmp_path: Path, packed: bool) -> None:
    sheets = {
        "About": [["Delivery"], ["of June"]],
        "SIMs": [
            ["Delivery 4711", None],
            [],
            ["SIM number", "IMSI", "Campaign"],
            [A, IMSI, 167],
            [],
            [f"'{A}", None, ""],
        ],
        "Old": [["ICCID"], [A]],
    }
    path = workbook(tmp_path / "sims.xlsx", sheets, hidden="Old")
    if packed:
        path.write_bytes(gzip.compress(path.read_bytes()))
    assert read(path) == ([(4, {"iccid": A, "imsi": IMSI, "campaign_id": "167"}), (6, {"iccid": A})], set())


@pytest.mark.parametrize(
    ("name", "cell", "value"),
    [
        ("IMSI", 262010000000011, "262010000000011"),
        ("MSISDN", 882990000011, "882990000011"),
        ("MSISDN", 882990000011.0, "882990000011"),
    ],
)
def test_numbers_that_are_whole_are_taken_and_told(tmp_path: Path, name: str, cell: Any, value: str) -> None:
    assert one_cell(tmp_path, name, cell) == ({name.lower(): value}, {name})


@pytest.mark.parametrize(
    ("name", "cell", "message"),
    [
        ("ICCID", int(A), "is a number of more than 15 digits"),
        ("ICCID", 8.93101e18, "is a number of more than 15 digits"),
        ("IMSI", 1010000000011, "is a number of 13 digits, and may have lost leading zeros"),
        ("MSISDN", 882990000011.5, "is a number with a decimal point"),
        ("ICCID", "=A1&B1", "is a formula"),
    ],
)
def test_numbers_that_are_not_are_refused(tmp_path: Path, name: str, cell: Any, message: str) -> None:
    assert message in one_cell(tmp_path, name, cell)[0]


@pytest.mark.parametrize(("cell", "value"), [(167, "167"), (167.0, "167"), (" 167 ", "167"), ('="167"', "167")])
def test_ids(tmp_path: Path, cell: Any, value: str) -> None:
    assert one_cell(tmp_path, "participant id", cell) == ({"participant_id": value}, set())


def test_zeros_that_a_format_shows_are_there(tmp_path: Path) -> None:
    path = workbook(tmp_path / "sims.xlsx", {"SIMs": [["IMSI"], [int(IMSI)]]})
    book = openpyxl.load_workbook(path)
    book["SIMs"]["A2"].number_format = "0" * 15
    book.save(path)
    assert read(path) == ([(2, {"imsi": IMSI})], {"IMSI"})


def test_wrong_dimensions_lose_no_rows(tmp_path: Path) -> None:
    """Some programs write them, and a reader that trusts them stops there."""
    import zipfile

    path = workbook(tmp_path / "sims.xlsx", {"SIMs": [["ICCID", "IMSI"], [A, IMSI], [None, IMSI]]})
    with zipfile.ZipFile(path) as before:
        parts = {name: before.read(name) for name in before.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    assert b'ref="A1:B3"' in parts[sheet]
    parts[sheet] = parts[sheet].replace(b'ref="A1:B3"', b'ref="A1"')
    with zipfile.ZipFile(path, "w") as after:
        for name, data in parts.items():
            after.writestr(name, data)
    assert read(path)[0] == [(2, {"iccid": A, "imsi": IMSI}), (3, {"imsi": IMSI})]


@pytest.mark.parametrize(
    ("sheets", "message"),
    [
        ({"One": [["ICCID"], [A]], "Two": [["IMSI"], [IMSI]]}, ".xlsx': the sheets 'One', 'Two' each have a header"),
        ({"One": [["Name", "Number"], ["x", 1]]}, "line 1 has 'Name', 'Number' (sheet 'One')"),
        ({"One": []}, "it is empty (sheet 'One')"),
        ({"One": [["ICCID", "campain_id"], [A, 167]]}, "line 1: the column 'campain_id' looks like campaign_id"),
    ],
)
def test_workbooks_that_are_refused(tmp_path: Path, sheets: dict[str, list[list[Any]]], message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        read(workbook(tmp_path / "sims.xlsx", sheets))
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"xl/workbook.xml", b"xl/notebook.xml"),
        (b"PK\x01\x02\x14\x03\x14", b"PK\x01\x02\x14\x03\x46"),
    ],
    ids=["other", "newer"],
)
def test_other_archives_are_no_workbooks(tmp_path: Path, before: bytes, after: bytes) -> None:
    path = workbook(tmp_path / "sims.xlsx", {"SIMs": [["ICCID"], [A]]})
    path.write_bytes(path.read_bytes().replace(before, after))
    with pytest.raises(InvalidInputError, match="is not a workbook that can be read"):
        read(path)


def test_without_its_library_it_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = workbook(tmp_path / "sims.xlsx", {"SIMs": [["ICCID"], [A]]})
    monkeypatch.setattr(source_module, "missing", lambda names: names)
    with pytest.raises(
        InvalidInputError, match="openpyxl, which reads it, is not installed: install openpyxl, or save"
    ):
        read(path)
