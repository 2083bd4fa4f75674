"""One seed: a sandbox, the mutating server before it, and all tasks.

The result of each task is compared with the server's record.
"""

from __future__ import annotations

import gc
import http.client
import json
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import urlsplit

import oracle
import sqlalchemy as sa
from answers import SECRET, whole
from server import MutatingServer, Plan, Record, mutating
from stalls import StallMeter
from tasks import (
    COLLECTION,
    DIRECT,
    SCENARIO,
    Outcome,
    campaign_job,
    change_options,
    participant_job,
    reading_jobs,
    run,
    run_options,
    yateota_bulk,
    yateota_bulk_info,
)

sys.path.insert(0, str(COLLECTION / "roles/sandbox/files"))

from yateota_sandbox import Options, Sandbox

Say = Callable[[str], None]


class Trial:
    """All tasks of one seed.

    Args:
        seed: decides everything.
        database: the URL of a PostgreSQL database for the ledger; None for a SQLite file.
        begins: called with each task before it begins.
        tell: called with each task and each of its requests afterwards; None to report neither.
    """

    def __init__(self, seed: int, database: str | None, begins: Say, tell: Say | None = None) -> None:
        self._seed = seed
        self._database = database
        self._begins = begins
        self._tell = tell
        self._chance = Random(f"fuzz/{seed}")  # noqa: S311 (no secret depends on it)
        self._stalls = StallMeter()
        self.problems: list[str] = []
        self.spoiled = self.tasks = self.stalled_tasks = 0

    def run(self) -> None:
        """Run all tasks.

        What is wrong is in `problems`, the number of spoiled answers in `spoiled`, and the number of tasks in `tasks`,
        with those in which the machine was too slow to tell a timeout from a late answer in `stalled_tasks`.
        """
        with ExitStack() as stack:
            self._folder = Path(tempfile.mkdtemp(prefix="yateota-fuzz-"))
            stack.callback(shutil.rmtree, self._folder, ignore_errors=True)
            sandbox = Sandbox(Options(scenario=SCENARIO, secret=SECRET, speed=0, **self._server_ways()))
            sandbox.__enter__()
            # uvicorn takes a while to stop: this does not wait for it.
            stack.callback(lambda: threading.Thread(target=sandbox.__exit__, args=(None, None, None)).start())
            self._known = list(_participants(sandbox.url))
            self._server: MutatingServer = stack.enter_context(mutating(sandbox.url))
            self._direct()
            self._change()

    def _server_ways(self) -> dict[str, Any]:
        chance = self._chance
        return {
            "ids": chance.choice(("string", "number")),
            "campaigns": chance.choice(("bare", "full")),
            "not_writeable": chance.random() < 0.2,
            "connection": chance.choice(("keep-alive", "close")),
        }

    # --- Tasks -------------------------------------------------------------------------------------------------------

    def _task(
        self, name: str, module: Any, options: dict[str, Any], rate: float | None = None
    ) -> tuple[Outcome, Record]:
        """Run one task while answers are spoiled, and check what holds for each."""
        plan = Plan(f"{self._seed}/{name}", self._chance.choice((0.2, 0.5, 0.9)) if rate is None else rate)
        plan.reads, plan.writes = self._chance.choice(((True, True), (False, True), (True, True), (True, False)))
        self._begins(name)
        self._stalls.begin()
        record = self._server.begin(plan)
        outcome = run(module, self._server.url, options)
        gc.collect()  # a connection that broke is closed together with the exception that reports it
        self._server.settle()
        self.tasks += 1
        if self._stalls.has_stalled:
            self.stalled_tasks += 1
            record.allow_timeouts()
        if self._tell:
            self._tell(f"{name} {options}\n  {outcome.result or outcome.breakdown}\n  warnings {outcome.warnings}")
            for exchange in record.exchanges:
                self._tell(f"  {exchange}")
        self.spoiled += record.spoiled
        self._note(name, oracle.of_any_task(outcome, record, self._folder))
        return outcome, record

    def _note(self, name: str, problems: Any) -> None:
        self.problems += [f"{name}: {problem}" for problem in problems]

    def _direct(self) -> None:
        for module, options in reading_jobs(self._chance, self._folder):
            name = module.__name__.rpartition(".")[2]
            outcome, record = self._task(name, module, options)
            if not outcome.breakdown:
                self._note(name, oracle.of_reading(outcome, record, self._known))
        module, options = campaign_job(self._chance)
        outcome, record = self._task("yateota_campaign", module, options)
        if not outcome.breakdown:
            self._note("yateota_campaign", oracle.of_campaign(outcome, record))
        known = [each for each in self._known if each["campaign_id"] == DIRECT]
        for name in ("yateota_participant", "yateota_participant again"):
            module, options = participant_job(self._chance, known)
            outcome, record = self._task(name, module, options)
            if not outcome.breakdown:
                self._note(name, oracle.of_list(outcome, record, known))

    def _change(self) -> None:
        ledger = self._database or str(self._folder / "ledger.sqlite")
        change = change_options(self._chance, self._folder, ledger, self._known)
        runs: list[tuple[Record, bool]] = []
        if self._chance.random() < 0.7:
            self._bulk("planned", {**change, "state": "planned"}, runs)
        for number in range(1, self._chance.randint(2, 4)):
            self._bulk(f"applied {number}", {**change, **run_options(self._chance, self._folder)}, runs)
        last = {"state": "applied", "resume_aborted": True, "abort": {"threshold_percentage": 100}}
        outcome = self._bulk("applied at last", {**change, **last}, runs, rate=0.0)
        ended = bool(outcome.result.get("change")) and outcome.result["change"]["status"] == "applied"
        if not ended and not any(oracle.lies(record) for record, _resends in runs):
            self._note("applied at last", [f"the change has not ended: {str(outcome.result.get('msg'))[:300]}"])
        self._note("change", oracle.of_change(self._rows(ledger, change), runs))
        self._rest(ledger, change, runs)

    def _rest(self, ledger: str, change: dict[str, Any], runs: list[tuple[Record, bool]]) -> None:
        """Run the states and the module that send nothing for participants."""
        which = {"ledger": ledger, "change_id": change["change_id"], "mask_identifiers": change["mask_identifiers"]}
        self._bulk("verified", {**which, "state": "verified"}, runs)
        form = self._chance.choice(("csv", "jsonl", "html"))
        report = {"report_dest": str(self._folder / f"info.{form}"), "format": form}
        self._task("yateota_bulk_info", yateota_bulk_info, {**which, **report})
        self._task("yateota_bulk_info of all", yateota_bulk_info, {"ledger": ledger})
        self._bulk("purged", {**which, "state": "purged"}, runs)

    def _bulk(
        self, name: str, options: dict[str, Any], runs: list[tuple[Record, bool]], rate: float | None = None
    ) -> Outcome:
        outcome, record = self._task(f"yateota_bulk {name}", yateota_bulk, options, rate)
        runs.append((record, options.get("unknown") == "resend"))
        if options["state"] != "applied" and any(exchange.write for exchange in record.exchanges):
            self._note(name, ["a write of a state that sends nothing"])
        if not outcome.breakdown:
            self._note(name, oracle.of_rows(outcome, self._rows(options["ledger"], options)))
        return outcome

    def _rows(self, ledger: str, change: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the rows of the change, read from the database itself."""
        url = ledger.replace("postgresql://", "postgresql+psycopg://") if "://" in ledger else f"sqlite:///{ledger}"
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        columns = "p.seq, p.state, p.participant_id, p.iccid, p.imsi, p.msisdn"
        query = f"""SELECT {columns} FROM yateota_participants p JOIN yateota_changes c ON c.number = p.change
            WHERE c.change_id = :change ORDER BY p.seq"""  # noqa: S608 (nothing of it comes from outside)
        try:
            with engine.connect() as connection:
                found = connection.execute(sa.text(query), {"change": change["change_id"]})
                return [dict(row) for row in found.mappings()]
        except sa.exc.SQLAlchemyError as error:
            self._note("ledger", [f"it cannot be read: {error}"])
            return []


def _participants(url: str) -> Iterator[dict[str, Any]]:
    """Return every participant of the sandbox, from its own lists."""
    where = urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc)
    for campaign in SCENARIO["campaigns"]:
        params = {"campaign_id": campaign["campaign_id"], "limit": 1000}
        body = json.dumps({"request": "query_participants", "node": "ota", "params": params})
        connection.request("POST", where.path, body, {"Content-Type": "application/json", "X-Authentication": SECRET})
        for item in whole(connection.getresponse().read())["participants"]:
            ids = {name: int(item[name]) for name in ("participant_id", "campaign_id")}
            yield {**ids, **{name: item[name] for name in ("iccid", "imsi", "msisdn", "state")}}
    connection.close()
