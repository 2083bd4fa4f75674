# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where an answer enters: which code it has, and that nothing in it can harm what stands behind."""

from __future__ import annotations

import base64
import json
import urllib.parse
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from ansible_collections.simops.yateota.plugins.module_utils._api import answer
from ansible_collections.simops.yateota.plugins.module_utils._api.answer import (
    AnswerSanitizer,
    NoAnswerError,
    whole_number,
)
from ansible_collections.simops.yateota.plugins.module_utils._core.errors import (
    ApiError,
    BadAnswerError,
    OutcomeUnknownError,
    YateotaError,
)
from ansible_collections.simops.yateota.plugins.modules import (
    yateota_campaign_info,
    yateota_participant_info,
    yateota_stats_info,
    yateota_trace,
)
from ansible_collections.simops.yateota.tests.unit.plugins.servers import SECRET, Connect, RunTask, http
from hypothesis import given, settings
from hypothesis import strategies as st

PAUSE = {"campaign_id": 144, "action": "pause"}

# --- Codes ----------------------------------------------------------------------------------------------------------

NO_CODES = [
    *(
        "true",
        "false",
        "null",
        '""',
        '" 0"',
        '"0 "',
        '"0_0"',
        '"+0"',
        '"0x0"',
        '"0.0"',
        '"\\u0660"',
        '"\\uff10"',
        "[0]",
    ),
    *("0.5", "-0.5", "1e-400", "0.00000000000000000001", "404.5", "NaN", "Infinity", "1e999", '{"code": 0}', '"0\\n"'),
    *('"zero"', '"404_0"', '"4 04"', '"\\u0664\\u0660\\u0664"', '"' + "9" * 5000 + '"', "9" * 5000, "-" + "9" * 5000),
]


@pytest.mark.parametrize("code", NO_CODES)
def test_what_is_no_code(connect: Connect, parrot: Any, code: str) -> None:
    parrot.answers = [http(f'{{"code": {code}, "message": "x"}}')]
    client = connect(parrot.api_url, retries=0)
    with pytest.raises(OutcomeUnknownError, match="an answer without a code"):
        client.call("action_campaign", PAUSE)
    with pytest.raises(BadAnswerError, match="an answer without a code"):
        client.call("query_stats", {})


@pytest.mark.parametrize(
    ("code", "number"),
    [("404.0", 404), ("-7", -7), ('"-7"', -7), ("4.04e2", 404), ('"007"', 7), ("2147483647", 2**31 - 1)],
)
def test_what_is_a_code(connect: Connect, parrot: Any, code: str, number: int) -> None:
    parrot.answers = [http(f'{{"code": {code}}}')]
    with pytest.raises(ApiError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert error.value.code == number


@pytest.mark.parametrize("code", [str(2**31), str(-(2**40)), str(10**30), f'"{10**30}"'])
def test_a_code_that_no_database_takes_is_told_in_the_message(connect: Connect, parrot: Any, code: str) -> None:
    parrot.answers = [http(f'{{"code": {code}, "message": "Odd"}}')]
    with pytest.raises(ApiError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert error.value.code is None
    assert error.value.message == "Odd (code " + code.strip('"') + ")"


@pytest.mark.parametrize("body", ['{"code": 0, "code": 404}', '{"code": 404, "code": 0}', '{"code": 0, "code": false}'])
def test_two_codes_are_none(connect: Connect, parrot: Any, body: str) -> None:
    parrot.answers = [http(body)]
    with pytest.raises(OutcomeUnknownError):
        connect(parrot.api_url).call("action_campaign", PAUSE)


STATUSES = [
    201,
    204,
    206,
    300,
    301,
    302,
    304,
    307,
    308,
    402,
    404,
    407,
    408,
    409,
    410,
    413,
    418,
    426,
    451,
    500,
    503,
    599,
]


@pytest.mark.parametrize("status", STATUSES)
def test_a_status_that_proves_nothing(connect: Connect, parrot: Any, status: int) -> None:
    parrot.answers = [http("" if status in (204, 304) else '{"code": 0}', f"{status} So", Location="/elsewhere")]
    with pytest.raises(OutcomeUnknownError, match=f"HTTP {status}") as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert error.value.http_status == status
    assert len(parrot.heard) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 405, 415, 429])
