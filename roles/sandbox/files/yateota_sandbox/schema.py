# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create the tables of a sandbox's database, and its file."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

_APPLICATION_ID = 0x594F5441  # marks a file as a sandbox's own

_SCHEMA = """
CREATE TABLE sims (
    sim_id INTEGER PRIMARY KEY, imsi TEXT, iccid TEXT, msisdn TEXT,
    current INTEGER,        -- whether the msisdn belongs to this SIM now
    ota_counter INTEGER);   -- its initial value; every send that counts adds one
CREATE TABLE campaigns (
    campaign_id INTEGER PRIMARY KEY, name TEXT, type TEXT, state TEXT,
    active REAL,            -- seconds of being active when it last started, paused or stopped
    since REAL);            -- simulated time of that moment
CREATE TABLE periods (      -- when it was active: campaign time `active` was simulated time `time`, and on from there
    campaign_id INTEGER, active REAL, time REAL);
CREATE TABLE participants (
    participant_id INTEGER PRIMARY KEY, campaign_id INTEGER, sim_id INTEGER,
    built_at REAL, sent_at REAL, ended_at REAL, outcome TEXT,   -- in its campaign's active time
    attempt INTEGER, cause TEXT, reruns INTEGER,
    counted_from INTEGER,   -- the first attempt whose send counts since the SIM's OTA counter was last reset
    appears_at REAL);       -- simulated time when an unallocated SIM's subscriber appears
CREATE TABLE attempts (     -- messages that a newer one replaced, in simulated time
    participant_id INTEGER, attempt INTEGER, cause TEXT, built REAL, sent REAL, ended REAL, outcome TEXT,
    PRIMARY KEY (participant_id, attempt)) WITHOUT ROWID;
"""
_INDEXES = """
CREATE INDEX sims_imsi ON sims (imsi);
CREATE INDEX sims_iccid ON sims (iccid);
CREATE INDEX sims_msisdn ON sims (msisdn);
CREATE INDEX participants_sim ON participants (sim_id);
CREATE INDEX participants_built ON participants (campaign_id, built_at);
CREATE INDEX participants_sent ON participants (campaign_id, sent_at);
CREATE INDEX participants_ended ON participants (campaign_id, ended_at);
"""


def create(path: str) -> sqlite3.Connection:
    """Create a database with empty tables and no indexes.

    Args:
        path: SQLite file, overwritten, or ":memory:".

    Returns:
        A connection with explicit transactions, which other threads may close.

    Raises:
        ValueError: `path` is a file that no sandbox wrote, or cannot be written.
    """
    if path != ":memory:":
        _discard_own_file(Path(path))
    try:
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False, cached_statements=256)
    except sqlite3.OperationalError as error:
        raise ValueError(f"database {path}: {error}; name a file that can be written") from error
    database.executescript(f"PRAGMA application_id={_APPLICATION_ID}; PRAGMA synchronous=OFF;" + _SCHEMA)
    return database


def create_indexes(database: sqlite3.Connection) -> None:
    """Create the indexes, which is faster after the tables are filled."""
    database.executescript(_INDEXES)


def _discard_own_file(path: Path) -> None:
    if not path.exists():
        return
    try:
        with contextlib.closing(sqlite3.connect(path)) as database:
            (found,) = database.execute("PRAGMA application_id").fetchone()
    except sqlite3.DatabaseError:
        found = None
    if found != _APPLICATION_ID:
        raise ValueError(f"database {path}: this file was not written by a sandbox; name another, or remove it")
    path.unlink()
