# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decode, limit and clean each answer once, so that all other code can trust it."""

from __future__ import annotations

import base64
import html
import re
from collections.abc import Callable
from typing import Any

from .._core.states import CampaignState, ServerState
from .decoding import decoded

_LONGEST_TEXT, _LONGEST_TRACE = 10_000, 1_000_000  # characters of one text
_LONGEST_KEY = 200
_LONGEST_MESSAGE = 300
_DEEPEST = 64  # lists and objects inside each other

# A SIM's keys and secret codes: if an answer contains them, they are never shown or stored [V].
_FORBIDDEN = frozenset(("kic", "kid", "kik", "pin", "pin2", "puk", "puk2", "adm1"))

# Control and format characters move a terminal's cursor, forge lines, change the direction of text, or are invisible.
# The joiners U+200C and U+200D are kept: names in some scripts need them. A lone surrogate is not a character.
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    "\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
_LINES_AND_TABS = "\t\n\x0b\x0c\r\x85\u2028\u2029"

_HIDDEN = "********"
_OF_PHP = re.compile(
    r"(?:PHP )?(?:(?:(?:recoverable|catchable) )?fatal error|(?:parse|core|compile) error|(?:core |compile )?warning"
    r"|notice|deprecated|strict standards) ?:",
    re.IGNORECASE,
)
"""The beginning of PHP's own messages, without their markup. A script that fails sends one under HTTP 200."""
_ESCAPED_ASCII = re.compile(r"\\u00[2-7]")
_WEAK_SECRET = 4  # characters; a shorter secret occurs in too many ordinary words
_API_WORDS = frozenset(
    (
        *("code", "message", "participants", "participant_id", "campaigns", "campaign", "campaign_id", "count"),
        *("stats", "status", "state", "trace", "imsi", "iccid", "msisdn", "version", "engine", "uptime"),
        *ServerState,
        *CampaignState,
        *("true", "false"),
    )
)


class NoAnswerError(Exception):
    """A body that is not a complete answer of the API; says what it is instead.

    Args:
        found: what it is.
        is_page: whether it is a text without any JSON, as other servers than the API send. A message of PHP is none:
            the API itself runs on PHP [F].
    """

    def __init__(self, found: str, is_page: bool = False) -> None:
        super().__init__(found)
        self.is_page = is_page


def whole_number(value: Any) -> int | None:
    """Read an integer as servers write them: 3, 3.0 or "3" [S, F].

    Anything else gives None. ``true`` is not a number, and neither is ``"0_0"``, ``" 3"`` or a number in other than
    ASCII digits.
    """
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch("-?[0-9]{1,40}", value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) else None


