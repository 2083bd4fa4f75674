# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles on campaigns say of them."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.simops.yateota.plugins.filter import campaign_account as account_plugin
from ansible_collections.simops.yateota.plugins.filter import campaign_problems as problems_plugin

campaign_account = account_plugin.FilterModule().filters()["campaign_account"]
campaign_problems = problems_plugin.FilterModule().filters()["campaign_problems"]


def sent(changed: bool = True, state: str | None = "paused", name: str | None = "Spring") -> dict[str, Any]:
    return {
        "changed": changed,
        "action": "pause" if changed else None,
        "campaign": {"campaign_id": 144, "name": name, "state": state},
    }


@pytest.mark.parametrize(
    ("result", "check_mode", "line"),
    [
        (sent(), False, "Campaign 144 (Spring): pause was sent, it is paused."),
        (sent(), True, "Campaign 144 (Spring): pause would be sent, it would be paused."),
        (sent(changed=False), True, "Campaign 144 (Spring): nothing to send, it is paused."),
        (
            sent(state=None, name=None),
            False,
            "Campaign 144 (name not known): pause was sent, it is in a state that the server does not report.",
        ),
    ],
)
def test_what_was_sent_for_a_campaign(result: dict[str, Any], check_mode: bool, line: str) -> None:
    assert campaign_account([result, result], check_mode) == [line, line]


def test_why_a_list_of_campaigns_is_refused() -> None:
    checked = [sent(), {"failed": True, "msg": "There is none"}, {"failed": True}, sent()]
    assert campaign_problems(checked) == [
        "Entry 2 of campaigns_desired: There is none.",
        "Entry 3 of campaigns_desired: it could not be checked.",
        "Campaign 144 is in campaigns_desired more than once: name it once.",
    ]
    assert campaign_problems([sent()]) == []
