"""The mutations of an answer's content: codes, values, keys and structure."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from answers import AGAIN, OK, REFUSED, SECRET, SIM_KEY, UNKNOWN, Good, Script, Verdict, message, whole, with_raw
from mutations import mutation, script

_ZERO = ("0", '"0"', "0.0")
_PERHAPS_ZERO = ("-0", "-0.0", "0e5", "1e-400", '" 0 "', '"00"', '"+0"', '"-0"', '"0.0"')
_NO_CODE = (
    *("false", "true", "null", "0.5", "401.5", '"0_0"', '"4_01"', "[]", "{}", "[0]", "[401]", '{"0":0}', '""'),
    *('"zero"', "NaN", "Infinity", "-Infinity", '"0x0"', '"false"', '"None"', "1e999", '"0 0"', f'"{SECRET}"'),
    *(r'"\u0660"', r'"\uff10"', r'"\u0664\u0660\u0661"', r'"\uff14\uff10\uff11"', r'"\u00b2"', r'"\u00bc"'),
    *(r'"0\u0000"', r'"0\n0"', r'"\ud800"'),
)
_REFUSAL = ("401", "402", "403", "404", '"404"', "404.0")
_UNSETTLED = ("200", "201", "300", "500", "503", '"200"', "200.0", "599")
_OTHER = ("7", "-1", "1", "100", "405", "1000000", "1000000000000", "4.05e2", "1" + "0" * 30, "9" * 5000, "1e300")


def _with_code(good: Good, raw: str) -> bytes:
    said = _beside_code(good)
    return with_raw({"code": "@@", **said}, raw)


def _beside_code(good: Good) -> dict[str, Any]:
    """Return all of an answer's content but the code."""
    return {key: value for key, value in good.document.items() if key != "code"}


@mutation(acts=True)
def zero(good: Good, chance: Random) -> Script:
    if OK not in good.verdict:
        return Script((message(good.body),), good.verdict)
    if chance.random() < 0.5:
        return script([message(_with_code(good, chance.choice(_ZERO)))], OK)
    return script([message(_with_code(good, chance.choice(_PERHAPS_ZERO)))], OK, UNKNOWN)


@mutation(weight=3)
def no_code(good: Good, chance: Random) -> Script:
    return script([message(_with_code(good, chance.choice(_NO_CODE)))], UNKNOWN)


@mutation()
def missing_code(good: Good, chance: Random) -> Script:
    said = _beside_code(good) | {"message": "well done"}
    return script(
        [message(json.dumps({chance.choice(("Code", "status", "cod", "code ")): 0, **said}).encode())], UNKNOWN
    )


@mutation(acts=False, weight=2)
def refusal(good: Good, chance: Random) -> Script:
    body = _refusal(chance.choice(_REFUSAL), chance)
    return script([message(body)], REFUSED, AGAIN, lies=True)


@mutation()
def unsettled_code(good: Good, chance: Random) -> Script:
    return script([message(_refusal(chance.choice(_UNSETTLED), chance))], UNKNOWN, lies=True)


@mutation(acts=False)
def other_code(good: Good, chance: Random) -> Script:
    return script([message(_refusal(chance.choice(_OTHER), chance))], REFUSED, AGAIN, UNKNOWN, lies=True)


@mutation()
def two_codes(good: Good, chance: Random) -> Script:
    inner = good.body.strip()[1:-1]
    body = b'{%s,"code":%s}' % (inner, chance.choice((b"404", b"0", b"null", b"200")))
    return script([message(body)], OK, REFUSED, AGAIN, UNKNOWN)


def _refusal(code: str, chance: Random) -> bytes:
    said = chance.choice(({}, {"message": "Some reason"}, {"message": "@@"}, {"message": "@@"}))
    junk = chance.choice([raw for raw in JUNK if raw not in _UNREADABLE])
    return with_raw({"code": "##", **said}, junk).replace(b'"##"', code.encode())


# --- Values, keys, structure -----------------------------------------------------------------------------------------