class AnswerSanitizer:
    """A reader of a server's bodies and messages.

    Args:
        secret: hidden wherever a server echoes it: as it is, in another case, percent-encoded, with the escapes of
            JSON or HTML, in base64 or in hexadecimal digits. A secret of fewer than 4 characters, or that is a word
            of the API, is hidden where it stands alone in a message: elsewhere, hiding it would destroy answers.
    """

    def __init__(self, secret: str | None) -> None:
        secret = secret or ""
        self._weak = len(secret) < _WEAK_SECRET or any(secret.lower() in word for word in _API_WORDS)
        self._secret = secret
        self._echo = re.compile(_spelt(secret, self._weak), re.IGNORECASE) if secret else None
        self._encoded = [] if self._weak else _encoded(secret)
        self._marks = (secret.lower(), "%", "&", "\\", *(text.lower() for text in self._encoded))

    def line(self, text: str, longest: int = _LONGEST_MESSAGE) -> str:
        """Return a server's message on one line, shortened, without the secret."""
        text = " ".join(text[:_LONGEST_TRACE].split())[: 10 * longest]  # a secret cut in two is beyond the final end
        return " ".join(_clean(self._hide(text)).split())[:longest]

    def body(self, text: str, lines: bool = False) -> dict[str, Any]:
        """Return the JSON object that a body begins with.

        What follows it is noise of the server's log [F].

        No text in it has control or format characters or lone surrogates, and each has a bounded length. A
        number beyond 64 bits, infinite or not a number is a text. Keys of a SIM are left out; the secret is hidden.

        Args:
            text: the body.
            lines: keep line breaks and tabs inside texts; elsewhere they become blanks.

        Raises:
            NoAnswerError: it does not begin with a complete JSON object, or with one that is too deep or too large.
        """
        text = text.lstrip().lstrip("\ufeff").lstrip()
        if not text:
            raise NoAnswerError("nothing")
        try:
            body = decoded(text)
            if not isinstance(body, dict):
                raise NoAnswerError("JSON that is no object")
            hide = self._hide if not self._weak and self._may_hold_echo(text) else None
            if hide is None and _is_clean_list(body, text):
                return body
            longest = _LONGEST_TRACE if lines else _LONGEST_TEXT
            return _Cleaning(hide, self._secret, longest, lines).object(body, _DEEPEST)
        except (ValueError, RecursionError, MemoryError):
            raise self._instead(text) from None

    def _instead(self, text: str) -> NoAnswerError:
        """Describe what came in place of an answer, such as HTML or a warning of PHP."""
        title = self.line(title_of(text))
        if title:
            return NoAnswerError(f"a page titled '{title}'", is_page=True)
        if text[0] in "{[":
            return NoAnswerError("no whole JSON")
        words, brace, _rest = text[:65536].partition("{")
        said = self.line(re.sub("<[^<>]*>", " ", words))
        return NoAnswerError(
            f"'{said}' {'before' if brace else 'and no'} JSON", is_page=not brace and not _OF_PHP.match(said)
        )

    def _may_hold_echo(self, text: str) -> bool:
        """Return whether the texts in a JSON body may echo the secret.

        The raw form of the body, with its JSON escapes, decides.
        """
        low = text.lower()
        marks = (*(mark for mark in self._marks if mark != "\\"), "\\\\")
        escapes = "\\" in low and not set('"\\/').isdisjoint(self._secret)
        return any(mark in low for mark in marks) or escapes or bool(_ESCAPED_ASCII.search(low))

    def _may_echo(self, text: str) -> bool:
        """Return whether a text may contain the secret.

        Such a text must be searched for all spellings.
        """
        low = text.lower()
        return any(mark in low for mark in self._marks)

    def _hide(self, text: str) -> str:
        if not self._echo or not self._may_echo(text):
            return text
        for encoded in self._encoded:
            text = re.sub(rf"{re.escape(encoded)}[0-9a-z+/_=-]{{0,4}}", _HIDDEN, text, flags=re.IGNORECASE)
        return self._echo.sub(_HIDDEN, text)


def _spelt(secret: str, weak: bool) -> str:
    """Return a pattern of the secret.

    Each character is as it is, or escaped as in URLs, JSON or HTML.
    """
    spelt = "".join(
        rf"(?:{re.escape(character)}|\\{re.escape(character)}|%(?:25){{0,3}}{ord(character):02x}|\\u00{ord(character):02x}"
        rf"|&\#0{{0,5}}{ord(character)};|&\#x0{{0,5}}{ord(character):x};{_NAMED.get(character, '')})"
        for character in secret
    )
    if weak:
        return rf"(?<!\w){spelt}(?!\w)"
    return rf"(?<![0-9]){spelt}(?![0-9])" if secret.isdecimal() else spelt  # part of a longer number is no echo


def _encoded(secret: str) -> list[str]:
    """Return the secret in base64 and in hexadecimal digits.

    Characters that depend on adjacent text are left out.
    """
    raw = secret.encode()
    shifted = [base64.b64encode(bytes(shift) + raw).decode() for shift in range(3)]
    whole = [text[:-4] if text.endswith("=") else text for text in shifted]
    texts = [text[start:] for start, text in zip((0, 2, 3), whole, strict=True)]
    return [text for text in (*texts, raw.hex()) if len(text) >= 8]


_NAMED = {"&": "|&amp;", "<": "|&lt;", ">": "|&gt;", '"': "|&quot;", "'": "|&apos;", " ": r"|\+"}


def _clean(text: str, lines: bool = False) -> str:
    if text.isprintable():
        return text
    if lines:
        text = text.replace("\r\n", "\n")
    return _UNSAFE.sub(lambda found: _harmless(found[0], lines), text)


