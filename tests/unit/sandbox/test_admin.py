# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The admin path: what `Sandbox` offers in Python, over HTTP."""

from __future__ import annotations

import pytest
import requests

TOKEN = {"X-Sandbox-Token": "battery-staple"}


def admin(box, method, path, headers=None, **options):
    return requests.request(
        method, f"{box.admin_url}/{path}", headers=TOKEN if headers is None else headers, timeout=20, **options
    )


def test_the_journal_is_read_and_emptied(sandbox, api):
    api("get_node_status")

    assert admin(sandbox, "GET", "journal").json() == sandbox.journal()
    assert admin(sandbox, "DELETE", "journal").status_code == 204
    assert admin(sandbox, "GET", "journal").json() == []


def test_faults_are_added_and_dropped(sandbox, api):
    assert admin(sandbox, "POST", "faults", json={"kind": "http_500", "times": 9}).status_code == 204
    assert api.post("get_node_status").status_code == 500
    assert admin(sandbox, "DELETE", "faults").status_code == 204
    assert api.post("get_node_status").status_code == 200


def test_options_change(sandbox, api):
    assert admin(sandbox, "PATCH", "options", json={"ids": "number"}).status_code == 204
    assert api("get_campaign")["count"] == 5


def test_the_clock_advances(sandbox, api):
    assert admin(sandbox, "POST", "clock", json={"advance": 100000}).status_code == 204
    assert api.states(142)[161] in {"finished", "failed"}


def test_a_participant_is_told_as_it_is(sandbox):
    truth = admin(sandbox, "GET", "participants/195").json()

    assert truth == sandbox.participant(195)
    assert truth["state"] == "failed"


def test_a_participant_that_is_not_there(sandbox):
    assert admin(sandbox, "GET", "participants/1").status_code == 404
    with pytest.raises(LookupError, match="participant 1:"):
        sandbox.participant(1)


@pytest.mark.parametrize("headers", [{}, {"X-Sandbox-Token": "wrong"}, {"X-Authentication": "correct-horse"}])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "journal"),
        ("DELETE", "journal"),
        ("POST", "faults"),
        ("DELETE", "faults"),
        ("PATCH", "options"),
        ("POST", "clock"),
        ("GET", "participants/195"),
    ],
)
def test_the_token_opens_it_and_nothing_else(shared_sandbox, method, path, headers):
    response = admin(shared_sandbox, method, path, headers=headers, json={"advance": 100000, "kind": "empty"})

    assert response.status_code == 403
    assert shared_sandbox.participant(161)["state"] == "waiting_por"


def test_without_a_token_there_is_no_admin_path(start_sandbox):
    box = start_sandbox(admin_token=None)

    assert box.admin_url is None
    assert requests.get(box.url.replace("api.php", "admin/journal"), headers=TOKEN, timeout=20).status_code == 404


@pytest.mark.parametrize(
    ("method", "path", "body", "named"),
    [
        ("POST", "clock", {"advance": -1}, "advance"),
        ("POST", "clock", {"advance": "soon"}, "advance"),
        ("POST", "clock", {}, "advance"),
        ("POST", "clock", [], "JSON object"),
        ("POST", "faults", {"kind": "nonsense"}, "kind"),
        ("PATCH", "options", {"ids": "roman"}, "ids"),
        ("PATCH", "options", {"scenario": "city"}, "scenario"),
        ("PATCH", "options", {"self": 1}, "self"),
    ],
)
def test_bad_input_is_400_and_named(shared_sandbox, method, path, body, named):
    response = admin(shared_sandbox, method, path, json=body)

    assert response.status_code == 400
    assert named in response.json()["message"]


def test_a_body_that_is_no_json_is_400(shared_sandbox):
    assert admin(shared_sandbox, "POST", "clock", data=b"{").status_code == 400