# Python's JSON rejects such a number, and the client such a depth: they make the whole answer unreadable.
_UNREADABLE = ("9" * 5000, "[" * 900 + "]" * 900)
JUNK = (
    *_UNREADABLE,
    *("null", "true", "false", "0", "-1", "0.5", "1e308", "1e400", "NaN", "-Infinity", str(2**63), str(2**64)),
    *(str(10**30), '""', '" "', '"abc"', r'"\u0000"', r'"a\u0000b"', r'"\ud800"', r'"\udc00\ud800"'),
    *(r'"\u001b[31mred\u001b[0m"', r'"line\nfatal: [host]: FAILED! => {}"', r'"\r\u0085\u2028\u202e"', '"{{ 7*7 }}"'),
    *('"<script>alert(1)</script>"', '"=HYPERLINK(1)"', '"\'; DROP TABLE x"', f'"{"x" * 70_000}"', f'"{SECRET}"'),
    *(
        f'"a {SECRET} b"',
        "[]",
        "{}",
        "[[]]",
        "[null]",
        '[{"a":1}]',
        '{"a":{"b":[1]}}',
        r'"\u0663"',
    ),
    *(
        r'"\uff11\uff12"',
        '"-5"',
        '"1_000"',
        '"0012345"',
        f'{{"kic":"{SIM_KEY}"}}',
        f'{{"KiC":"{SIM_KEY}"}}',
        '"failed"',
    ),
    *('"finished"', '"FAILED "', f'{{"{SECRET}":1}}', f'[{{"PIN2":"{SIM_KEY}","a":1}}]', '"101"', "101", "201", "2.0"),
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the paths of all values in a document, without the code."""
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found = [path] if path else []
    for key, child in children:
        if path or key != "code":
            found += _places(child, (*path, key))
    return found


def _holder(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path[:-1]:
        document = document[key]
    return document


def _lied(good: Good, body: bytes, raw: str = "") -> Script:
    """Return a script with a complete answer that differs from the node's, and may be unreadable."""
    verdict: Verdict = good.verdict | ({UNKNOWN} if raw in _UNREADABLE else set())
    return Script((message(body),), verdict, lies=True)


@mutation(acts=True, weight=6)
def value(good: Good, chance: Random) -> Script:
    document = whole(good.body)
    places = _places(document)
    raw = chance.choice(JUNK)
    for _turn in range(chance.choice((1, 1, 2, 5))):
        if places:
            path = chance.choice(places)
            _holder(document, path)[path[-1]] = "@@"
            places = _places(document)
    if not places:
        document["message"] = document["extra"] = "@@"
    return _lied(good, with_raw(document, raw), raw)


_KEYS = ("other", r"\u0000", r"\ud800", SECRET, f"a {SECRET}", "kic", "KiC", r"\u001b[2J", "state", "", "x" * 9000)


@mutation(acts=True, weight=3)
def keys(good: Good, chance: Random) -> Script:
    document = whole(good.body)
    new = chance.choice(_KEYS)
    secret = new.lower() == "kic"
    objects = [_holder(document, path) for path in _places(document) if isinstance(path[-1], str)]
    for found in chance.choices(objects or [document], k=chance.choice((1, 2, 8))):
        names = [name for name in found if name not in ("code", "@@")]
        taken = found.pop(chance.choice(names)) if names and chance.random() < 0.6 else 1
        found["@@"] = SIM_KEY if secret else taken
    return _lied(good, with_raw(document, f'"{new}"'))


@mutation(acts=True, weight=3)
def items(good: Good, chance: Random) -> Script:
    document = whole(good.body)
    lists = [key for key, found in document.items() if isinstance(found, list)]
    if not lists:
        return value(good, chance)
    found = document[lists[0]]
    way = chance.randrange(7)
    if way == 0:
        chance.shuffle(found)
    elif way == 1:
        found[:] = found[: chance.randint(0, len(found))]
    elif way == 2:
        found += chance.choices(found, k=3) if found else [{}]
    elif way == 3:
        found.insert(chance.randint(0, len(found)), "@@")
    elif way == 4 and found:
        document[lists[0]] = found[0]
    elif way == 5 and found:
        victim = chance.choice(found)
        if isinstance(victim, dict) and victim:
            victim[chance.choice(list(victim))] = chance.choice(found).get(chance.choice(list(victim)))
    else:
        document[lists[0]] = {str(n): each for n, each in enumerate(found)}
    raw = chance.choice(JUNK)
    return _lied(good, with_raw(document, raw), raw)
