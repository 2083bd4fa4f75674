# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Identifiers: what passes, what is refused, and in which words."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import InvalidInputError
from ansible_collections.simops.yateota.plugins.module_utils._core.identifiers import (
    canonical,
    check_identification,
    check_positive,
    check_sim_identifier,
    described,
    luhn_fits,
    masked_where_named,
    parse_id,
)
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import canonical_column, sa
from hypothesis import given
from hypothesis import strategies as st

from yateota_sandbox.scenario import luhn_digit

pytestmark = pytest.mark.any_database

LENGTHS = {"imsi": range(14, 16), "iccid": range(18, 23), "msisdn": range(1, 16)}


@pytest.mark.parametrize("option", LENGTHS)
def test_lengths(option: str) -> None:
    for length in range(30):
        if length in LENGTHS[option]:
            check_sim_identifier(option, "0" * length)
        else:
            with pytest.raises(InvalidInputError, match=f"^{option} '0*' is not valid: expected .*digits"):
                check_sim_identifier(option, "0" * length)


def test_only_an_msisdn_may_begin_with_plus() -> None:
    check_sim_identifier("msisdn", "+123456789012345")
    for option in ("imsi", "iccid"):
        with pytest.raises(InvalidInputError):
            check_sim_identifier(option, "+" + "1" * 18)


