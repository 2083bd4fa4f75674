"""Compare the results of tasks with the server's record.

The record says what each answer may mean (its verdict: `OK`, `REFUSED`, `AGAIN`, `UNKNOWN`). No code of the client is
used, so that both would have to make the same mistake.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from answers import AGAIN, OK, REFUSED, SECRET, SIM_KEY, UNKNOWN
from server import Exchange, Record
from tasks import IDENTIFIERS, Outcome

KINDS = ("invalid_input", "transport", "auth", "api", "bad_answer", "outcome_unknown")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_LONGEST_MESSAGE = 4000
_OPTIONAL_READS = ("get_campaign", "get_node_status")
"""Requests that a module can do without if the server refuses them."""

_OF_DIRECT = {"acted": OK, "refused": REFUSED, "failed": REFUSED, "unknown": UNKNOWN}
_OF_ROW = {"done": OK, "refused": REFUSED, "failed": REFUSED, "unknown": UNKNOWN}


def strings(value: Any) -> Iterable[str]:
    """Yield all strings of a result, keys too."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    elif isinstance(value, str):
        yield value


# --- Any task --------------------------------------------------------------------------------------------------------


def of_any_task(outcome: Outcome, record: Record, folder: Path) -> Iterable[str]:
    """Yield what is wrong with a task of any kind.

    It must end in time, with a result that can be shown, and show no secret.
    """
    if outcome.breakdown:
        *frames, last = outcome.breakdown.strip().splitlines()
        yield f"uncaught: {last[:300]} [{' < '.join(line.strip() for line in frames[::-1] if 'File' in line)[:600]}]"
        return
    if outcome.failed:
        yield from _of_failure(outcome.result)
    result = {**outcome.result, "warnings": outcome.warnings}
    yield from _of_texts(result)
    shown = json.dumps(result, ensure_ascii=False)
    for word in (SECRET, SIM_KEY):
        if word in shown:
            at = shown.index(word)
            yield f"a secret in the result: {shown[max(0, at - 80) : at + 80]!r}"
        files = (path for path in folder.iterdir() if path.is_file() and word.encode() in path.read_bytes())
        yield from (f"a secret in {path.name}" for path in files)
    for exchange in record.exchanges:
        if exchange.overlong:
            yield f"{exchange.request} kept the client for longer than its timeout ({exchange.mutation})"


def _of_failure(result: dict[str, Any]) -> Iterable[str]:
    said, failure = result.get("msg"), result.get("failure") or {}
    if not isinstance(said, str) or not said.strip() or len(said) > _LONGEST_MESSAGE:
        yield f"a failure without a sentence, or with one too long: {str(said)[:200]!r}"
    if failure.get("kind") not in KINDS:
        yield f"a failure of no kind: {failure}"


def _of_texts(result: dict[str, Any]) -> Iterable[str]:
    """Yield what the console or a file would not accept in a result's texts."""
    for text in strings(result):
        if _CONTROL.search(text):
            yield f"control characters in the result: {text[:200]!r}"
            return
        try:
            text.encode()
        except UnicodeEncodeError:
            yield f"a text that cannot be written: {text[:200]!r}"
            return