def test_a_status_by_which_a_request_is_turned_away_unread(connect: Connect, parrot: Any, status: int) -> None:
    parrot.answers = [http("<title>No</title>", f"{status} No")]
    with pytest.raises(YateotaError) as error:
        connect(parrot.api_url).call("action_campaign", PAUSE)
    assert not isinstance(error.value, OutcomeUnknownError)


# --- A list of flat objects, which is judged as a whole ---------------------------------------------------------------

TEXTS = st.text(max_size=6) | st.sampled_from(
    ["", "a", "\x7f", "\u200b", "\u00e9", "/", "{", "[", '"', "\\", "x" * 10_001, "pin"]
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXTS
NAMES = st.sampled_from(["participant_id", "imsi", "state", "code", "pin", "PUK ", "k" * 201, "\u200bpin"]) | TEXTS
FLAT = st.dictionaries(NAMES, VALUES, max_size=4)
NESTED = st.dictionaries(NAMES, VALUES | FLAT | st.lists(VALUES, max_size=2), max_size=4)


@settings(max_examples=500)
@given(
    items=st.lists(FLAT, max_size=4) | st.lists(NESTED, max_size=4) | st.lists(VALUES, max_size=4),
    beside=NESTED,
    escaped=st.booleans(),
    noise=st.sampled_from(["", "\n// Not writeable {}", "[\x7f"]),
)
def test_a_list_that_is_judged_as_a_whole_is_cleaned_like_any_other(
    items: list[Any], beside: dict[str, Any], escaped: bool, noise: str
) -> None:
    text = json.dumps({"code": 0, "participants": items, **beside}, ensure_ascii=escaped) + noise
    with patch.object(answer, "_is_clean_list", lambda *_arguments: False):
        cleaned = AnswerSanitizer(None).body(text)
    assert AnswerSanitizer(None).body(text) == cleaned
    assert AnswerSanitizer(SECRET).body(text) == cleaned


def test_a_page_of_participants_is_judged_as_a_whole() -> None:
    """Else this would cost thrice as much."""
    page = [{"participant_id": str(each), "imsi": "001010000000001", "state": "failed"} for each in range(1000)]
    judged: list[Any] = []
    with patch.object(answer._Cleaning, "_value", lambda _self, value, _depth: judged.append(value)):
        found = AnswerSanitizer(SECRET).body(json.dumps({"code": 0, "participants": page}, indent=1))
    assert found == {"code": 0, "participants": page}
    assert len(judged) < 10


# --- Before the JSON ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("mark", [b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf \n", b" \xef\xbb\xbf"])
def test_a_byte_order_mark_is_skipped(connect: Connect, parrot: Any, mark: bytes) -> None:
    parrot.answers = [http(mark + b'{"code": 0, "count": 3}')]
    assert connect(parrot.api_url).call("query_stats", {}) == {"count": 3}
    parrot.answers = [http('{"code": 0, "count": 3}'.encode("utf-16"))]
    assert connect(parrot.api_url).call("query_stats", {}) == {"count": 3}


@pytest.mark.parametrize(
    "notice",
    [
        "\nNotice: Undefined index: iccid in /var/www/api.php on line 12\n",
        "<br />\n<b>Notice</b>:  Undefined index: iccid in <b>/var/www/api.php</b> on line <b>12</b><br />\n",
    ],
)
def test_a_notice_before_the_json_is_shown(connect: Connect, parrot: Any, notice: str) -> None:
    parrot.answers = [http(notice + '{"code": 0, "count": 3}')]
    said = r"sent '(Notice ?: Undefined index: iccid in /var/www/api\.php on line 12) ?' before JSON"
    with pytest.raises(BadAnswerError, match=said):
        connect(parrot.api_url).call("query_stats", {})
    with pytest.raises(OutcomeUnknownError, match=said):
        connect(parrot.api_url).call("action_campaign", PAUSE)


# --- Poison ---------------------------------------------------------------------------------------------------------

POISON = "a\x00b\x1b[31mc\x07\x9bd\u202ee\u2066f\ud800g\ufeffh\x7fi\u200bj\U000e0041k\r\nForged: line\u2028l\tm"


def harmless(text: str) -> bool:
    """Whether a text can go anywhere: to a console, a file, a database."""
    text.encode()
    return all(character.isprintable() or character in "\n\u200c\u200d\xa0" for character in text)


def test_texts_are_made_harmless_wherever_they_stand() -> None:
    answer = {"code": 0, POISON: {POISON: [[POISON, {"x": POISON}]]}, "message": POISON}
    cleaned = AnswerSanitizer(None).body(json.dumps(answer))
    assert harmless(json.dumps(cleaned, ensure_ascii=False))
    assert (
        cleaned["message"]
        == "a\ufffdb\ufffd[31mc\ufffd\ufffdd\ufffde\ufffdf\ufffdg\ufffdh\ufffdi\ufffdj\ufffdk  Forged: line l m"
    )
    assert AnswerSanitizer(None).line(POISON).startswith("a\ufffdb")


@pytest.mark.parametrize(
    "name",
    [
        "Zürich",
        "東京",
        "\u0645\u062f\u064a\u0646\u0629",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "👩\u200d👩\u200d👧",
        'Sim\'s "best" <b>\\/',
        "a\xa0b",
        "=1+1",
    ],
)
def test_names_are_kept(name: str) -> None:
    assert AnswerSanitizer("correct-horse").body(json.dumps({"name": name}))["name"] == name


def test_lines_of_a_trace_are_kept() -> None:
    assert AnswerSanitizer(None).body('{"trace": "one\\r\\ntwo\\tx\\u001b"}', lines=True) == {
        "trace": "one\ntwo\tx\ufffd"
    }


def test_numbers_that_nothing_can_hold_are_texts() -> None:
    text = '{"a": %s, "b": 9223372036854775807, "c": 9223372036854775808, "d": -1e999, "e": NaN, "f": 1.5}'
    assert AnswerSanitizer(None).body(text % ("9" * 5000)) == {
        "a": "9" * 5000,
        "b": 2**63 - 1,
        "c": str(2**63),
        "d": "-1e999",
        "e": "NaN",
        "f": 1.5,
    }


def test_texts_and_keys_have_a_length() -> None:
    found = AnswerSanitizer(None).body(json.dumps({"k" * 9999: "v" * 99_999}))
    assert [(len(key), len(value)) for key, value in found.items()] == [(200, 10_003)]


@pytest.mark.parametrize(
    "bomb",
    [
        '{"a":' * 70 + "1" + "}" * 70,
        '{"a":' + "[" * 400 + "]" * 400 + "}",
        '{"a":' + "[" * 99_999,
        '{"a":[' + "{}," * 1_000_001 + "1]}",
    ],
    ids=["objects", "lists", "without end", "many"],
)
def test_a_bomb_is_no_answer(bomb: str) -> None:
    with pytest.raises(NoAnswerError):
        AnswerSanitizer(None).body(bomb)


def test_depth_that_is_taken() -> None:
    assert AnswerSanitizer(None).body('{"a":' * 64 + "1" + "}" * 64)


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (3, 3),
        (3.0, 3),
        ("3", 3),
        ("-3", -3),
        ("03", 3),
        (True, None),
        (3.5, None),
        ("³", None),
        ("٣", None),
        (" 3", None),
    ],
)
def test_whole_numbers(value: Any, number: int | None) -> None:
    assert whole_number(value) == number


