# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files: whole or not there, private, changed only when their content is, and refused in a sentence."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError, TransportError
from ansible_collections.simops.yateota.plugins.module_utils._report.rows import FORMATS, Export, RowWriter
from hypothesis import given
from hypothesis import strategies as st


def write(dest: Path | str, text: str, check_mode: bool = False) -> bool:
    with Export(str(dest), check_mode) as export:
        export.file.write(text)
    return export.changed


@pytest.fixture(name="dest")
def _dest(tmp_path: Path) -> Iterator[Path]:
    """A file to write, in a folder in which nothing else may remain."""
    folder = tmp_path / "folder"
    folder.mkdir()
    yield folder / "out.csv"
    assert {path.name for path in folder.iterdir()} <= {"out.csv", "link.csv"}


def test_a_new_file_is_its_owners_alone(dest: Path) -> None:
    assert write(dest, "ä\n")
    assert dest.read_bytes() == "ä\n".encode()
    assert dest.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o606])
def test_an_old_file_is_its_owners_alone_from_then_on(dest: Path, mode: int) -> None:
    dest.write_text("one")
    dest.chmod(mode)
    before = dest.stat().st_ino
    assert not write(dest, "one", check_mode=True)
    assert dest.stat().st_mode & 0o777 == mode
    assert not write(dest, "one")
    assert (dest.stat().st_ino, dest.stat().st_mode & 0o777) == (before, 0o600)
    dest.chmod(mode)
    assert write(dest, "two")
    assert (dest.read_text(), dest.stat().st_mode & 0o777) == ("two", 0o600)


def test_check_mode_tells_the_same_and_writes_nothing(dest: Path) -> None:
    assert write(dest, "one", check_mode=True)
    assert not dest.exists()
    dest.write_text("one")
    assert not write(dest, "one", check_mode=True)
    assert write(dest, "two", check_mode=True)
    assert dest.read_text() == "one"


def test_a_failure_on_the_way_leaves_the_old_file(dest: Path) -> None:
    dest.write_text("old")

    def fail() -> None:
        with Export(str(dest), False) as export:
            export.file.write("new" * 100_000)
            raise TransportError("gone")

    with pytest.raises(TransportError, match="gone"):
        fail()
    assert dest.read_text() == "old"


def test_the_old_file_is_whole_until_the_new_one_is(dest: Path) -> None:
    dest.write_text("old")
    with Export(str(dest), False) as export:
        export.file.write("new")
        export.file.flush()
        assert dest.read_text() == "old"
        assert len(list(dest.parent.iterdir())) == 2
    assert dest.read_text() == "new"


def test_a_link_is_followed(dest: Path) -> None:
    link = dest.with_name("link.csv")
    link.symlink_to(dest)
    dest.write_text("old")
    assert write(link, "new")
    assert link.is_symlink()
    assert dest.read_text() == "new"


