# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the template of a change's page, one piece for each section.

The policy in its head forbids the page to load or run anything, even if a server's message contains it.
"""

from __future__ import annotations

_MACROS = """\
{% macro server_cell(row) %}
{% if shards %}
<td class="server">{{ row.api_url | short_url }}{{ "" if change.node else " " ~ row.node }}</td>
{% endif %}
{% endmacro %}
"""

_HEAD = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Change {{ change.change_id }}</title>
<style>
{{ style }}
</style>
</head>
<body>
<main>
<h1>Change {{ change.change_id }}</h1>
<p class="quiet">{{ change.action }} on {{ change.api_url or shards | length ~ " servers" }}
{%- if change.node %}, node {{ change.node }}{% endif %}:
<strong>{{ change.status }}</strong></p>

<div class="tile verdict {{ verdict.tone }}" id="verdict"><b>{{ verdict.title }}</b>
{% for line in verdict.lines %}
<p>{{ line }}</p>
{% endfor %}
</div>
<div class="tiles">
{% for tile in tiles %}
<div class="tile"><b>{{ tile.value | number }}</b><span>{{ tile.name }}</span></div>
{% endfor %}
</div>
"""

_PROGRESS = """\
{% if progress_chart %}
<section><h2>Progress over time</h2>
{{ progress_chart }}
</section>
{% endif %}
{% if waves %}
<section><h2>Outcome by wave</h2>
{{ waves_chart }}
</section>
{% endif %}
"""

_COHORTS = """\
{% if cohorts and cohorts.failed %}
<section id="cohorts"><h2>Which SIMs fail more often</h2>
{% for each in cohorts.worst %}
<div class="cohort"><strong>{{ each.sentence }}</strong>
<div class="meter"><i class="failed" style="width: {{ each.percentage }}%"></i>\
<i class="range" style="left: {{ each.percentage_low }}%; right: {{ (100 - each.percentage_high) | round(2) }}%"></i>\
<i class="rest" style="left: {{ each.rest_percentage }}%"></i></div>
<span class="quiet">{{ each.failed | number }} of {{ each.size | number }} failed
(95 %: {{ each.percentage_low }} to {{ each.percentage_high }} %),
{{ each.rest_percentage }} % of the rest. Lift {{ each.lift if each.lift is not none else "not known" }} \
({{ each.lift_low }} to {{ each.lift_high }}).</span></div>
{% else %}
<p>No group of 20 SIMs or more fails more often than the rest.</p>
{% endfor %}
<p class="quiet">Of {{ cohorts.size | number }} sent for, {{ cohorts.failed | number }} failed
({{ cohorts.percentage }} %). {{ cohorts.compared | number }} groups were compared. The line across a bar is its 95 %
interval, the upright one the rest.</p>
</section>
{% endif %}
"""

_UNKNOWN = """\
{% if change.counts.unknown %}
<section id="unknown"><h2>Unknown outcomes, and what to do</h2>
<p>For {{ change.counts.unknown | number }} the request was sent, and nothing proves whether the action was carried out.
The collection does not send for them again by itself.</p>
<ol>
<li>Look at one: <code>ansible-playbook simops.yateota.participant_trace {{ unknown.trace }}</code></li>
<li>Read their states again: the change's own command with <code>-e bulk_change_only=verify</code>.
What a state proves is settled.</li>
<li>Send for the others once more, if that does no harm: the same command with
<code>-e bulk_change_unknown=resend</code>.
{% if unknown.resets %}
<strong>A second rerun resets the OTA counter again, and can lock a SIM out of OTA.</strong>
{% endif %}
</li>
</ol>
</section>
{% endif %}
"""

_SERVERS = """\
{% if shards | length > 1 %}
<section><h2>Servers</h2>
<div class="wide"><table id="servers">
<thead><tr><th>Server</th>{% if not change.node %}<th>Node</th>{% endif %}<th>Status</th>
<th class="number">Selected</th>{% for state in states %}<th class="number">{{ state }}</th>{% endfor %}
<th>First sent</th><th>Nothing more to send</th></tr></thead>
{% for shard in shards %}
<tr><td class="server">{{ shard.api_url }}</td>
{% if not change.node %}<td class="fixed">{{ shard.node }}</td>{% endif %}
<td class="fixed">{{ shard.status }}</td><td class="number">{{ shard.selected | number }}</td>
{% for state in states %}<td class="number">{{ shard.counts[state] | number }}</td>{% endfor %}
<td class="when">{{ shard.started | moment }}</td><td class="when">{{ shard.finished | moment }}</td></tr>
{% endfor %}
</table></div>
</section>
{% endif %}
"""