ODD_NAMES = [["a"], {"a": 1}, True, POISON, 10**30, 1.5, None]


@pytest.mark.parametrize("name", ODD_NAMES, ids=range(len(ODD_NAMES)))
@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("ids", [{}, {"campaign_id": 7}], ids=["without ids", "with ids"])
def test_poison_passes_through_every_reading_module(
    run_task: RunTask, parrot: Any, tmp_path: Path, name: Any, form: str, ids: dict[str, Any]
) -> None:
    """Each ends in a result or in a sentence, and what it writes can be read."""
    item = {**ids, "campaign": name, "state": POISON, "iccid": POISON, "extra": name, POISON: POISON}
    answer = {"code": 0, "campaigns": [item], "participants": [item], "count": 1, "trace": item}
    parrot.answers = [
        http(json.dumps({**answer, "stats": {"engine": item, POISON: POISON}, "status": item, "version": name}))
    ]
    dest = tmp_path / "out"
    results = [
        run_task(yateota_campaign_info, parrot.api_url),
        run_task(
            yateota_participant_info, parrot.api_url, campaign_id=7, limit=2, offset=0, dest=str(dest), format=form
        ),
        run_task(yateota_stats_info, parrot.api_url),
        run_task(yateota_trace, parrot.api_url, campaign_id=7, participant_id=1, dest=str(tmp_path / "trace.json")),
    ]
    written = [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()]
    for text in (*written, *(json.dumps(result, ensure_ascii=False) for result in results)):
        assert harmless(text)


