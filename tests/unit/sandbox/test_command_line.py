# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line, as a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
import requests

import yateota_sandbox

FILES = Path(yateota_sandbox.__file__).parents[1]
STATUS = {"request": "get_node_status", "node": "ota", "params": {}}


def command(*arguments, **environment):
    return {
        "args": [sys.executable, "-m", "yateota_sandbox", *map(str, arguments)],
        "env": os.environ | {"PYTHONPATH": str(FILES), "PYTHONDONTWRITEBYTECODE": "1"} | environment,
        "text": True,
        "stdout": subprocess.PIPE,
        "stderr": subprocess.PIPE,
    }


def wait_for(path):
    deadline = time.monotonic() + 20
    while not path.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return json.loads(path.read_text())


@pytest.mark.parametrize("sign", [signal.SIGTERM, signal.SIGINT])
def test_it_serves_says_so_and_stops_cleanly(tmp_path, sign):
    ready_file, ca = tmp_path / "ready.json", tmp_path / "ca.pem"
    secrets = {"YATEOTA_SANDBOX_SECRET": "correct-horse", "YATEOTA_SANDBOX_ADMIN_TOKEN": "battery-staple"}
    options = ["--tls", "--ca-dest", ca, "--ready-file", ready_file, "--speed", 0, "--ids", "number"]
    options += ["--database", tmp_path / "sandbox.db", "--without-get-campaign"]
    with subprocess.Popen(**command(*options, **secrets)) as process:
        ready = wait_for(ready_file)
        assert ready["pid"] == process.pid
        assert ready["ca_path"] == str(ca)
        assert requests.post(ready["url"], json=STATUS, verify=ca, timeout=20).status_code == 401
        headers = {"X-Authentication": "correct-horse"}
        answer = requests.post(
            ready["url"],
            json=STATUS | {"request": "query_participants", "params": {"campaign_id": 176}},
            headers=headers,
            verify=ca,
            timeout=20,
        )
        assert answer.json() == {"code": 0, "count": 40}
        unknown = requests.post(
            ready["url"], json=STATUS | {"request": "get_campaign"}, headers=headers, verify=ca, timeout=20
        )
        assert unknown.json()["code"] == 401
        journal = requests.get(
            ready["admin_url"] + "/journal", headers={"X-Sandbox-Token": "battery-staple"}, verify=ca, timeout=20
        )
        assert len(journal.json()) == 3
        process.send_signal(sign)
        output, errors = process.communicate(timeout=10)

    assert process.returncode == 0
    assert output == f"The sandbox serves {ready['url']}\n"
    assert errors == ""
    assert not ready_file.exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--scenario", "village"], "scenario 'village': neither a file nor one of city, nation, small"),
        (["--speed", "-1"], "speed: "),
        (["--speed", "nan"], "speed: "),
        (["--port", "seventy"], "port: "),
        (["--seed", "-1"], "seed: "),
        (["--database", "/"], "database /: "),
        (["--database", __file__], "this file was not written by a sandbox"),
        (["--tls", "--client-ca", "/nowhere.pem"], "client_ca /nowhere.pem: there is no such file"),
        (["--host", "192.0.2.1"], "192.0.2.1"),
    ],
)
def test_bad_options_are_named_in_a_sentence(arguments, said):
    done = subprocess.run(**command(*arguments), check=False, timeout=20)

    assert done.returncode == 2
    assert done.stdout == ""
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_file_is_written_anew_and_can_be_looked_into(tmp_path):
    path = tmp_path / "sandbox.db"
    for _turn in range(2):
        with yateota_sandbox.Sandbox(yateota_sandbox.Options(database=str(path), speed=0)) as box:
            assert box.participant(195)["state"] == "failed"
            requests.post(
                box.url,
                json=STATUS | {"request": "action_participant", "params": {"participant_id": 195, "action": "retry"}},
                timeout=20,
            )
            assert box.participant(195)["state"] == "pending_send"
    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM participants").fetchone() == (210,)
