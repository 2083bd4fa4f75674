# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a change as one self-contained HTML page.

Auditors can read, print and keep it.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from .._core.errors import InvalidInputError
from .._core.libraries import guarded, missing
from .._core.states import RowState
from .charts import COLORS, reasons_chart, waves_chart

jinja2 = guarded("jinja2")
markupsafe = guarded("markupsafe")

_LIBRARIES = ("jinja2",)
_RUN_OWNER = ("requested_by", "approved_by", "job_id", "host", "api_url")
_TITLES = {
    RowState.DONE: "done",
    RowState.SKIPPED: "skipped: the action would have changed nothing",
    RowState.REFUSED: "refused: the action does not apply",
    RowState.FAILED: "failed: the server answered with an error",
    RowState.UNKNOWN: "unknown: nothing proves whether the action was carried out",
    RowState.SENDING: "sending",
    RowState.PLANNED: "left to send for",
}

# The policy forbids the page to load or run anything, even if a server's message contains it.
_TEMPLATE = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Change {{ change.change_id }}</title>
<style>
body { font: 15px/1.45 sans-serif; color: #212121; margin: 2em auto; padding: 0 1em; max-width: 960px; }
h1 { font-size: 1.7em; margin-bottom: 0; }
h2 { font-size: 1.2em; margin-top: 2em; border-bottom: 1px solid #bdbdbd; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25em .8em .25em 0; border-bottom: 1px solid #e0e0e0; }
td { overflow-wrap: anywhere; }
.number { text-align: right; }
.number, .fixed { font-variant-numeric: tabular-nums; white-space: nowrap; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; }
.wide { overflow-x: auto; }
figure { margin: 1em 0; }
svg { width: 100%; height: auto; }
@page { margin: 15mm; }
@media print {
  body { margin: 0; max-width: none; font-size: 10pt; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  h2 { break-after: avoid; }
  figure, tr { break-inside: avoid; }
  thead { display: table-header-group; }
  .wide { overflow: visible; }
  .number, .fixed { white-space: normal; }
}
</style>
</head>
<body>
<h1>Change {{ change.change_id }}</h1>
<p>{{ change.action }} on {{ change.api_url or shards | length ~ " servers" }}
{%- if change.node %}, node {{ change.node }}{% endif %}: <strong>{{ change.status }}</strong></p>
{% for name in ("held", "stopped") if change[name] %}
<p id="{{ name }}">{{ name | capitalize }} by {{ change[name].by }} since {{ change[name].since | moment }}:
{{ change[name].reason }}</p>
{% endfor %}

<h2>Who and when</h2>
<table>
{% for name, value in facts if value is not none %}
<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>

<h2>Results</h2>
<table id="counts">
{% for state, color in colors.items() if change.counts[state] %}
<tr><td><span class="swatch" style="background: {{ color }}"></span>{{ titles[state] }}</td>
<td class="number" data-state="{{ state }}">{{ change.counts[state] }}</td></tr>
{% endfor %}
<tr><th>selected</th><td class="number" data-state="selected">{{ change.selected }}</td></tr>
</table>
{% if change.states %}
<p>Participants acted on, by their last server state:
{% for state, count in change.states.items() %}{{ count }} {{ state }}{{ ", " if not loop.last }}{% endfor %}.</p>
{% endif %}
{% if change.attempts %}
<h2>Attempts</h2>
<table id="attempts">
{% for name, value in attempts if value is not none %}
<tr><th>{{ name }}</th><td class="number">{{ value }}</td></tr>
{% endfor %}
</table>
{% if exhausted %}
<p>The first of those that would need another attempt, and have had the most allowed:</p>
<div class="wide"><table id="exhausted">
<thead><tr><th class="number">Participant</th><th class="number">Campaign</th><th>ICCID</th><th>IMSI</th><th>MSISDN</th>
<th>Server state</th></tr></thead>
{% for each in exhausted %}
<tr><td class="number">{{ each.participant_id or "" }}</td><td class="number">{{ each.campaign_id or "" }}</td>
<td class="fixed">{{ each.iccid or "" }}</td><td class="fixed">{{ each.imsi or "" }}</td>
<td class="fixed">{{ each.msisdn or "" }}</td><td class="fixed">{{ each.state_now or "" }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
{% endif %}

{% if shards | length > 1 %}
<h2>Servers</h2>
<div class="wide"><table id="servers">
<thead><tr><th>Server</th><th>Node</th><th>Status</th><th>First sent</th><th>Nothing left to send</th>
<th class="number">Selected</th>
{% for state in colors if change.counts[state] %}<th class="number">{{ state }}</th>{% endfor %}</tr></thead>
{% for shard in shards %}
<tr><td>{{ shard.api_url }}</td><td>{{ shard.node }}</td><td>{{ shard.status }}</td>
<td class="fixed">{{ shard.started | moment }}</td><td class="fixed">{{ shard.finished | moment }}</td>
<td class="number">{{ shard.selected }}</td>
{% for state in colors if change.counts[state] %}<td class="number">{{ shard.counts[state] }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}

{% if waves %}
<h2>Waves</h2>
<figure>{{ waves_chart }}</figure>
<div class="wide"><table id="waves">
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th class="number">Wave</th><th>Started</th><th>Ended</th><th class="number">Size</th>
{% for state in states %}<th class="number">{{ state }}</th>{% endfor %}</tr></thead>
{% for wave in waves %}
<tr>{% if shards %}<td>{{ wave.api_url }}</td>{% endif %}
<td class="number">{{ wave.wave }}</td><td class="fixed">{{ wave.started | moment }}</td>
<td class="fixed">{{ wave.finished | moment or "not yet" }}</td>
<td class="number">{{ wave.size }}</td>
{% for state in states %}<td class="number">{{ wave.counts[state] }}</td>{% endfor %}</tr>
{% endfor %}
</table></div>
{% endif %}

{% if reasons %}
<h2>What went wrong, by reason</h2>
<figure>{{ reasons_chart }}</figure>
<table id="reasons">
<thead><tr><th>State</th><th class="number">Code</th><th>Reason</th><th class="number">Participants</th></tr></thead>
{% for each in reasons %}
<tr><td>{{ each.state }}</td><td class="number">{{ "" if each.code is none else each.code }}</td>
<td>{{ each.reason }}</td><td class="number">{{ each.count }}</td></tr>
{% endfor %}
</table>

<h2>The first of them</h2>
<div class="wide"><table>
<thead><tr><th class="number">Participant</th><th class="number">Campaign</th><th>ICCID</th><th>IMSI</th><th>MSISDN</th>
<th>State</th><th>Message</th></tr></thead>
{% for each in failures %}
<tr><td class="number">{{ each.participant_id or "" }}</td><td class="number">{{ each.campaign_id or "" }}</td>
<td class="fixed">{{ each.iccid or "" }}</td><td class="fixed">{{ each.imsi or "" }}</td>
<td class="fixed">{{ each.msisdn or "" }}</td><td class="fixed">{{ each.state }}</td>
<td>{{ each.message or "" }}</td></tr>
{% endfor %}
</table></div>
{% endif %}

<h2>Runs</h2>
<div class="wide"><table>
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th>Run</th><th>Requested by</th><th>Approved by</th><th>Job</th><th>Host</th><th>From</th><th>To</th>
<th>Left the change</th></tr></thead>
{% for each in runs %}
<tr>{% if shards %}<td>{{ each.api_url }}</td>{% endif %}
<td class="fixed">{{ each.numbers }}</td><td>{{ each.requested_by or "" }}</td><td>{{ each.approved_by or "" }}</td>
<td>{{ each.job_id or "" }}</td><td>{{ each.host }}</td><td class="fixed">{{ each.started | moment }}</td>
<td class="fixed">{{ each.finished | moment }}</td>
<td>{{ each.outcome or "not recorded: it is still running, or was killed" }}</td></tr>
{% endfor %}
</table></div>
<p>Times are in UTC. The reports in CSV and JSON lines show each participant's attempts and answers.</p>
</body>
</html>
"""


def check_libraries() -> None:
    """Fail if the libraries for a page are not installed.

    Raises:
        InvalidInputError: names what is missing.
    """
    lacking = missing(_LIBRARIES)
    if lacking:
        raise InvalidInputError(
            f"format 'html' needs {' and '.join(lacking)} on the machine that runs the module: "
            "install that, or give csv or jsonl."
        )


def page(
    change: Mapping[str, Any],
    failures: Sequence[Mapping[str, Any]],
    reasons: Sequence[Mapping[str, Any]],
    exhausted: Sequence[Mapping[str, Any]] = (),
) -> str:
    """Return the page of a change.

    Args:
        change: the change as ``yateota_bulk_info`` returns it, with all its waves and runs.
        failures: the first participants that went wrong, as returned there.
        reasons: as ``Report.reasons`` gives them.
        exhausted: as ``Report.exhausted`` gives them.

    Returns:
        HTML that loads nothing and runs nothing. The same change gives the same page.

    Raises:
        InvalidInputError: a library is missing.
    """
    check_libraries()
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["moment"] = _moment
    waves = change["waves"]
    return str(
        environment.from_string(_TEMPLATE).render(
            change=change,
            shards=change.get("shards", []),
            facts=_facts(change),
            colors=COLORS,
            titles=_TITLES,
            states=[state for state in COLORS if any(wave["counts"][state] for wave in waves)],
            waves=waves,
            # The texts of the charts are escaped.
            waves_chart=markupsafe.Markup(waves_chart(waves)) if waves else "",
            reasons=reasons,
            reasons_chart=markupsafe.Markup(reasons_chart(reasons)) if reasons else "",
            failures=failures,
            attempts=_attempts(change["attempts"] or {}),
            exhausted=exhausted,
            runs=_merged(change["runs"]),
        )
    )


def _facts(change: Mapping[str, Any]) -> list[tuple[str, Any]]:
    selection = ", ".join(
        f"{name} {value}" for name, value in change["selection"].items() if not isinstance(value, list)
    )
    return [
        ("Requested by", change["requested_by"]),
        ("Approved by", change["approved_by"] or "nobody"),
        ("Plan digest", change["plan_digest"]),
        *_approval(change["approval"] or {}),
        ("Job", change["job_id"]),
        ("Selected", selection),
        ("Named more than once", change["duplicates"] or None),
        ("Planned", _moment(change["planned"])),
        ("First sent", _moment(change["started"]) or "never"),
        ("Nothing left to send", _moment(change["finished"]) or "not yet"),
    ]


def _attempts(attempts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List how the attempts stand; nothing if there is no more than one."""
    if not attempts:
        return []
    return [
        ("At most for each", attempts["maximum"]),
        ("Seconds between two", attempts["interval"] and f"{attempts['interval']:g}"),
        ("May need another", attempts["outstanding"]),
        ("The next is due", _moment(attempts["next_due"]) or None),
        ("Exhausted", attempts["exhausted"]),
    ]


def _approval(approval: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """List what the record has on the approval; nothing if there is none."""
    if not approval:
        return []
    return [
        ("Plan approved", f"{_moment(approval['at'])} by {approval['by']}"),
        ("Approved in job", approval["job"]),
        ("Approval note", approval["note"]),
        ("Digest approved", approval["digest"]),
    ]


def _moment(iso: str | None) -> str:
    """Return a moment in a readable form, to the second."""
    return iso[:19].replace("T", " ") if iso else ""


def _merged(runs: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Merge consecutive runs of the same job: a role makes one run for each wave."""
    merged = []
    for _key, group in itertools.groupby(runs, lambda run: tuple(run.get(name) for name in _RUN_OWNER)):
        same = list(group)
        first, last = same[0], same[-1]
        numbers = str(first["run"]) if first is last else f"{first['run']} to {last['run']}"
        merged.append({**last, "numbers": numbers, "started": first["started"]})
    return merged
