# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Transactions of the ledger whose answer is lost: each is repeated, and comes to the same."""

from __future__ import annotations

import ast
import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from ansible_collections.simops.yateota.plugins.module_utils._ledger.attempts import Attempts
from ansible_collections.simops.yateota.plugins.module_utils._ledger.change import find_change
from ansible_collections.simops.yateota.plugins.module_utils._ledger.database import Ledger, open_ledger
from ansible_collections.simops.yateota.plugins.module_utils._ledger.outage import LedgerUnreachableError
from ansible_collections.simops.yateota.plugins.module_utils._ledger.queries import Report
from ansible_collections.simops.yateota.plugins.module_utils._ledger.tables import earlier_attempts, participants
from ansible_collections.simops.yateota.tests.unit.plugins.module_utils.conftest import Bulk

from yateota_sandbox import Sandbox


@pytest.fixture
def lost(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lose the answer to every other commit of a thread: what it wrote is there, and the caller cannot know."""
    answers: list[str] = []
    write = Ledger.write
    state = threading.local()

    @contextlib.contextmanager
    def lossy(self: Ledger) -> Iterator[sa.Connection]:
        with write(self) as connection:
            yield connection
        state.is_repeated = not getattr(state, "is_repeated", True)
        if not state.is_repeated:
            answers.append("lost")
            raise LedgerUnreachableError("the answer to the commit is lost")

    monkeypatch.setattr(Ledger, "write", lossy)
    return answers


def test_a_change(bulk: Bulk, sandbox: Sandbox, ledger: str, lost: list[str]) -> None:
    for state in ("planned", "applied", "verified"):
        result = bulk(state, rollout={"wave_size": 20, "canary": 5}, approved_by="j.doe")
        assert "failed" not in result, result["msg"]
    assert [wave["size"] for wave in result["change"]["waves"]] == [5, 20, 19]
    assert (result["change"]["counts"]["done"], result["change"]["approved_by"]) == (44, "j.doe")
    sent = [entry["params"]["participant_id"] for entry in sandbox.writes()]
    assert len(sent) == len(set(sent)) == 44
    assert len(lost) > 30
    with contextlib.closing(open_ledger(ledger, None, 60)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        assert [run["outcome"] for run in Report(change, masked=False).runs()] == ["planned", "applied", "applied"]


def test_a_look_up(bulk: Bulk, sandbox: Sandbox, lost: list[str]) -> None:
    named = [{"imsi": sandbox.participant(number)["imsi"], "campaign_id": 167} for number in range(185, 205)]
    result = bulk("planned", selection={"participants": named})
    assert sum(result["change"]["counts"].values()) == 20
    assert not [each for each in result["failures"] if "several participants" in each["message"]]
    assert lost


def test_a_second_attempt(bulk: Bulk, ledger: str, lost: list[str]) -> None:
    bulk("applied")
    with contextlib.closing(open_ledger(ledger, None, 60)) as opened:
        change = find_change(opened, "CHG1")
        assert change
        with contextlib.suppress(LedgerUnreachableError), opened.write() as connection:
            connection.execute(participants.update().where(participants.c.seq < 3).values(state="unknown"))
        Attempts(change, 1).plan_unknown_again()
        with opened.read() as connection:
            assert connection.execute(sa.select(earlier_attempts.c.seq)).scalars().all() == [0, 1, 2]
        assert change.counts()["planned"] == 3


MODULE_UTILS = Path(__file__).parents[4] / "plugins" / "module_utils"
# What hands a transaction on to its callers, and what is repeated by its callers.
REPEATED_ELSEWHERE = {
    "Change.read_halt_once",
    "Change.write",
    "Ledger.read",
    "Lease._take",
    "Change.write_whole",
    "Lease._give_back",
    "Lease._beat",
}


def test_every_transaction_is_repeated() -> None:
    lacking, seen = [], 0
    for path in sorted((MODULE_UTILS / "_ledger").glob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        methods = [(each.name, one) for each in tree.body if isinstance(each, ast.ClassDef) for one in each.body]
        for owner, method in methods:
            if not isinstance(method, ast.FunctionDef) or not opens_transaction(method):
                continue
            seen += 1
            decorators = {each.id for each in method.decorator_list if isinstance(each, ast.Name)}
            if "repeatable" not in decorators and f"{owner}.{method.name}" not in REPEATED_ELSEWHERE:
                lacking.append(f"{path.name}: {owner}.{method.name}")
    assert seen > 30
    assert not lacking


def opens_transaction(method: ast.FunctionDef) -> bool:
    opened = [item.context_expr for each in ast.walk(method) if isinstance(each, ast.With) for item in each.items]
    calls = [each.func for each in opened if isinstance(each, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr in ("read", "write") for call in calls)