_RESULTS = """\
<section><h2>Results</h2>
<table id="counts">
{% for state in states %}
<tr><td><span class="swatch {{ state }}"></span>{{ titles[state] }}</td>
<td class="number" data-state="{{ state }}">{{ change.counts[state] | number }}</td></tr>
{% endfor %}
<tr><th>selected</th><td class="number" data-state="selected">{{ change.selected | number }}</td></tr>
</table>
{% if change.states %}
<p>Participants acted on, by their last server state:
{% for state, count in change.states.items() %}
{{- " " ~ count | number }} {{ state }}{{ "," if not loop.last }}{% endfor %}.</p>
{% endif %}
</section>

{% if change.attempts %}
<section><h2>Attempts</h2>
<table id="attempts">
{% for name, value in attempts if value is not none %}
<tr><th>{{ name }}</th><td class="number">{{ value }}</td></tr>
{% endfor %}
</table>
{% if exhausted %}
<p>The first of those that would need another attempt, and have had the most allowed:</p>
<div class="wide"><table id="exhausted">
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th class="number">Participant</th><th class="number">Campaign</th><th>ICCID</th><th>IMSI</th><th>MSISDN</th>
<th>Server state</th></tr></thead>
{% for each in exhausted %}
<tr>{{ server_cell(each) }}
<td class="number">{{ each.participant_id or "" }}</td><td class="number">{{ each.campaign_id or "" }}</td>
<td class="fixed">{{ each.iccid or "" }}</td><td class="fixed">{{ each.imsi or "" }}</td>
<td class="fixed">{{ each.msisdn or "" }}</td><td class="fixed">{{ each.state_now or "" }}</td></tr>
{% endfor %}
</table></div>
{% endif %}
</section>
{% endif %}
"""

_REASONS = """\
{% if reasons %}
<section><h2>What went wrong, by reason</h2>
<div class="wide"><table id="reasons">
<thead><tr><th>State</th><th class="number">Code</th><th>Reason</th><th class="number">Participants</th></tr></thead>
{% for each in reasons %}
<tr><td class="fixed"><span class="swatch {{ each.state }}"></span>{{ each.state }}</td>
<td class="number">{{ "" if each.code is none else each.code }}</td>
<td class="text"><span>{{ each.reason }}</span><div class="meter" aria-hidden="true">\
<i class="{{ each.state }}" style="width: {{ (100 * each.count / most) | round(2) }}%"></i></div></td>
<td class="number">{{ each.count | number }}</td></tr>
{% endfor %}
</table></div>
</section>

<section><h2>The first of them</h2>
<div class="wide"><table>
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th class="number">Participant</th><th>State</th><th>Message</th><th class="number">Campaign</th>
<th>ICCID</th><th>IMSI</th><th>MSISDN</th></tr></thead>
{% for each in failures %}
<tr>{{ server_cell(each) }}
<td class="number">{{ each.participant_id or "" }}</td><td class="fixed">{{ each.state }}</td>
<td class="text">{{ each.message or "" }}</td><td class="number">{{ each.campaign_id or "" }}</td>
<td class="fixed">{{ each.iccid or "" }}</td><td class="fixed">{{ each.imsi or "" }}</td>
<td class="fixed">{{ each.msisdn or "" }}</td></tr>
{% endfor %}
</table></div>
</section>
{% endif %}
"""

_RECORD = """\
<section><h2>Who and when</h2>
<table class="facts">
{% for name, value in facts if value is not none %}
<tr><th>{{ name }}</th><td>{{ value }}</td></tr>
{% endfor %}
</table>
</section>

{% if waves %}
<section><h2>Waves</h2>
{% set judged = waves | rejectattr("success_percentage", "none") | list %}
<div class="wide"><table id="waves">
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th class="number">Wave</th><th class="number">Size</th>
{% for state in wave_states %}<th class="number">{{ state }}</th>{% endfor %}
{% if judged %}<th class="number">at its end</th>{% endif %}<th>Started</th><th>Ended</th></tr></thead>
{% for wave in waves %}
<tr>{{ server_cell(wave) }}
<td class="number">{{ wave.wave }}</td><td class="number">{{ wave.size | number }}</td>
{% for state in wave_states %}<td class="number state">{{ wave.counts[state] | number }}</td>{% endfor %}
{% if judged %}<td class="number">
{{- "" if wave.success_percentage is none else "%g %%" | format(wave.success_percentage) -}}
</td>{% endif %}
<td class="fixed">{{ wave.started | moment }}</td><td class="fixed">{{ wave.finished | moment or "not yet" }}</td></tr>
{% endfor %}
</table></div>
</section>
{% endif %}

<section><h2>Runs</h2>
<div class="wide"><table>
<thead><tr>{% if shards %}<th>Server</th>{% endif %}
<th>Run</th><th>Requested by</th><th>Approved by</th><th>Job</th><th>Host</th><th>From</th><th>To</th>
<th>Change afterwards</th></tr></thead>
{% for each in runs %}
<tr>{{ server_cell(each) }}
<td class="fixed">{{ each.numbers }}</td><td>{{ each.requested_by or "" }}</td>
<td>{{ each.approved_by or "" }}</td>
<td class="fixed">{{ each.job_id or "" }}</td><td class="fixed">{{ each.host }}</td>
<td class="fixed">{{ each.started | moment }}</td>
<td class="fixed">{{ each.finished | moment }}</td>
<td>{{ each.outcome or "not recorded: it is still running, or was killed" }}</td></tr>
{% endfor %}
</table></div>
<p class="quiet">Times are in UTC. The reports in CSV and JSON lines show each participant's attempts and answers.</p>
</section>
</main>
</body>
</html>
"""

TEMPLATE = "".join((_MACROS, _HEAD, _SERVERS, _PROGRESS, _COHORTS, _UNKNOWN, _RESULTS, _REASONS, _RECORD))
"""The page: the verdict and the pictures first, then what they are made of, then the record."""
