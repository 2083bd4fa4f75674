# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hold the style sheet of a change's page.

It is light, dark where the reader's system is, and light on paper. Texts in charts are HTML, so that they keep their
size on a phone.
"""

from __future__ import annotations

STYLE = """\
:root {
  color-scheme: light;
  --page: #f4f6f8; --card: #ffffff; --ink: #1c2126; --quiet: #57616b; --line: #d8dee4; --grid: #e8ecf0;
  --good: #2e7d32; --warn: #b25a00; --bad: #c62828; --calm: #1565c0;
  --done: #2e7d32; --skipped: #90a4ae; --refused: #ef6c00; --failed: #c62828; --unknown: #6a1b9a;
  --sending: #1565c0; --planned: #cfd8dc; --on-strong: #ffffff; --on-soft: #1c2126;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    color-scheme: dark;
    --page: #14181c; --card: #1e242a; --ink: #e6eaee; --quiet: #a3adb7; --line: #39424b; --grid: #2b333b;
    --good: #81c784; --warn: #ffb74d; --bad: #ef7a78; --calm: #64b5f6;
    --done: #66bb6a; --skipped: #90a4ae; --refused: #ffa726; --failed: #ef5350; --unknown: #ba68c8;
    --sending: #42a5f5; --planned: #546e7a; --on-strong: #14181c; --on-soft: #14181c;
  }
}
* { box-sizing: border-box; }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0; }
main { max-width: 1200px; margin: 0 auto; padding: 1.5em 1em 3em; }
h1 { font-size: 1.6em; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.15em; margin: 0 0 .6em; }
p { margin: .4em 0; overflow-wrap: anywhere; }
section, .tile { background: var(--card); border: 1px solid var(--line); border-radius: 8px; }
section { padding: 1em 1.2em; margin-top: 1em; }
.quiet { color: var(--quiet); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(8.2em, 1fr)); gap: .6em; margin-top: 1em; }
.tile { padding: .8em .9em; min-width: 0; }
.tile b { display: block; font-size: 1.4em; line-height: 1.2; overflow-wrap: anywhere; }
.tile span { color: var(--quiet); font-size: .9em; }
.verdict { margin-top: 1em; border-left: 6px solid var(--calm); }
.verdict.good { border-left-color: var(--good); } .verdict.good b { color: var(--good); }
.verdict.warn { border-left-color: var(--warn); } .verdict.warn b { color: var(--warn); }
.verdict.bad { border-left-color: var(--bad); } .verdict.bad b { color: var(--bad); }
.verdict b { font-size: 1.6em; }
.verdict p { margin: .2em 0 0; }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .3em .9em .3em 0; border-bottom: 1px solid var(--grid); }
tr:last-child > * { border-bottom: 0; }
th { font-weight: 600; }
thead th { border-bottom: 1px solid var(--line); color: var(--quiet); }
td { overflow-wrap: anywhere; }
td.text { min-width: 13.5em; }
@media (min-width: 600px) { td.text { min-width: 20em; } }
td.server { min-width: 12em; }
td.when { min-width: 7em; }
#reasons td.text { min-width: 8.5em; }
.number { text-align: right; }
.number + :not(.number) { padding-left: .9em; }
.number, .fixed { font-variant-numeric: tabular-nums; white-space: nowrap; overflow-wrap: normal; }
.wide { overflow-x: auto; }
.wide thead th { white-space: nowrap; }
code { font: .92em ui-monospace, monospace; overflow-wrap: anywhere; }
code { background: var(--grid); padding: .1em .3em; border-radius: 3px; }
.swatch { display: inline-block; width: .8em; height: .8em; margin-right: .5em; border-radius: 2px; }
.chart { margin: 0; }
.plot { position: relative; height: 210px; margin: .8em 0 0 64px; border-bottom: 1px solid var(--quiet); }
.tick { position: absolute; left: 0; right: 0; border-top: 1px solid var(--grid); }
.tick span { position: absolute; right: 100%; margin-right: .6em; line-height: 1; transform: translateY(-50%); }
.tick span, .labels { color: var(--quiet); font-size: 12px; font-variant-numeric: tabular-nums; white-space: nowrap; }
.plot svg { position: absolute; left: 0; top: 0; width: 100%; height: 100%; }
.bars { position: absolute; left: 0; right: 0; top: 0; bottom: 0; display: flex; justify-content: center; gap: 2px; }
.bar { flex: 1 1 0; max-width: 110px; height: 100%; display: flex; flex-direction: column-reverse; min-width: 0; }
.bar i { display: block; position: relative; min-height: 1px; font: 12px/1 system-ui, sans-serif; text-align: center; }
.value { position: absolute; left: 0; right: 0; top: 50%; transform: translateY(-50%); }
.labels { display: flex; justify-content: center; gap: 2px; margin-left: 64px; padding-top: .3em; min-height: 1.6em; }
.labels.even { justify-content: space-between; }
.labels.under > span { flex: 1 1 0; max-width: 110px; min-width: 0; text-align: center; }
.labels.under > span > span { display: inline-block; margin: 0 -2em; }
.legend { display: flex; flex-wrap: wrap; gap: .2em 1.2em; font-size: 13px; padding-top: .4em; }
.meter { position: relative; height: 12px; background: var(--grid); border-radius: 3px; margin: .3em 0; }
.meter > * { position: absolute; top: 0; bottom: 0; display: block; border-radius: 3px; }
.meter .range { top: 5px; bottom: 5px; background: var(--ink); opacity: .75; }
.meter .rest { width: 2px; background: var(--ink); top: -3px; bottom: -3px; border-radius: 0; }
.cohort { margin-bottom: .9em; }
.done { background: var(--done); color: var(--on-strong); fill: var(--done); }
.skipped { background: var(--skipped); color: var(--on-soft); fill: var(--skipped); }
.refused { background: var(--refused); color: var(--on-soft); fill: var(--refused); }
.failed { background: var(--failed); color: var(--on-strong); fill: var(--failed); }
.unknown { background: var(--unknown); color: var(--on-strong); fill: var(--unknown); }
.sending { background: var(--sending); color: var(--on-strong); fill: var(--sending); }
.planned { background: var(--planned); color: var(--on-soft); fill: var(--planned); }
@media (max-width: 480px) {
  main { padding: 1em .6em 2em; }
  section { padding: .8em .8em; }
  .tiles { grid-template-columns: 1fr 1fr; gap: .5em; }
  .tile { padding: .6em .7em; }
  .wide th, .wide td { padding-right: .6em; }
  .wide .number + :not(.number) { padding-left: 0; }
  td.text { min-width: 12.4em; }
  .tiles .tile:last-child:nth-child(odd) { grid-column: 1 / -1; }
  .tile b, .verdict b { font-size: 1.3em; }
  #reasons thead { display: none; }
  #reasons tr { display: flex; flex-wrap: wrap; justify-content: space-between; border-bottom: 1px solid var(--grid); }
  #reasons td { border: 0; }
  #reasons td.text { order: 1; width: 100%; padding: 0 0 .4em; }
  td.server { min-width: 8em; }
  .facts th { display: block; border: 0; padding-bottom: 0; }
  .facts td { display: block; }
}
@page { size: A4; margin: 14mm; }
@media print {
  body { background: none; font-size: 9.5pt; }
  main { max-width: none; padding: 0; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  section { border: 0; border-top: 1px solid var(--line); border-radius: 0; padding: .8em 0 0; }
  h2 { break-after: avoid; }
  figure, tr, .tile, .cohort { break-inside: avoid; }
  thead { display: table-header-group; }
  .wide { overflow: visible; }
  .wide table { font-size: 7.5pt; }
  .number, .fixed, .wide thead th { white-space: normal; }
  td.text, td.server, td.when { min-width: 0; }
  th, td { padding-right: .5em; }
}
"""
