"""The mutations: each makes another answer from a good one.

It also says what a client may conclude from that answer. A mutation takes the good answer and a source of chance. Its
registration says whether the node is asked to carry a write out before it (``acts``: None leaves that to
chance) and how often it is chosen (``weight``).
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from random import Random

from answers import (
    AGAIN,
    CLOSE,
    HOLD,
    REFUSED,
    RESET,
    SECRET,
    TIMEOUT,
    UNKNOWN,
    Good,
    Script,
    Step,
    Verdict,
    chunked,
    message,
)

Make = Callable[[Good, Random], Script]


@dataclass(frozen=True)
class Mutation:
    """A mutation as it is registered."""

    name: str
    make: Make
    acts: bool | None
    weight: float


MUTATIONS: list[Mutation] = []


def mutation(acts: bool | None = None, weight: float = 1.0) -> Callable[[Make], Make]:
    """Register a mutation."""

    def register(make: Make) -> Make:
        MUTATIONS.append(Mutation(make.__name__, make, acts, weight))
        return make

    return register


def script(steps: Iterable[Step], *verdict: str, lies: bool = False, poisons: bool = False) -> Script:
    """Return a script with a verdict of its own."""
    return Script(tuple(steps), frozenset(verdict), lies, poisons)


def like(good: Good, *steps: Step, poisons: bool = False) -> Script:
    """Return a script that means what the good answer means."""
    return Script(steps, good.verdict, poisons=poisons)


def likely(good: Good, *steps: Step, poisons: bool = False) -> Script:
    """Return a script like ``like``, which may also be refused as invalid HTTP.

    The outcome is then unknown.
    """
    return Script(steps, good.verdict | {UNKNOWN}, poisons=poisons)


# --- Framing that is valid, if unusual -------------------------------------------------------------------------------


@mutation(acts=True)
def valid_framing(good: Good, chance: Random) -> Script:
    body, sizes = good.body, [chance.randint(1, 40) for _turn in range(chance.randint(0, 4))]
    chunks, te = chunked(body, sizes), [b"Transfer-Encoding: chunked"]
    half = chance.randint(0, len(body))
    # The names of headers have no case; that of the protocol has (RFC 9112, 2.3).
    status_line, rest = message(body).split(b"\r\n", 1)
    ways: list[list[Step]] = [
        [message(chunks + b"0\r\n\r\n", headers=te, length=None)],
        [message(chunked(body, sizes, b";name=value") + b"0\r\nX-Trailer: 1\r\n\r\n", headers=te, length=None)],
        [message(body, length=None), CLOSE],
        [message(body, b"HTTP/1.0 200 OK"), CLOSE],
        [message(body, b"HTTP/1.1 200 ")],
        [message(body, b"HTTP/1.1 200")],
        [message(body, b"HTTP/1.1 200 " + SECRET.encode())],
        [message(body, headers=[b"Connection: close"]), CLOSE],
        [message(body, headers=[b"Retry-After: 3", b"Set-Cookie: a=" + SECRET.encode()])],
        [message(body, headers=[b"X-%d: %s" % (n, SECRET.encode()) for n in range(40)])],
        [status_line + b"\r\n" + rest.lower() if body.islower() else message(body, headers=[b"x-lower: 1"])],
        [message(body)[:-half] if half else message(body), 0.02, message(body)[-half:] if half else b""],
        [b"HTTP/1.1 100 Continue\r\n\r\n" + message(body)],
    ]
    return like(good, *chance.choice(ways))


@mutation(acts=True)
def valid_text(good: Good, chance: Random) -> Script:
    pretty = json.dumps(good.document, indent=chance.randint(1, 4)).encode()
    more = json.dumps({**good.document, "note": "ü", "more": {"a": [1, None, True]}}, ensure_ascii=False).encode()
    bodies = [
        b" \r\n\t" + good.body + b"\n",
        pretty,
        more,
        good.body + b"\n// Not writeable /var/log/json_api",
        good.body + b'{"code":401,"message":"another"}',
        good.body + b"\x00\xff<html>",
    ]
    return like(good, message(chance.choice(bodies)))


@mutation(acts=True)
def byte_order_mark(good: Good, _chance: Random) -> Script:
    return like(good, message(b"\xef\xbb\xbf" + good.body))


@mutation(acts=True)
def delay_below_the_timeout(good: Good, chance: Random) -> Script:
    sent = message(good.body)
    at = chance.randint(0, len(sent))
    return like(good, sent[:at], chance.uniform(0.01, 0.1), sent[at:])


# --- Framing that a client may take or refuse ------------------------------------------------------------------------


@mutation(acts=True)
def interim(good: Good, chance: Random) -> Script:
    first = b"HTTP/1.1 %d Wait\r\n%s\r\n" % (
        chance.choice((100, 102, 103, 150, 199)),
        chance.choice((b"", b"Link: </a>\r\n", b"Content-Length: 5\r\n")),
    )
    steps = [first * chance.choice((1, 1, 2, 3, 300)), chance.choice((b"", 0.01)), message(good.body)]
    return likely(good, *steps, poisons=True)  # a client may take the first for the answer


@mutation(acts=True)
def switching_protocols(good: Good, _chance: Random) -> Script:
    return likely(good, b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n", message(good.body), CLOSE)


@mutation(acts=True)
def odd_length(good: Good, chance: Random) -> Script:
    true = b"%d" % len(good.body)
    odd = [b"-1", b"abc", b"+" + true, true + b", " + true, b"0x10", true + b" ", b"9" * 30, b"1_0", b"0" + true]
    return likely(good, message(good.body, length=chance.choice(odd)), CLOSE)


@mutation(acts=True)
def doubled_headers(good: Good, chance: Random) -> Script:
    true = len(good.body)
    other = chance.choice((true, true + 10, true - 1, 0))
    headers = [chance.choice((b"Content-Length: %d" % other, b"Transfer-Encoding: identity"))]
    return likely(good, message(good.body, headers=headers), CLOSE)


@mutation(acts=True)
def odd_headers(good: Good, chance: Random) -> Script:
    odd = [
        [b"X: " + b"a" * 100_000],
        [b"X-%d: 1" % n for n in range(300)],
        [b"no colon at all"],
        [b": no name"],
        [b"X: a\x00b", b"X: \x1b[31m"],
        [b"X: caf\xc3\xa9", b"Y: \xff\xfe"],
        [b"X: folded\r\n over lines"],
        [b"Content-Encoding: " + chance.choice((b"br", b"zstd", b"x-none", b"identity", b"gzip, identity"))],
        [b"Content-Type: text/html; charset=" + chance.choice((b"utf-16", b"none", b"latin-1"))],
        [b"Location: https://elsewhere.invalid/?x=" + SECRET.encode()],
    ]
    return likely(good, message(good.body, headers=chance.choice(odd)), CLOSE)


@mutation(acts=True)
def odd_status_line(good: Good, chance: Random) -> Script:
    odd = (b"HTTP/2 200 OK", b"ICY 200 OK", b"HTTP/1.1  200  OK", b"HTTP/1.1 0200 OK", b"HTTP/1.1 2_00 OK")
    odd += (b"HTTP/1.1 200 \xff\x00\x1b[2J", b"http/1.1 200 ok", b"HTTP/1.9 200 OK", b"HTTP/1.1\t200 OK")
    return likely(good, message(good.body, chance.choice(odd)), CLOSE)


@mutation(acts=True)
def compressed(good: Good, chance: Random) -> Script:
    deflate = zlib.compress(good.body)
    ways = [(b"gzip", gzip.compress(good.body)), (b"deflate", deflate), (b"deflate", deflate[2:-4])]
    ways += [(b"gzip, gzip", gzip.compress(gzip.compress(good.body))), (b"gzip", gzip.compress(good.body)[:-6])]
    coding, body = chance.choice(ways)
    return likely(good, message(body, headers=[b"Content-Encoding: " + coding]), CLOSE)


@mutation(acts=True)
def notice_before(good: Good, chance: Random) -> Script:
    notice = b"<br />\n<b>Notice</b>: Undefined index: %s in <b>/var/www/api.php</b> on line <b>7</b><br />\n"
    return likely(good, message(notice % chance.choice((b"x", SECRET.encode(), b"\x1b[31m")) + good.body))


@mutation(acts=True)
def bad_characters(good: Good, chance: Random) -> Script:
    text = good.body.decode()
    quoted = text.replace('":"', '":"' + chance.choice(("\udcff", "\udc80")))
    bodies = [quoted.encode("utf-8", "surrogateescape"), text.encode("utf-16"), text.encode("utf-16-le")]
    return likely(good, message(chance.choice(bodies)))


# --- Bytes that belong to no request ---------------------------------------------------------------------------------


@mutation(acts=True, weight=2)
def extra_bytes(good: Good, chance: Random) -> Script:
    more = chance.choice((message(b'{"code":0}'), message(b'{"code":404}'), b"\r\n", b"noise", b"HTTP/1.1 200 OK\r\n"))
    if chance.random() < 0.7:
        return Script((message(good.body) + more,), good.verdict, poisons=True)
    return Script((message(good.body), chance.choice((0.0, 0.01)), more), good.verdict, poisons=True, late=True)


@mutation()
def length_too_short(good: Good, chance: Random) -> Script:
    length = b"%d" % chance.randint(0, good.cuts)
    return script([message(good.body, length=length)], UNKNOWN, poisons=True)


# --- Answers that are not whole --------------------------------------------------------------------------------------


@mutation(weight=2)
def cut_off(good: Good, chance: Random) -> Script:
    end = chance.choice((CLOSE, RESET))
    whole = chance.choice((message(good.body), message(good.body, headers=[b"Connection: close"])))
    return script([whole[: chance.randint(0, len(whole) - 1)], end], UNKNOWN)


@mutation()
def cut_chunks(good: Good, chance: Random) -> Script:
    te, chunks = [b"Transfer-Encoding: chunked"], chunked(good.body, [chance.randint(1, 30)])
    bad = [chunks, b"zz\r\n" + chunks, chunks + b"5\r\nabc", b"-1\r\n" + chunks, b"f" * 30 + b"\r\n" + chunks]
    bad += [chunks + b"\r\n\r\n", b"\r\n" + chunks, b"0\r\n\r\n" + chunks, good.body]
    return script([message(chance.choice(bad), headers=te, length=None), CLOSE], UNKNOWN)


@mutation()
def length_too_long(good: Good, chance: Random) -> Script:
    return script([message(good.body, length=b"%d" % (len(good.body) + chance.randint(1, 10**6))), CLOSE], UNKNOWN)


@mutation()
def broken_text(good: Good, chance: Random) -> Script:
    page = "<html><head><title>{}</title></head></html>"
    bodies = [
        good.body[: chance.randint(0, good.cuts)],
        b"",
        b" \n ",
        page.format(chance.choice(("Maintenance", SECRET, "\x1b[31m\x00", "&#0;&#27;[2J"))).encode(),
        b"{ }",
        b"null",
        b"0",
        b'"code"',
        b"[" + good.body + b"]",
        b'{"result":' + good.body + b"}",
        b"[" * 100_000,
        b'{"code":' * 50_000,
        b"'" + good.body + b"'",
        good.body.replace(b'"', b"'"),
        b"\x00" + good.body,
        b"code=0",
    ]
    return script([message(chance.choice(bodies))], UNKNOWN)


@mutation()
def broken_compression(good: Good, chance: Random) -> Script:
    packed = gzip.compress(good.body)
    body = chance.choice((good.body, packed[: len(packed) // 2], b"\x1f\x8b" + bytes(20), b""))
    return script([message(body, headers=[b"Content-Encoding: gzip"])], UNKNOWN)


@mutation(weight=0.05)
def compressed_bomb(good: Good, _chance: Random) -> Script:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    body = packer.compress(good.body) + b"".join(packer.compress(b" " * 2**20) for _turn in range(70)) + packer.flush()
    return script([message(body, headers=[b"Content-Encoding: gzip"]), CLOSE], UNKNOWN)


# --- HTTP statuses ---------------------------------------------------------------------------------------------------


def _page(good: Good, status: int, chance: Random, headers: Iterable[bytes] = ()) -> bytes:
    reason = chance.choice((b"Some Reason", b"", SECRET.encode(), b"\x1b[31mred", b"a" * 5000))
    html = b"<html><head><title>%d %s</title></head></html>" % (status, reason)
    return message(chance.choice((html, good.body, b"")), b"HTTP/1.1 %d %s" % (status, reason), headers)


@mutation(acts=False)
def refused_before_it_is_read(good: Good, chance: Random) -> Script:
    page = _page(good, chance.choice((400, 401, 403, 405, 415)), chance)
    return script([page], REFUSED, AGAIN, *_belied(page, good), lies=True)


def _belied(page: bytes, good: Good) -> tuple[str, ...]:
    """Return what a page may mean if its body and its status disagree.

    The status says that the request was not read; the body may say that it was.
    """
    return (UNKNOWN,) if page.endswith(good.body) else ()


_AFTER = (b"0", b"1", b"2", b"0.5", b"-1", b"soon", b"", b"9" * 30, b"\xd9\xa3", b"Wed, 21 Oct 2015 07:28:00 GMT")


@mutation(acts=False)
def too_many(good: Good, chance: Random) -> Script:
    after = chance.choice(_AFTER)
    headers = chance.choice(([], [b"Retry-After: " + after]))
    if chance.random() < 0.7:
        page = _page(good, 429, chance, headers)
        return script([page], AGAIN, REFUSED, *_belied(page, good), lies=True)
    return script([_page(good, 503, chance, [b"Retry-After: " + after])], AGAIN, REFUSED, UNKNOWN, lies=True)


@mutation(acts=False)
def other_client_error(good: Good, chance: Random) -> Script:
    status = chance.choice((402, 404, 406, 408, 409, 410, 413, 418, 422, 425, 451, 499))
    return script([_page(good, status, chance)], REFUSED, AGAIN, UNKNOWN, lies=True)


@mutation()
def other_status(good: Good, chance: Random) -> Script:
    status = chance.choice((201, 202, 203, 204, 205, 206, 226, 299, 300, 302, 303, 304, 307, 308, 500, 501, 502, 504))
    status = chance.choice((status, status, 507, 599, 600, 999, 99, 0, 1000))
    headers = [b"Location: " + chance.choice((b"/", b"https://elsewhere.invalid/?s=" + SECRET.encode(), b"\x1b[31m"))]
    return script([_page(good, status, chance, headers), CLOSE], UNKNOWN, lies=True)


@mutation()
def broken_status_line(good: Good, chance: Random) -> Script:
    lines = (b"HTTP/1.1 abc OK", b"200 OK", b"HTTP/1.1", b"\x16\x03\x01\x02", b"<html>", b"HTTP/1.1 -200 OK", b"")
    return script([message(good.body, chance.choice(lines)), CLOSE], UNKNOWN)


@mutation()
def interim_alone(good: Good, chance: Random) -> Script:
    return script([b"HTTP/1.1 %d Wait\r\n\r\n" % chance.choice((100, 102, 103, 199)), CLOSE], UNKNOWN)


# --- Time ------------------------------------------------------------------------------------------------------------


@mutation(weight=0.3)
def never_answered(good: Good, chance: Random) -> Script:
    whole = message(good.body)
    starts = (b"", b"HTTP/1.1 200 OK\r\n", whole[: chance.randint(0, len(whole) - 1)], message(good.body, length=None))
    return script([chance.choice(starts), HOLD], UNKNOWN)


@mutation(weight=0.2)
def drip(good: Good, chance: Random) -> Script:
    """Send a byte now and then.

    No single pause is as long as the timeout; all of them together are far longer.
    """
    interims = [step for _turn in range(20) for step in (b"HTTP/1.1 102 Wait\r\n\r\n", TIMEOUT / 4)]
    head = [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\nX-Pad: "]
    bytewise = [step for _turn in range(20) for step in (b" ", TIMEOUT / 4)]
    body = [message(b"", length=b"1000")]
    return script([*chance.choice((interims, head + bytewise, body + bytewise)), HOLD], UNKNOWN)


BY_NAME = {each.name: each for each in MUTATIONS}


def chosen(chance: Random) -> Mutation:
    """Choose a mutation by the weights."""
    return chance.choices(MUTATIONS, [each.weight for each in MUTATIONS])[0]


__all__ = ["BY_NAME", "MUTATIONS", "Mutation", "Verdict", "chosen", "mutation", "script"]
