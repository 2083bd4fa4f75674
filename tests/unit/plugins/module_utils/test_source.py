# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists of SIMs as people have them: each is read as it is meant, or refused with its lines."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import os
import re
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._change.source import Source
from ansible_collections.simops.yateota.plugins.module_utils._change.source_columns import COLUMNS, Columns
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.identifiers import (
    check_identification,
    luhn_fits,
    read_identification,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.problems import Problems
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import REPORT_COLUMNS
from ansible_collections.simops.yateota.plugins.module_utils._report.rows import RowWriter
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

A, B = "8931010000000000295", "8931010000000000303"
IMSI, MSISDN = "001010000000011", "+882990000011"
ONE = [(2, {"iccid": A})]

Found = list[tuple[int, dict[str, Any]]]


def read(path: Path) -> Found:
    """The entries of a file and their lines; its faults as one error, as a selection has them."""
    problems, found = Problems("line"), []
    with Source(path) as source:
        for line, entry in source.entries():
            try:
                if isinstance(entry, InvalidInputError):
                    raise entry
                check_identification(entry)
                found.append((line, read_identification(entry)))
            except InvalidInputError as error:
                problems.add(line, error)
    if problems.count:
        raise InvalidInputError(problems.sentences())
    return found


Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(content: str | bytes, name: str = "sims.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (f"iccid;imsi\r\n{A};\r\n", ONE),
        (f"iccid,imsi\r\n{A},\r\n,\r\n,\r\n", ONE),
        (f"iccid\timsi\n{A}\t\n", ONE),
        (f"note|iccid\nx|{A}\n", ONE),
        (f"iccid\r{A}\r", ONE),
        (f"iccid,imsi,\n{A},,,,\n", ONE),
        (f"\ufefficcid\n{A}\n", ONE),
        (f"iccid;imsi\n{A};\n".encode("utf-16"), ONE),
        (b"\xfe\xff" + f"iccid;imsi\n{A};\n".encode("utf-16-be"), ONE),
        (f"iccid;Name\n{A};M\xfcller\n".encode("cp1252"), ONE),
        (f"iccid;Name\n{A};Müller\n", ONE),
        (f"T\xe9l\xe9phone;Nom\n{MSISDN};x\n".encode("cp1252"), [(2, {"msisdn": MSISDN})]),
        (f"sep=;\r\niccid;imsi\r\n{A};\r\n", [(3, {"iccid": A})]),
        (f'"sep=,"\niccid,imsi\n{A},\n', [(3, {"iccid": A})]),
        (f"SEP=^\niccid^imsi\n{A}^\n", [(3, {"iccid": A})]),
        (f"SIMs of June\n\niccid\n{A}\n", [(4, {"iccid": A})]),
        (f"SIM;;\nOrder;CHG1;2026-06-01\nICCID;IMSI;x\n{A};;\n", [(4, {"iccid": A})]),
        (f"SIM\n\nICCID,IMSI\n{A},\n", [(4, {"iccid": A})]),
        (f"iccid\n\n \n{A}\n\u200b\n", [(4, {"iccid": A})]),
        (f"iccid\n{A}\niccid\n{B}\n", [(2, {"iccid": A}), (4, {"iccid": B})]),
        (f'"SIM\nnumber",note\n{A},"two\nlines"\n{B},\n', [(3, {"iccid": A}), (5, {"iccid": B})]),
        # Notes of several lines, as Excel writes them.
        (f'note,iccid\r\n"two, or\nthree\nlines, it says",{A}\r\nx,{B}\r\n', [(2, {"iccid": A}), (5, {"iccid": B})]),
        (f'iccid;note\r\n{A};"replaced by\n{B}"\r\n', ONE),
        (f'iccid;note\r\n{A};"replaced; see\n{B}, 2026, INC ""4711"""\r\n', ONE),
        (f'iccid,note,name\r\n{A},"from a depot, then\nat 5, rue X",Jo\r\n', ONE),
        (f'iccid,note,name\r\n{A},"one\ntwo","Jo,\nAnn"\r\n', ONE),
        ("imsi, campaign_id\n001010000000011, 167\n", [(2, {"imsi": IMSI, "campaign_id": 167})]),
        (
            f"participant_id,iccid,imsi,msisdn,campaign_id\n195,{A},{IMSI},{MSISDN},167\n",
            [(2, {"participant_id": 195, "iccid": A, "imsi": IMSI, "msisdn": MSISDN, "campaign_id": 167})],
        ),
        ("iccid,note\n", []),
        (f"Campaign;Campaign ID;ICCID;SIM\nJune 2026;167;{A};eSIM 1\n", [(2, {"iccid": A, "campaign_id": 167})]),
        # JSON
        (json.dumps([{"iccid": A}, {"iccid": B}]), [(1, {"iccid": A}), (1, {"iccid": B})]),
        (json.dumps([{"ICC-ID": f" {A} "}, {"imsi": IMSI}], indent=2), [(2, {"iccid": A}), (5, {"imsi": IMSI})]),
        (f'{{"iccid": "{A}"}}\n\n{{"iccid": "{B}", "state": null}}', [(1, {"iccid": A}), (3, {"iccid": B})]),
        (f'{{\n"iccid": "{A}"\n}}\n{{\n"iccid": "{B}"\n}}', [(1, {"iccid": A}), (4, {"iccid": B})]),
        (json.dumps([{"iccid": A}]).encode("utf-16"), [(1, {"iccid": A})]),
        (f'\ufeff{{"iccid": "{A}"}}\r\n', [(1, {"iccid": A})]),
        ("[]", []),
        (
            f'{{"campaign": "June", "campaign_id": "167", "iccid": "{A}F"}}',
            [(1, {"iccid": f"{A}F", "campaign_id": 167})],
        ),
    ],
    ids=ascii,
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gz"])
def test_files_that_are_read(write: Write, content: str | bytes, found: Found, packed: bool) -> None:
    data = content if isinstance(content, bytes) else content.encode()
    assert read(write(gzip.compress(data) if packed else data, "sims")) == found


@pytest.mark.parametrize(
    ("name", "field"),
    [
        *(
            (name, "iccid")
            for name in ("ICCID", " iccid ", "ICC-ID", "icc_id", "Icc Id", "\ufefficcid", '"ICCID"', "SIM")
        ),
        *((name, "iccid") for name in ("SIM number", "SIM card", "Card\u00a0number", "SIM-Nummer", "Numéro de SIM")),
        *(
            (name, "iccid")
            for name in ("SIM No.", "SIM #", "ICCIDs", "Número de tarjeta SIM", "SIM card number (ICCID)")
        ),
        *((name, "imsi") for name in ("IMSI", "Imsi ", "IMSI-Nummer", "imsi\u200b")),
        *(
            (name, "msisdn")
            for name in ("MSISDN", "Phone number", "Phone", "Mobile number", "PHONE_NUMBER", "Rufnummer")
        ),
        *((name, "msisdn") for name in ("Téléphone", "Teléfono", "Phone number (MSISDN)", "MSISDN/Phone")),
        *((name, "campaign_id") for name in ("Campaign", "Campaign ID", "campaign-id", "CampaignId", " campaign_id ")),
        *((name, "campaign_id") for name in ("Kampagne", "ID de campagne", "Campaña", "campaign_id\t")),
        *((name, "participant_id") for name in ("Participant", "Participant ID", "participantId", "PARTICIPANT_ID")),
    ],
    ids=ascii,
)
def test_usual_names(name: str, field: str) -> None:
    columns = Columns([name, "note"])
    assert list(columns.mapping) == [field]
    assert not columns.resembling


STRANGERS = [
    "state",
    "wave",
    "note",
    "IMEI",
    "EID",
    "PUK1",
    "PIN",
    "Ki",
    "eSIM",
    "SIM type",
    "Campaign name",
    "Serial number",
    "IMPI",
    "APN",
    "name",
]


@pytest.mark.parametrize("name", [*STRANGERS, "", *(name for name in REPORT_COLUMNS if name not in COLUMNS), "extra"])
def test_columns_that_are_of_others(name: str) -> None:
    columns = Columns([name])
    assert (columns.mapping, columns.resembling) == ({}, {})


LIKE_OURS = [
    "campain_id",
    "campaing id",
    "campagin_id",
    "campaign_id_2",
    "Old ICCID",
    "icid",
    "ICCID 2",
    "ismi",
    "msidn",
]


@pytest.mark.parametrize("name", [*LIKE_OURS, "MSISDN (old)", "ICCID/IMSI", "particpant_id", "Phone nummber"])
def test_columns_that_look_like_ours_and_are_not_read(write: Write, name: str) -> None:
    with pytest.raises(
        InvalidInputError, match=r"line 1: the column '.+' looks like [a-z_]+, and is not read: name it"
    ):
        read(write(f"participant_id,{name}\n195,167\n"))
    with pytest.raises(InvalidInputError, match=r"line 1: the column '.+' looks like [a-z_]+, and is not read"):
        read(write(json.dumps({"participant_id": 195, name: "167"})))


@pytest.mark.parametrize(
    ("field", "cell", "value"),
    [
        *(
            ("iccid", cell, A)
            for cell in (f"'{A}", f"\u2019{A}", f"'{A}'", f'="{A}"', f'= "{A}"', f"\t{A}", f"{A} ", f" {A}")
        ),
        *(("iccid", cell, A) for cell in (f"\u00a0{A}\u00a0", f"{A}\u200b", f"\ufeff{A}", f"\u202a{A}\u202c")),
        *(
            ("iccid", cell, A)
            for cell in ("89 3101 0000 0000 00295", "89-3101-000000000-0295", "8931\u00a00100\u202f00000000295")
        ),
        ("iccid", f"'={A}'", None),
        ("iccid", f"{A}F", f"{A}F"),
        ("iccid", f"{A}f", f"{A}f"),
        ("iccid", "898602A0123456789012", "898602A0123456789012"),
        ("iccid", "8986021234567E890123", "8986021234567E890123"),
        ("imsi", "00101-0000000011", IMSI),
        ("imsi", "001 01 0000000011", IMSI),
        *(
            ("msisdn", cell, MSISDN)
            for cell in ("+882 990 000 011", "'+882990000011", "+882-990-000-011", "+882 (990) 000011")
        ),
        *(("msisdn", cell, MSISDN) for cell in ('="+882990000011"', "+882.990.000.011", "''+882990000011")),
        ("msisdn", "00882990000011", "00882990000011"),
        *(("campaign_id", cell, 167) for cell in (" 167", "'167", "167\u00a0", '="167"', "0167")),
        ("campaign_id", "—", None),
        # In these something is lost, or more than one is meant.
        *(
            ("iccid", cell, None)
            for cell in ("8,93101E+18", "8.93101E+18", "8.93101e18", f"{A}.0", f"{A},00", f"{A} {B}")
        ),
        *(
            ("iccid", cell, None)
            for cell in (f"{A}\n{B}", f"{A}/{B}", "8931010000000000000", "89310100000000000000F"[:19])
        ),
        *(("iccid", cell, None) for cell in ("=A1&B1", "=VLOOKUP(A1;B:C;2)", "NULL", "n/a", "#N/A")),
        *(("imsi", cell, None) for cell in ("1,01E+12", "1010000000011", "1010000000011.0")),
        *(
            ("msisdn", cell, None)
            for cell in ("8,8299E+11", "+49 (0)30 123456", "12345 / 67890", "-882990000011", "882990.0")
        ),
        *(("campaign_id", cell, None) for cell in ("167.0", "1,67E+02", "1 167", "167-168", "true", "0x10", "-167")),
    ],
    ids=ascii,
)
def test_cells(write: Write, field: str, cell: str, value: Any) -> None:
    quoted = '"' + cell.replace('"', '""') + '"'
    path = write(f"participant_id;{field}\n195;{quoted}\n")
    if value is None and cell != "—":
        with pytest.raises(InvalidInputError, match=rf"^line 2: .*{field}"):
            read(path)
    else:
        entry = {"participant_id": 195} if value is None else {"participant_id": 195, field: value}
        assert read(path) == [(2, entry)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('iccid,note\n8931010000000000295,a\n8931010000000000303,"a "b" c"\n', "line 3: it is not valid CSV ("),
        (f'iccid,note\n{A},"two\nlines"\n{B},"a "b" c"\n', "line 4: it is not valid CSV ("),
        (f'iccid,note\n{A},x\n{B},"left open\n{A},\n', "line 3: it is not valid CSV ("),
        # A quote that stands for inches opens a cell, which the next one ends, some entries later.
        (
            f'iccid,note\n{A},"5 inch\n{B},6 inch"\n',
            "line 2: its quotes around 'note' contain line 3, which looks like",
        ),
        (f'iccid;note;msisdn\r\n{A};"5 inch;\r\n{B};6 inch";\r\n', "line 2: its quotes around 'note' contain line 3"),
        (f'note,iccid\n"5 inch,{A}\n6 inch",{B}\n', "line 2: its quotes around 'note' contain line 3, which"),
        (f'note,iccid\n"5 inch,{A}\nx,\n6 inch",{B}\n', "line 2: its quotes around 'note' contain line 4, which"),
        (f'iccid\tnote\n{A}\t"5 inch\n{B}\t6 inch\n{A}\t7 inch"\n', "line 2: its quotes around 'note' contain line 3"),
        ('participant_id|note\n195|"5 inch\n196|6 inch"\n', "line 2: its quotes around 'note' contain line 3"),
        (f'iccid,note\n{A},"5 inch\n8.93E+18,6 inch"\n', "line 2: its quotes around 'note' contain line 3"),
        (f'"iccid,note\n{A},x\n', "has no column that identifies a participant"),
        (f"iccid,name,campaign_id\n{A},Smith, John,167\n", "line 2: it has 4 cells, more than the 3 columns"),
        (f"iccid,note,\n{A},x,y\n", "line 2: it has 3 cells, more than the 2 columns"),
        (f"ICCID;SIM number\n{A};{B}\n", "line 2: the columns 'ICCID' and 'SIM number' contradict each other"),
        (f"campaign_id,Campaign,iccid\n167,168,{A}\n", "line 2: the columns 'campaign_id' and 'Campaign' contradict"),
        (f"Campaign,campaign_id,iccid\n16 8,,{A}\n", "line 2: campaign_id '16 8' is not valid"),
        (f"iccid,iccid\n{A},{B}\n", "line 2: the columns 'iccid' and 'iccid' contradict each other"),
        (f'{{"iccid": "{A}", "iccid": "{B}"}}', "line 1: the columns 'iccid' and 'iccid' contradict each other"),
        (f"{A}\niccid\n{B}\n", ".csv': line 1 looks like an entry, and stands above the header in line 2"),
        (f"iccid,{A},{B}\n", ".csv': line 1 is the header and has an entry"),
        (f"Title\nSIM;{A}\n", ".csv': line 2 is the header and has an entry"),
        ("195\nparticipant_id,note\n197,\n", "line 1 looks like an entry, and stands above the header in line 2"),
        (f"{A}\n{B}\n", "has no column that identifies a participant: line 1 has '***************0295' (separated by"),
        (f"- iccid: '{A}'\n", "; '- iccid: '***************0295' looks like iccid"),
        ("Nummer;Kunde\n1;x\n", "line 1 has 'Nummer', 'Kunde' (separated by semicolons, UTF-8)"),
        ("icid;Kunde\n1;x\n", "line 1 has 'icid', 'Kunde' (separated by semicolons, UTF-8); 'icid' looks like iccid"),
        ("iccid,x\n,total\n", "line 2: A participant needs one of"),
        ("", "is empty: give a CSV file"),
        (" \n\n", "is empty: give a CSV file"),
        (b"iccid\n8931\x00\n", "is a binary file, or text in an encoding without a mark"),
        (b"iccid\n" + b"x\n" * 35000 + b"\0\n", "has a NUL byte in line 35002"),
        (f"iccid\n{A}\n".encode("utf-16-le"), "is a binary file, or text in an encoding without a mark"),
        (b"\x89PNG\r\n\x1a\n\0\0", "is a binary file"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0", "is a workbook of an old form, or one with a password"),
        (b"PK\x03\x04\0\0", "is not a workbook that can be read"),
        (gzip.compress(f"iccid\n{A}\n".encode(), mtime=0)[:-9], "cannot be read"),
        (b"\x1f\x8bxx", "cannot be read"),
        ("iccid\n" + "9" * (1 << 20) + "\n", "has a line of more than 1048576 characters (line 2)"),
        (f"iccid\n{'9' * 140000}\n", "line 2: it is not valid CSV (field larger than field limit"),
        (f'[{{"iccid": "{A}"}},\n {{"iccid": "{B}"}}', "line 2: the array does not end"),
        (f'[{{"iccid": "{A}"}}\n{{"iccid": "{B}"}}]', "line 2: it is not valid JSON (a comma is missing)"),
        (f'[{{"iccid": "{A}"}},\n\n{{"iccid": x}}]', "line 3: it is not valid JSON (Expecting value)"),
        (f'[{{"iccid": "{A}"}}]\n{{}}', "line 2: there is more after the end of the array"),
        (f'[\n1, {{"iccid": "{A}"}}]', "line 2: it is not a JSON object"),
        (
            f'{{"iccid": "{A}"}}\n[]\n{{"iccid"\n',
            "line 2: it is not a JSON object: give one for each participant. line 3: it",
        ),
        (
            f'{{"count": 1, "participants": [{{"iccid": "{A}"}}]}}',
            "line 1: it is an object around a list: give the list",
        ),
        ('{"iccid": 8931010000000000295}', "line 1: iccid was read as the number 8931010000000000295"),
        ('{"participant_id": 195.0}', "line 1: participant_id 195.0 is not valid"),
        ('{"imsi": {"a": "' + "[" * 100 + '"}}', "line 1: imsi was read as"),
        ('{"participant_id": ' + "[" * 100_000, "line 1: it is not valid JSON"),
        ('{"participant_id": ' + "9" * 5000 + "}", "line 1: "),
    ],
    ids=lambda value: ascii(value)[:60],
)
def test_files_that_are_refused(write: Write, content: str | bytes, message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        read(write(content))
    assert message in str(error.value)


def test_what_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, words in (
        ("pipe", "is not a regular file"),
        (".", "cannot be read (Is a"),
        ("none", "cannot be read (No such"),
    ):
        with pytest.raises(InvalidInputError, match=re.escape(words)):
            Source(tmp_path / name)


def test_many_lines_are_one_sentence(write: Write) -> None:
    lines = ["iccid", *(f"{number:05}" for number in range(299)), A, '"8,93101E+18"', "x", "8.9E+18"]
    with pytest.raises(InvalidInputError) as error:
        read(write("\n".join(lines)))
    assert str(error.value) == (
        "lines 2, 3, 4 and 297 more, the first: iccid '00000' is not valid: expected 18 to 22 digits. "
        "lines 302 and 304, the first: iccid '8,93101E+18' is a number in scientific notation, whose digits are lost: "
        "format the column as text, and put the identifiers in again from their source."
    )


def test_kinds_of_faults_have_an_end() -> None:
    problems = Problems("line")
    for number in range(1, 1000):
        problems.add(number, InvalidInputError("x" * number))
    assert problems.sentences().endswith("xxxxxxxxx lines 11, 12, 13 and 986 more: other faults.")


def with_check_digit(digits: str) -> str:
    return next(digits + last for last in "0123456789" if luhn_fits(digits + last))


def test_a_sim_whose_number_ends_in_zeros_is_not_lost(write: Write) -> None:
    zeros = next(
        iccid for number in range(10**6) if (iccid := with_check_digit(f"89310{number:010}000")).endswith("0000")
    )
    others = [with_check_digit(f"8931010000{number:08}") for number in range(1, 200)]
    assert len(read(write("iccid\n" + "\n".join([*others, zeros])))) == 200
    assert read(write(json.dumps({"iccid": zeros}))) == [(1, {"iccid": zeros})]
    with pytest.raises(InvalidInputError, match=r"has ICCIDs with zeros from the 16th digit on \(line 2\)"):
        read(write(f"iccid\n{zeros}\n{A}\n"))


@pytest.mark.parametrize("columns", [REPORT_COLUMNS, (*COLUMNS, "state", "extra")], ids=["report", "dest"])
@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_what_the_collection_writes_is_read_back(write: Write, form: str, columns: tuple[str, ...]) -> None:
    given = {"participant_id": 195, "campaign_id": 167, "iccid": f"{A}F", "imsi": IMSI, "msisdn": MSISDN}
    more = {
        "message": 'busy;=HYPERLINK("x");"+1"\t|=1',
        "extra": {"campaign": "x", "a": [1]},
        "earlier_sends": [{"run": 1}],
        "state": "-2",
    }
    file = io.StringIO()
    writer = RowWriter(file, form, columns)
    row = {name: (given | more).get(name) for name in columns}
    writer.write([row, {**row, "msisdn": None}])
    first, second = [entry for _line, entry in read(write(file.getvalue()))]
    assert first == given
    assert {**second, "msisdn": MSISDN} == given


# --- Any list, in any dialect ----------------------------------------------------------------------------------------

DIGITS = st.text("0123456789", min_size=1)
ENTRIES = st.lists(
    st.fixed_dictionaries(
        {"participant_id": st.integers(1, 2**63 - 1)},
        optional={
            "iccid": st.from_regex(r"89[0-9]{14}[1-9][0-9A-E]{1,4}F?", fullmatch=True),
            "imsi": st.from_regex(r"[02-79][0-9]{14}", fullmatch=True),
            "msisdn": st.from_regex(r"\+?[1-9][0-9]{5,14}", fullmatch=True),
            "campaign_id": st.integers(1, 2**31),
            "note": st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"])),
        },
    ),
    max_size=8,
)
NAMES = {
    "participant_id": ["participant_id", "Participant ID", " PARTICIPANT "],
    "iccid": ["iccid", "ICC-ID", "SIM number", "Numéro de SIM"],
    "imsi": ["imsi", "IMSI\u00a0"],
    "msisdn": ["msisdn", "Phone number", "Rufnummer"],
    "campaign_id": ["campaign_id", "Campaign ID", "Kampagne"],
    "note": ["note", "Bemerkung"],
}
DECORATIONS = ["{}", " {} ", "'{}", '="{}"', "\u00a0{}\u200b", "\t{}"]


def as_csv(draw: st.DrawFn, entries: list[dict[str, Any]]) -> str:
    separator = draw(st.sampled_from(",;\t"))
    end = draw(st.sampled_from(["\n", "\r\n"]))
    columns = draw(st.permutations(list(NAMES)))

    def line(cells: list[str]) -> str:
        return separator.join('"' + cell.replace('"', '""') + '"' for cell in cells)

    def cell(entry: dict[str, Any], name: str) -> str:
        value = str(entry.get(name, ""))
        return value if name == "note" or not value else draw(st.sampled_from(DECORATIONS)).format(value)

    lines = [line([draw(st.sampled_from(NAMES[name])) for name in columns])]
    for entry in entries:
        lines += [line([cell(entry, name) for name in columns]), *draw(st.lists(st.just(separator), max_size=1))]
    before = draw(st.sampled_from([[], ["A title"], ["A title", ""], [f"sep={separator}"]]))
    return end.join([*before, *lines, ""])


@st.composite
def lists(draw: st.DrawFn) -> tuple[list[dict[str, Any]], bytes]:
    """Entries, and a file that holds them."""
    entries = draw(ENTRIES)
    match draw(st.sampled_from(["csv", "array", "lines"])):
        case "csv":
            text = as_csv(draw, entries)
        case "array":
            text = json.dumps(entries, indent=draw(st.sampled_from([None, 2])))
        case _:
            text = "".join(json.dumps(entry) + "\n" for entry in entries) or "[]"
    data = text.encode(draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16"])))
    return entries, gzip.compress(data, mtime=0) if draw(st.booleans()) else data


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lists())
@example(([], b"iccid\n"))
def test_any_list_is_read_in_any_dialect(write: Write, listed: tuple[list[dict[str, Any]], bytes]) -> None:
    entries, data = listed
    found = [entry for _line, entry in read(write(data))]
    assert found == [{name: value for name, value in entry.items() if name != "note"} for entry in entries]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lists(), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 3), st.binary(max_size=3)), min_size=1, max_size=4)
)
def test_a_damaged_list_is_read_or_refused(
    write: Write, listed: tuple[list[dict[str, Any]], bytes], damages: list[tuple[int, int, bytes]]
) -> None:
    data = bytearray(listed[1])
    for place, count, instead in damages:
        data[place : place + count] = instead
    with contextlib.suppress(InvalidInputError):
        read(write(bytes(data)))


@pytest.mark.parametrize("form", ["csv", "array", "lines"])
def test_memory_does_not_grow_with_the_list(tmp_path: Path, form: str) -> None:
    peaks = []
    for count in (1_000, 12_000):
        path = tmp_path / "sims"
        iccids = (f"89310100000{number:08}1" for number in range(count))
        with path.open("w") as file:
            if form == "csv":
                file.writelines(["iccid;note\n", *(f"{iccid};\n" for iccid in iccids)])
            else:
                between = ",\n" if form == "array" else "\n"
                text = between.join(f'{{"iccid": "{iccid}"}}' for iccid in iccids)
                file.write(f"[{text}]" if form == "array" else text)
        tracemalloc.start()
        with Source(path) as source:
            assert sum(1 for _entry in source.entries()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000