def of_reading(outcome: Outcome, record: Record, known: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield what is wrong with a task that only reads.

    It must succeed if all answers are good, and fail if one that it needs is not. Pages of a list are asked for ahead,
    so that one beyond its end is not needed: there, the number of participants read must be right.

    Args:
        outcome: the task's.
        record: the server's.
        known: all participants of the sandbox.
    """
    if any(exchange.write for exchange in record.exchanges):
        yield "a write of a module that only reads"
    faithful = all(each.verdict == {OK} and not each.lies for each in record.exchanges) and not record.unread
    if outcome.failed and faithful:
        yield f"failed on good answers: {outcome.result['msg'][:300]}"
    heard = [each for each in record.exchanges if not each.unheard]
    latest = {(each.request, json.dumps(each.params)): each for each in heard}
    for exchange in latest.values():
        ahead = exchange.request == "query_participants" and exchange.params.get("offset")
        optional = exchange.request in _OPTIONAL_READS or ahead
        if not outcome.failed and OK not in exchange.verdict and not optional:
            yield f"success, though {exchange.request} was never answered ({exchange.mutation})"

    if not outcome.failed and outcome.module == "participant_info" and not lies(record):
        wanted = {name: outcome.options[name] for name in ("campaign_id", "state") if name in outcome.options}
        listed = sum(all(each[name] == value for name, value in wanted.items()) for each in known)
        listed = min(listed - outcome.options.get("offset", 0), outcome.options.get("limit", listed))
        if outcome.result["count"] != listed:
            yield f"{outcome.result['count']} of {listed} participants were read"


# --- Writes ----------------------------------------------------------------------------------------------------------


def lies(record: Record) -> bool:
    """Return whether the content of any list was not the node's."""
    return any(exchange.lies and not exchange.write for exchange in record.exchanges)


def naming(exchange: Exchange) -> str:
    """Return the participant that a write names, and its action."""
    return json.dumps({name: value for name, value in exchange.params.items() if value is not None}, sort_keys=True)


def repeated(runs: Sequence[tuple[Record, bool]]) -> Iterable[str]:
    """Yield the writes that were repeated although they may have been carried out.

    Args:
        runs: the records of the tasks, and whether each may send again for the unknown.
    """
    last: dict[str, tuple[Exchange, int]] = {}
    for number, (record, _resends) in enumerate(runs):
        for exchange in record.exchanges:
            if not exchange.write:
                continue
            who = naming(exchange)
            before, at = last.get(who, (None, 0))
            last[who] = (exchange, number)
            if before is None or before.verdict & {REFUSED, AGAIN}:
                continue
            # What one run planned to send again, the next may send.
            if before.verdict == {OK} or not any(may for _record, may in runs[at + 1 : number + 1]):
                yield f"{who} was sent again after {before.mutation or 'a good answer'} ({sorted(before.verdict)})"


def misjudged(said: str | None, own: Sequence[Exchange], lied: bool, record: Record) -> str | None:
    """Return what is wrong with a participant's result; None if nothing is.

    Args:
        said: the result: `OK`, `REFUSED` or `UNKNOWN`; None if nothing was sent for the participant.
        own: the requests for it, in order.
        lied: whether lists may have shown wrong states.
        record: counts the connections that were closed with requests unread.
    """
    gone = record.unread + record.lost
    if not own:
        return None if said in (None, REFUSED) or (gone and said == UNKNOWN) else f"{said} without a request"
    last = own[-1]
    by = f"after {last.mutation or 'a good answer'} ({sorted(last.verdict)})"
    if said in last.verdict or (said is None and AGAIN in last.verdict):
        return None
    if gone and said in (UNKNOWN, None):
        return None
    if said == OK and (lied or any(each.carried_out for each in own)):
        return None if last.verdict == {UNKNOWN} or lied else f"ok {by}"
    return f"{said} {by}"


def matches(given: dict[str, Any], exchange: Exchange) -> bool:
    """Return whether a write is for the participant with these identifiers."""
    named = {name: exchange.params[name] for name in IDENTIFIERS if exchange.params.get(name) is not None}
    return bool(named) and all(_plain(given.get(name)) == _plain(value) for name, value in named.items())


def _plain(value: Any) -> str:
    return str(value).lstrip("+")


def of_list(outcome: Outcome, record: Record, known: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield what is wrong with a task that acts on a list without a ledger."""
    yield from repeated([(record, False)])
    writes = [exchange for exchange in record.exchanges if exchange.write]
    entries = outcome.result.get("results")
    if entries is None:
        if writes:
            yield f"{len(writes)} writes and no results: {outcome.result.get('msg', '')[:300]}"
        return
    if len(entries) != len(outcome.options.get("participants", [0])):
        yield f"{len(entries)} results for {len(outcome.options.get('participants', [0]))} participants"
    for entry in entries:
        named = [name for name in IDENTIFIERS if entry[name]]
        (who, *_others) = (each for each in known if all(_plain(each[name]) == _plain(entry[name]) for name in named))
        own = [exchange for exchange in writes if matches(who, exchange)]
        said = _OF_DIRECT.get(entry["outcome"]) if entry["action"] else None
        wrong = misjudged(said, own, lies(record), record)
        if wrong:
            yield f"participant {who['participant_id']}: {wrong}, and says: {entry['message']}"
    bad = [entry for entry in entries if entry["outcome"] in ("refused", "failed", "unknown")]
    if bool(bad) > outcome.failed:
        yield f"success with {len(bad)} refused, failed or unknown"


def of_campaign(outcome: Outcome, record: Record) -> Iterable[str]:
    """Yield what is wrong with a task that acts on a campaign."""
    yield from repeated([(record, False)])
    writes = [exchange for exchange in record.exchanges if exchange.write]
    result = outcome.result
    kind = (result.get("failure") or {}).get("kind") if outcome.failed else None
    if not writes:
        if result.get("changed") or (kind == "outcome_unknown" and not record.unread + record.lost):
            yield f"changed or unknown without a request: {result}"
        return
    said = UNKNOWN if kind == "outcome_unknown" else OK if result.get("changed") else REFUSED
    wrong = misjudged(said, writes, lies(record), record)
    if wrong:
        yield f"action_campaign: {wrong}"


# --- Changes ---------------------------------------------------------------------------------------------------------

Runs = Sequence[tuple[Record, bool]]


def of_rows(outcome: Outcome, rows: Sequence[dict[str, Any]]) -> Iterable[str]:
    """Yield where the ledger and the result of a task disagree.

    No participant may stay between its mark and its outcome.
    """
    sending = [row["participant_id"] for row in rows if row["state"] == "sending"]
    if sending:
        yield f"still sending: {sending}"
    change = outcome.result.get("change")
    if change and (change["selected"] != len(rows) or sum(change["counts"].values()) != len(rows)):
        yield f"{len(rows)} rows, but the result says {change['counts']}"
    for state, count in (change or {}).get("counts", {}).items():
        recorded = sum(row["state"] == state for row in rows)
        if recorded != count:
            yield f"{recorded} rows are {state}, but the result says {count}"


def of_change(rows: Sequence[dict[str, Any]], runs: Runs) -> Iterable[str]:
    """Yield what is wrong with a change after all its tasks."""
    yield from repeated(runs)
    lied = any(lies(record) for record, _resends in runs)
    gone = Record(unread=sum(record.unread + record.lost for record, _resends in runs))
    resent = any(resends for _record, resends in runs)
    writes = [exchange for record, _resends in runs for exchange in record.exchanges if exchange.write]
    if not resent and not lied:
        times: dict[str, int] = {}
        for exchange in writes:
            times[naming(exchange)] = times.get(naming(exchange), 0) + exchange.carried_out
        yield from (f"{who} was carried out {count} times" for who, count in times.items() if count > 1)
    if lied:
        yield from _by_number(rows, writes, gone.unread)
        return
    for row in rows:
        own = [exchange for exchange in writes if matches(row, exchange)]
        said = _OF_ROW.get(row["state"])
        if resent and said is None:
            continue
        wrong = misjudged(said, own, lied, gone)
        if wrong:
            yield f"row {row['seq']}, participant {row['participant_id']}: {wrong}"


def _by_number(rows: Sequence[dict[str, Any]], writes: Sequence[Exchange], unread: int) -> Iterable[str]:
    """Yield where the numbers of rows cannot be right.

    If lists had wrong identifiers, no request can be matched with a row, but the numbers must still be possible.
    """
    for state, needed in (("done", {OK, UNKNOWN}), ("unknown", {UNKNOWN})):
        said = sum(row["state"] == state for row in rows)
        possible = len({naming(exchange) for exchange in writes if exchange.verdict & needed}) + unread
        if said > possible:
            yield f"{said} rows are {state}, where {possible} could be at most"