def test_a_link_of_another_user_is_refused(dest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link = dest.with_name("link.csv")
    link.symlink_to(dest)
    os.chown(link, 12345, -1, follow_symlinks=False) if os.geteuid() == 0 else monkeypatch.setattr(
        os, "geteuid", lambda: 12345
    )
    with pytest.raises(InvalidInputError, match="is a symbolic link of the user with uid"):
        write(link, "new")
    assert not dest.exists()


@pytest.mark.parametrize("when", ["while writing", "at the end"])
def test_a_full_disk(dest: Path, when: str) -> None:
    """The file's descriptor leads to a device that is full: what the kernel says is what is reported."""
    dest.write_text("old")

    def fill() -> None:
        with Export(str(dest), False) as export, contextlib.closing(open("/dev/full", "w")) as full:
            os.dup2(full.fileno(), export.file.fileno())
            export.file.write("x" * (1_000_000 if when == "while writing" else 10))

    with pytest.raises(InvalidInputError) as error:
        fill()
    assert str(error.value) == (
        f"dest '{dest}' cannot be written (No space left on device): name a file in a writable folder "
        "with enough space."
    )
    assert dest.read_text() == "old"


@pytest.mark.parametrize("check_mode", [False, True])
def test_places_that_cannot_be(dest: Path, check_mode: bool) -> None:
    for place, why in (
        (dest.parent, "it exists, and is not a regular file"),
        (Path("/dev/full"), "it exists, and is not a regular file"),
        (dest.parent / "missing" / "out.csv", f"the folder {dest.parent}/missing is missing or cannot be written"),
    ):
        with pytest.raises(InvalidInputError) as error:
            Export(str(place), check_mode)
        assert str(error.value).startswith(f"dest '{place}' cannot be written ({why}): name a file")
    assert Path("/dev/full").is_char_device()


def test_a_folder_that_takes_no_files() -> None:
    """Even root may not write here, though the mode says so: the kernel's own word is reported."""
    with pytest.raises(InvalidInputError, match=r"^dest '/proc/out\.csv' cannot be written \(.+\): name a file"):
        Export("/proc/out.csv", False)


ROWS = [
    {"participant_id": 1, "imsi": "001", "state": None, "extra": {}},
    {"participant_id": 2, "imsi": "002", "state": 'odd, "quoted"\nstate', "extra": {"a": [1]}},
]


def test_csv() -> None:
    file = io.StringIO()
    writer = RowWriter(file, "csv", ROWS[0])
    writer.write(ROWS)
    assert file.getvalue().startswith("participant_id,imsi,state,extra\n1,001,,\n")
    (first, second) = csv.DictReader(io.StringIO(file.getvalue()))
    assert first == {"participant_id": "1", "imsi": "001", "state": "", "extra": ""}
    assert second == {"participant_id": "2", "imsi": "002", "state": ROWS[1]["state"], "extra": '{"a": [1]}'}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "=1+1",
            "+882990000011",
            "-1",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\n=1",
            "\uff1d1",
            "'=1",
            "''+1",
            '=HYPERLINK("x")',
        ),
        *("plain", "'plain", "a=b", "", "'", "it's", "a\rb", "a\r\nb", "a; b", "a,=1", "a|b;c"),
        *(f"busy{between}=HYPERLINK(1)" for between in (";", "\t", "|", "\n", "\r\n", ';"', ";'", ';"\'"', ";;", "=;")),
        *("busy;+1", "busy;-1, or;@1;b", "busy;\uff1d1", ";=1", "=1;=1", "\t\t=1", "'\t'=1", ";'=1;''=1"),
    ],
    ids=ascii,
)
def test_no_cell_of_csv_is_a_formula_and_all_can_be_read_back(text: str) -> None:
    file = io.StringIO(newline="")
    writer = RowWriter(file, "csv", ["a", "text"])
    writer.write([{"a": -1, "text": text}])
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""), strict=True)
    assert row["a"] == "-1"
    assert not row["text"].startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d"))
    added = re.match(r"'+[-=+@\t\r\n\uff1d]", row["text"])
    shown = row["text"][1:] if added else row["text"]
    assert re.sub(r"""([;|\t\r\n])'(?=["']*[-=+@\uff1d])""", r"\1", shown) == text
    for separator in ";\t|":  # as spreadsheets of other countries take it, and those that stop at each line's end
        for newline in ("", None):
            lines = io.StringIO(file.getvalue(), newline=newline)
            cells = [cell for line in csv.reader(lines, delimiter=separator) for cell in line]
            assert not [cell for cell in cells if cell.startswith(("=", "+", "@", "\uff1d")) or re.match("-[^1]", cell)]


def test_no_nested_value_of_csv_begins_a_cell_of_a_formula() -> None:
    file = io.StringIO()
    RowWriter(file, "csv", ["text"]).write([{"text": [{"message": "busy;=1+1"}]}])
    assert "busy;'=1+1" in file.getvalue()


CELLS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text("ab=+-@'\r\n\t,\";|", max_size=5)
) | st.dictionaries(st.text("a\r", max_size=1), st.integers(), max_size=2)


@given(st.lists(st.tuples(CELLS, CELLS, st.text("a=", max_size=2)), max_size=5), st.sampled_from(FORMATS))
def test_a_block_of_rows_is_written_like_its_rows(rows: list[tuple[Any, ...]], form: str) -> None:
    together, each = io.StringIO(newline=""), io.StringIO(newline="")
    RowWriter(together, form, ["a", "b", "c"]).write_block(rows)
    writer = RowWriter(each, form, ["a", "b", "c"])
    for row in rows:
        writer.write([dict(zip("abc", row, strict=True))])
    assert together.getvalue() == each.getvalue()
    if form == "csv":
        for row, read in zip(rows, csv.DictReader(io.StringIO(together.getvalue(), newline="")), strict=True):
            for name, value in zip("abc", row, strict=True):
                shown = json.dumps(value) if value and isinstance(value, dict) else "" if value in (None, {}) else value
                within = re.sub(r"""([;|\t\r\n])(?=["']*[-=+@])""", r"\1'", str(shown))
                formula = isinstance(value, str) and re.match(r"'*[-=+@\t\r\n]", value)
                assert read[name] == (f"'{within}" if formula else within)


def test_json_lines_are_as_they_are() -> None:
    file = io.StringIO()
    RowWriter(file, "jsonl", ["text"]).write([{"text": "=1+1"}])
    assert json.loads(file.getvalue()) == {"text": "=1+1"}


def test_json_lines() -> None:
    file = io.StringIO()
    writer = RowWriter(file, "jsonl", ROWS[0])
    writer.write(ROWS)
    assert [json.loads(line) for line in file.getvalue().splitlines()] == ROWS