# --- The secret -----------------------------------------------------------------------------------------------------

ODD_SECRET = 's3cr/t+ "w&rd<e>'
SPELLINGS = {
    "plain": lambda secret: secret,
    "upper": str.upper,
    "in the middle": lambda secret: f"xx{secret}yy",
    "percent": lambda secret: urllib.parse.quote(secret, safe=""),
    "form": urllib.parse.quote_plus,
    "percent of each": lambda secret: "".join(f"%{ord(character):02X}" for character in secret),
    "percent twice": lambda secret: urllib.parse.quote(urllib.parse.quote(secret, safe=""), safe=""),
    "a parameter": lambda secret: f"https://x/?PWD={urllib.parse.quote(secret)}&b=1",
    "JSON": lambda secret: json.dumps(secret)[1:-1],
    "JSON of each": lambda secret: "".join(f"\\u{ord(character):04x}" for character in secret),
    "PHP": lambda secret: secret.replace("/", "\\/"),
    "HTML": lambda secret: (
        secret.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    ),
    "HTML of each": lambda secret: "".join(f"&#{ord(character)};" for character in secret),
    "base64": lambda secret: base64.b64encode(secret.encode()).decode(),
    "base64 with a name": lambda secret: base64.b64encode(f"api:{secret}".encode()).decode(),
    "hexadecimal": lambda secret: secret.encode().hex(),
}


@pytest.mark.parametrize("secret", [SECRET, ODD_SECRET, "0123456789"])
@pytest.mark.parametrize("spell", SPELLINGS.values(), ids=SPELLINGS)
def test_an_echo_of_the_secret_is_hidden_however_it_is_spelled(secret: str, spell: Any) -> None:
    echo = spell(secret)
    answer = {"code": 0, echo: 1, "a": {"b": [echo, {echo: echo}]}, "message": echo}
    found = json.dumps(AnswerSanitizer(secret).body(json.dumps(answer)), ensure_ascii=False)
    assert "********" in found
    for text in (found, AnswerSanitizer(secret).line(echo)):
        assert echo not in text
        assert secret not in text


def test_a_number_that_is_the_secret_is_hidden() -> None:
    assert AnswerSanitizer("12345678").body('{"a": 12345678, "b": "0012345678", "c": 123456789, "d": true}') == {
        "a": "********",
        "b": "0012345678",
        "c": 123456789,
        "d": True,
    }


@pytest.mark.parametrize("secret", ["a", "0", "ion", "code", "participant", "failed"])
def test_a_secret_that_is_a_common_word_destroys_no_answer(secret: str) -> None:
    answer = {"code": 0, "participants": [{"participant_id": 10, "state": "failed", "imsi": "001010000000001"}]}
    assert AnswerSanitizer(secret).body(json.dumps(answer)) == answer
    assert AnswerSanitizer(secret).line(f"no such secret: {secret}.") == "no such secret: ********."
    assert AnswerSanitizer(secret).line("caption abandoned 100") == "caption abandoned 100"


def test_an_echoed_secret_is_in_no_file(run_task: RunTask, parrot: Any, tmp_path: Path) -> None:
    item = {
        "participant_id": 1,
        "imsi": "001010000000001",
        "state": "failed",
        "note": f"?token={SECRET}",
        SECRET: SECRET,
    }
    parrot.answers = [http(json.dumps({"code": 0, "participants": [item], "trace": [item], "count": 1}))]
    for form in ("csv", "jsonl"):
        dest = str(tmp_path / form)
        run_task(yateota_participant_info, parrot.api_url, campaign_id=7, limit=2, offset=0, dest=dest, format=form)
    run_task(yateota_trace, parrot.api_url, campaign_id=7, participant_id=1, dest=str(tmp_path / "trace"))
    for path in tmp_path.iterdir():
        assert SECRET not in path.read_text(encoding="utf-8")
        assert "********" in path.read_text(encoding="utf-8")