def _harmless(character: str, lines: bool) -> str:
    if character in _LINES_AND_TABS:
        return character if lines and character in "\n\t" else " "
    return "\ufffd"


# --- Cleaning -----------------------------------------------------------------------------------------------------


class _Cleaning:
    """The cleaning of one body.

    Args:
        hide: hides the secret in a text; None if the body cannot hold it.
        secret: the secret, for numbers that are equal to it.
        longest: characters of one text.
        lines: keep line breaks and tabs.
    """

    def __init__(self, hide: Callable[[str], str] | None, secret: str, longest: int, lines: bool) -> None:
        self._hide = hide
        self._secret = secret
        self._longest = longest
        self._lines = lines
        self._names: dict[str, str | None] = {}

    def object(self, found: dict[str, Any], depth: int) -> dict[str, Any]:
        """Return an object, without the keys of a SIM.

        A list's items have the same keys, so each key is judged once.
        """
        cleaned = {}
        names = self._names
        for key, value in found.items():
            name = names[key] if key in names else self._judge(key)
            if name is not None:
                cleaned[name] = self._value(value, depth)
        return cleaned

    def _judge(self, key: str) -> str | None:
        """Return a key as it is kept; None for one that is dropped."""
        name = _clean(self._hide(key) if self._hide else key)[:_LONGEST_KEY]
        self._names[key] = None if name.strip().lower() in _FORBIDDEN else name
        return self._names[key]

    def _value(self, value: Any, depth: int) -> Any:
        if isinstance(value, str):
            if not self._hide and value.isprintable() and len(value) <= self._longest:
                return value
            return self._text(value)
        if isinstance(value, (dict, list)):
            if not depth:
                raise NoAnswerError(f"JSON that is nested more than {_DEEPEST} deep")
            if isinstance(value, dict):
                return self.object(value, depth - 1)
            return [self._value(item, depth - 1) for item in value]
        return _HIDDEN if self._hide and not isinstance(value, bool) and str(value) == self._secret else value

    def _text(self, text: str) -> str:
        # If the limit cuts through the secret, the rest of the secret is removed too.
        kept = text[: self._longest + 6 * len(self._secret)]
        kept = _clean(self._hide(kept) if self._hide else kept, self._lines)
        return kept if len(text) <= self._longest else f"{kept[: self._longest]}..."


_BLOCK = _LONGEST_TEXT // 2


def _is_clean_list(body: dict[str, Any], text: str) -> bool:
    """Return whether a body with one list of flat objects needs no cleaning.

    The body as a whole shows it at a small part of the cost, since a page of participants has thousands of texts.

    Args:
        body: the decoded body, which does not hold the secret.
        text: the body as it was sent.
    """
    lists = [value for value in body.values() if isinstance(value, (dict, list))]
    if len(lists) != 1 or not isinstance(lists[0], list) or set(map(type, lists[0])) != {dict}:
        return False
    if text.count("[") != 1 or text.count("{") != 1 + len(lists[0]):  # something is nested, or in a text
        return False
    if "\\" in text and "\\" in text.replace("\\/", ""):  # PHP escapes each slash
        return False
    # JSON has no raw control characters inside texts, but for this one.
    if "\x7f" in text if text.isascii() else not text.isprintable():
        return False
    # A text that is too long would span one of these blocks, and have no quotation mark in it.
    if any(text.find('"', start, start + _BLOCK) < 0 for start in range(0, len(text) - _BLOCK + 1, _BLOCK)):
        return False
    cleaning = _Cleaning(None, "", _LONGEST_TEXT, lines=False)
    names = {*body, *set().union(*lists[0])}
    return cleaning.object(dict.fromkeys(names), 0).keys() == names


# --- HTML ---------------------------------------------------------------------------------------------------------

_TITLE = re.compile(r"<title[^>]*>(.*?)</title>", re.IGNORECASE | re.DOTALL)


def title_of(page: str) -> str:
    """Return the title of an HTML page, or an empty text if it has none.

    Early errors carry their reason in it [F].
    """
    found = _TITLE.search(page[:4096])
    return " ".join(html.unescape(found.group(1)).split()) if found else ""