@pytest.mark.parametrize("option", LENGTHS)
@given(text=st.text(max_size=25) | st.text("0123456789ABCDEFabcdefg+", max_size=25))
def test_nothing_but_ascii_digits_passes(option: str, text: str) -> None:
    plain = {"imsi": text, "iccid": text.upper().rstrip("F"), "msisdn": text.removeprefix("+")}[option]
    digits = set("0123456789" + ("ABCDEF" if option == "iccid" else ""))
    fits = set(plain) <= digits and len(plain) in LENGTHS[option] and text.isascii()
    if fits and not (option == "imsi" and text[0] in "18"):
        check_sim_identifier(option, text)
    else:
        with pytest.raises(InvalidInputError):
            check_sim_identifier(option, text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("00101000000000a", "'00101000000000a'"),
        ("00101 000000001", "'00101 000000001'"),
        ("\u0660\u0661\u0660\u0661\u0660\u0661", "'\u0660\u0661\u0660\u0661\u0660\u0661'"),
        ("001010000000001\n", r"'001010000000001\n'"),
    ],
)
def test_an_imsi_with_something_else_is_named(value: str, shown: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        check_identification({"imsi": value})
    assert str(error.value) == f"imsi {shown} is not valid: expected 14 or 15 digits."


@pytest.mark.parametrize("value", ["1010000000011", "101000000001", "69793218569", "10100000000001", "810100000000001"])
def test_an_imsi_that_lost_its_leading_zeros_is_refused_as_that(value: str) -> None:
    with pytest.raises(InvalidInputError, match="It seems to have lost leading zeros: give it as text, whole"):
        check_sim_identifier("imsi", value)


@pytest.mark.parametrize("kind", ["imsi", "iccid", "msisdn"])
@pytest.mark.parametrize(
    ("value", "read"),
    [
        (69793218569, "the number 69793218569"),
        (1.01e13, "the number 10100000000000.0"),
        (True, "bool True"),
        (["001010000000011"], "list ['001010000000011']"),
    ],
)
def test_what_is_no_text_is_no_identifier(kind: str, value: Any, read: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        check_identification({kind: value})
    assert str(error.value) == f"{kind} was read as {read}, expected text: put it in quotes."


@pytest.mark.parametrize(
    ("kind", "one", "other"),
    [
        ("msisdn", "+882990000030", "882990000030"),
        ("msisdn", "00882990000030", "882990000030"),
        ("msisdn", "+00", "00"),
        ("iccid", "8931010000000000113F", "8931010000000000113"),
        ("iccid", "89310100000000001a1ff", "89310100000000001A1"),
    ],
)
def test_two_spellings_are_one_identifier(kind: str, one: str, other: str, ledger: str) -> None:
    assert canonical(kind, one) == canonical(kind, other) == other
    with contextlib.closing(open_ledger(ledger, None)) as there, there.read() as connection:
        spelled = [canonical_column(kind, sa.literal(value)) for value in (one, other)]
        assert list(connection.execute(sa.select(*spelled)).one()) == [other, other]


@pytest.mark.parametrize("name", ["participant_id", "campaign_id"])
@pytest.mark.parametrize(
    ("value", "number"),
    [(7, 7), ("7", 7), ("007", 7), ("010", 10), (" 7\n", 7), (None, None), ("", None), ("0" * 5000 + "7", 7)],
)
def test_an_id_is_read_in_decimal(name: str, value: Any, number: int | None) -> None:
    assert parse_id(name, value) == number


@pytest.mark.parametrize(
    "value", [True, False, 7.0, "7.0", "1e3", "0x7", "0o7", "+7", "-7", "1_0", "1 0", "\u0667", [7], "9" * 5000]
)
def test_what_is_no_id_is_refused(value: Any) -> None:
    with pytest.raises(
        InvalidInputError, match=r"^campaign_id .{1,45} is not valid: expected a whole number in decimal"
    ):
        parse_id("campaign_id", value)


@given(st.from_regex(r"[0-9]{1,21}", fullmatch=True))
def test_luhn(digits: str) -> None:
    """Every digit but the right one is found, whatever another implementation says the right one is."""
    assert luhn_fits("79927398713")
    assert [last for last in "0123456789" if luhn_fits(digits + last)] == [luhn_digit(digits)]


@pytest.mark.parametrize(
    ("iccid", "warned"),
    [
        ("8991101200003204514", False),
        ("8991101200003204514F", False),
        ("899110120000320451A", False),
        ("8991101200003204510", True),
        ("899110120000320451", False),
    ],
)
def test_an_iccid_is_warned_of_where_its_luhn_digit_does_not_fit(iccid: str, warned: bool) -> None:
    """One of 18 digits may be without its check digit."""
    warning = check_identification({"iccid": iccid})
    assert (warning is not None) is warned
    assert warning is None or (iccid in warning and "typing error" in warning)


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({}, "A participant needs one of participant_id, iccid, imsi, msisdn: the one given has none of them."),
        (
            {"campaign_id": 5, "imsi": None},
            "A participant needs one of participant_id, iccid, imsi, msisdn: campaign 5 has none of them.",
        ),
        ({"participant_id": 0}, "participant_id 0 is not valid: give 1 or more."),
        ({"participant_id": 5, "campaign_id": -1}, "campaign_id -1 is not valid: give 1 or more."),
        ({"iccid": "12"}, "iccid '12' is not valid: expected 18 to 22 digits."),
    ],
)
def test_an_identification_that_is_none(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(InvalidInputError) as error:
        check_identification(given_)
    assert str(error.value) == message


def test_a_number_may_be_left_out_or_be_the_least() -> None:
    check_positive("limit", None)
    check_positive("limit", 1)
    check_positive("offset", 0, least=0)
    with pytest.raises(InvalidInputError, match=r"^page_size 1 is not valid: give 2 or more\.$"):
        check_positive("page_size", 1, least=2)


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, "the one given"),
        ({"campaign_id": 5}, "campaign 5"),
        ({"participant_id": 195, "campaign_id": 167}, "participant 195 of campaign 167"),
        (
            {"iccid": "89", "imsi": "001", "msisdn": "+1", "participant_id": 1},
            "participant 1 iccid 89 imsi 001 msisdn +1",
        ),
    ],
)
def test_words(given_: dict[str, Any], words: str) -> None:
    assert described(given_) == words


@pytest.mark.parametrize(
    ("sentence", "shown"),
    [
        ("iccid 8931010000000000113 is gone", "iccid ***************0113 is gone"),
        ("imsi '001010000000013' and msisdn +882990000013:", "imsi '***********0013' and msisdn +********0013:"),
        (
            "imsi was read as the number 69793218569, expected text",
            "imsi was read as the number *******8569, expected text",
        ),
        ("Change CHG0012345 of campaign 1234567", "Change CHG0012345 of campaign 1234567"),
    ],
)
def test_only_what_is_named_as_a_sims_is_masked_in_a_sentence(sentence: str, shown: str) -> None:
    assert masked_where_named(sentence) == shown
