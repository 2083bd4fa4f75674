"""Every job template and workflow of AWX runs on the sandbox through ansible-runner, the engine inside AWX."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
import pytest
from ansible_collections.simops.yateota.tests.system import awx
from ansible_collections.simops.yateota.tests.system.awx import Job

from yateota_sandbox import Options, Sandbox

TEMPLATES = awx.templates()
WORKFLOWS = {each["name"]: each for each in awx.configuration()["controller_workflows"]}
# The other one differs by its template alone, which the test of the configuration shows.
WORKFLOW = "YateOTA approved bulk rerun"
NODES = [node for node in WORKFLOWS[WORKFLOW]["simplified_workflow_nodes"] if "approval_node" not in node]
# What a workflow runs in check mode first, as whoever approves may.
CHECKED = ("apply", "report")
LARGEST_EVENT = 64_000
CHANGE = {"change_id": "CHG1"}
APPROVER = "chief"
HALTS = ("YateOTA bulk hold", "YateOTA bulk hold all", "YateOTA bulk release", "YateOTA bulk stop")
# As many as fit into the answer to the question for SIMs.
SIMS = [f"{1010000000001 + number:015}" for number in range(375)]


def crowd(size: int, state: str = "failed") -> dict[str, Any]:
    """A scenario of one campaign with all in one state, of which none will fail again."""
    sims = {"count": size, "imsi": SIMS[0], "iccid": "893101000000000001", "msisdn": "882990000001"}
    campaign = {"campaign_id": 1, "name": "Crowd", "type": "RFM", "state": "started", "first_participant": 1}
    return {"sims": [sims], "campaigns": [{**campaign, "initial": {state: size}, "failure_rate": 0}]}


@dataclass(frozen=True)
class Case:
    """A template, answers to its survey, and what then has to come of it.

    Attributes:
        answers: to the questions of the survey.
        says: a part of what the job prints.
        sends: how many actions of each kind the server receives.
        scenario: the server's.
        after_workflow: whether it looks at the change that the workflow has made.
    """

    template: str
    answers: dict[str, Any]
    says: str
    sends: dict[str, int] = field(default_factory=dict)
    scenario: Any = "small"
    after_workflow: bool = False

    def __str__(self) -> str:
        return self.template.removeprefix("YateOTA ")


CASES = [
    Case("YateOTA campaign pause", {"campaign_id": 144}, "(Applet 3.2 install): pause", {"pause": 1}),
    Case("YateOTA campaign stop", {"campaign_id": 144}, "(Applet 3.2 install): stop", {"stop": 1}),
    Case("YateOTA campaign restart", {"campaign_id": 147}, "(Applet 3.1 removal): restart", {"restart": 1}),
    Case(
        "YateOTA campaigns",
        {"campaign_states": "144: paused\nApplet 3.1 removal: started"},
        "Campaign 144 (Applet 3.2 install): pause",
        {"pause": 1, "restart": 1},
    ),
    Case(
        "YateOTA campaign watch",
        {"campaign_id": 1, "campaign_watch_max_failed_percentage": 100},
        "Campaign 1 (Crowd) is finished",
        scenario=crowd(30),
    ),
    Case("YateOTA campaigns report", {"campaign_id": 167}, "Campaign 167: of 74 that have ended, 44 failed."),
    Case(
        "YateOTA participants export",
        {"campaign_id": 167, "state": "failed", "dest": "failed.csv"},
        "44 participants",
    ),
    Case("YateOTA participants retry failed", {"campaign_id": 1}, "200 acted", {"retry": 200}, crowd(200)),
    Case(
        "YateOTA participants retry build",
        {"sims": "8931010000000000873\n001010000000091\n", "campaign_id": 176},
        "2 acted",
        {"retry_build": 2},
    ),
    Case("YateOTA participant cancel", {"campaign_id": 142, "participant_id": 161}, "1 acted", {"cancel": 1}),
    Case("YateOTA participant hurry", {"campaign_id": 144, "participant_id": 266}, "1 acted", {"hurry": 1}),
    Case("YateOTA participant trace", {"campaign_id": 142, "imsi": "001010000000001"}, "send waiting_por"),
    Case("YateOTA node stats", {}, "The node is operational: Full service."),
    Case("YateOTA node health", {}, "healthy"),
    Case(
        "YateOTA bulk retry",
        {**CHANGE, "campaign_id": 167, "bulk_change_state": "failed", "bulk_change_canary": 5},
        "44 to be sent in 2 waves",
        {"retry": 44},
    ),
    Case(
        "YateOTA bulk retry build",
        {**CHANGE, "campaign_id": 176, "bulk_change_state": "unallocated"},
        "16 to be sent in 1 wave",
        {"retry_build": 16},
    ),
    Case(
        "YateOTA esim reprofile",
        {
            **CHANGE,
            "esim_reprofile_sims": f"{SIMS[0]}\n+882990000002 {SIMS[1]}\n",
        },
        "rerun of 2 SIMs",
        {"rerun": 2},
        crowd(2),
    ),
    Case(
        "YateOTA retry build sweep",
        {"retry_build_sweep_campaigns": "176"},
        "All campaigns are swept.",
        {"retry_build": 16},
    ),
    Case(
        "YateOTA bulk cancel",
        {**CHANGE, "sims": "\n".join(SIMS), "campaign_id": 1},
        "375 to be sent in 1 wave",
        {"cancel": 375},
        crowd(375, "pending_send"),
    ),
    Case(
        "YateOTA bulk status",
        {"change_id": "CHG1"},
        "Change CHG1 is verified: rerun",
        after_workflow=True,
    ),
]


# Their playbooks are like another one's that is run: these are for the slow gate.
ALIKE = {
    "YateOTA campaign restart",
    "YateOTA campaign stop",
    "YateOTA participant cancel",
    "YateOTA participant hurry",
    "YateOTA participants retry build",
    "YateOTA bulk cancel",
    "YateOTA bulk retry build",
}


@dataclass(frozen=True)
class Outcome:
    """A template's job in check mode and as it is, and what the server received of each."""

    checked: Job
    checked_sends: Counter[str]
    real: Job
    real_sends: Counter[str]


@dataclass(frozen=True)
class Desk:
    """Where an operator works: a server, a ledger, and a folder for what jobs leave, each job in one of its own."""

    box: Sandbox
    folder: Path

    def job(
        self, name: str, template: dict[str, Any], variables: dict[str, Any], *flags: str, core: str = awx.CORE
    ) -> Job:
        """Run a job of a template, with credentials for the server and the ledger; its files are below the desk."""
        folder = self.folder / template["name"] / name
        folder.mkdir(parents=True)
        given = {**variables, "yateota_files_root": str(self.folder)}
        return awx.run_job(folder, template, given, self.environ(template, folder), *flags, core=core)

    def environ(self, template: dict[str, Any], folder: Path) -> dict[str, str]:
        """The variables of the template's credentials, typed in as an operator does."""
        trusted = Path(self.box.ca_path).read_text(encoding="utf-8") if self.box.ca_path else ""
        secret = awx.VAULT["yateota_api_secret"]
        inputs = {
            "YateOTA server": {"api_url": self.box.url, "api_secret": secret, "ca_certificates": trusted},
            "YateOTA ledger": {"ledger": str(self.folder / "ledger.sqlite")},
        }
        return awx.environment(template, inputs, folder)

    def approve(self, change_id: str, count: int, by: str = APPROVER) -> Job:
        """Have a user approve the plan of a change, whose name AWX gives to the job."""
        template = TEMPLATES["YateOTA bulk approve"]
        answers = awx.extra_vars(template, {"change_id": change_id, "bulk_change_confirm_count": count})
        return self.job(f"approved by {by}", template, {**answers, "awx_user_name": by})

    def sent(self) -> Counter[str]:
        """How many actions of each kind the server has received since it was last asked."""
        counted = Counter(entry["params"]["action"] for entry in self.box.writes())
        self.box.clear_journal()
        return counted


def outcome(case: Case, desk: Desk) -> Outcome:
    template = TEMPLATES[case.template]
    variables = awx.extra_vars(template, case.answers)
    checked = desk.job("check", template, variables, "--check", "--diff")
    checked_sends = desk.sent()
    if case.answers.get("change_id") and case.sends:
        unapproved = desk.job("unapproved", template, variables)
        assert unapproved.status == "failed"
        assert "waits for approval" in unapproved.words
        assert desk.approve(case.answers["change_id"], sum(case.sends.values())).status == "successful"
    return Outcome(checked, checked_sends, desk.job("run", template, variables), desk.sent())


@dataclass(frozen=True)
class Flow:
    """A workflow's jobs, and how many actions the server received of each.

    Attributes:
        jobs: by their nodes, those in check mode by "check NODE".
        sends: by the same.
    """

    jobs: dict[str, Job]
    sends: dict[str, int]


def flow(workflow: dict[str, Any], desk: Desk) -> Flow:
    """Run the workflow's jobs one after the other, each with what the survey, its node and the jobs before it give."""
    answers = {"change_id": "CHG1", "campaign_id": 1, "bulk_change_state": "failed", "bulk_change_canary": 5}
    answers |= {"bulk_change_verify_timeout": 60, "bulk_change_report_directory": "reports"}
    survey = awx.extra_vars(workflow, answers)
    artifacts: dict[str, Any] = {}
    found = Flow({}, {})
    for node in NODES:
        template = TEMPLATES[node["unified_job_template"]]
        variables = {**awx.defaults(template), **node.get("extra_data", {}), **artifacts, **survey}
        name = node["identifier"]
        modes = {f"check {name}": ("--check", "--diff")} if name in CHECKED else {}
        for job_name, flags in {**modes, name: ()}.items():
            found.jobs[job_name] = desk.job(job_name, template, variables, *flags)
            found.sends[job_name] = desk.sent().total()
        artifacts |= found.jobs[name].artifacts
        if name == "plan":
            found.jobs["refused"] = desk.approve("CHG1", 30, awx.META["awx_user_name"])
            found.jobs["approve"] = desk.approve("CHG1", 30)
        desk.box.advance(86_400)
    return found


def serving(scenario: Any) -> Sandbox:
    return Sandbox(Options(scenario=scenario, secret=awx.VAULT["yateota_api_secret"], speed=0))


@pytest.fixture(scope="module")
def results(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Any]]:
    """What came of each case that is asked for, and of the workflow, by their names; they run two at a time."""

    def run(case: Case, shared: Future[Flow]) -> Outcome:
        if case.after_workflow:
            shared.result()
            return outcome(case, desk)
        with serving(case.scenario) as box:
            return outcome(case, Desk(box, tmp_path_factory.mktemp("desk")))

    with serving(crowd(30)) as box, ThreadPoolExecutor(2) as pool:
        desk = Desk(box, tmp_path_factory.mktemp("desk"))
        shared = pool.submit(flow, WORKFLOWS[WORKFLOW], desk)
        items = [item for item in request.session.items if hasattr(item, "callspec")]
        cases = [item.callspec.params.get("case") for item in items]  # without those that the slow gate runs
        running: dict[str, Future[Any]] = {
            case.template: pool.submit(run, case, shared) for case in CASES if case in cases
        }
        running[WORKFLOW] = shared
        yield lambda name: running[name].result()


def test_every_template_is_run_in_check_mode_and_as_it_is() -> None:
    of_workflow = {node["unified_job_template"] for node in NODES if node["identifier"] in CHECKED}
    approves = ["YateOTA bulk approve"]  # in each case of a change
    assert sorted([*(case.template for case in CASES), *of_workflow, *approves, *HALTS]) == sorted(TEMPLATES)


@pytest.mark.slow
def test_a_change_is_held_released_and_stopped(tmp_path: Path) -> None:
    def job(name: str, **answers: Any) -> Job:
        template = TEMPLATES[name]
        number = len(list(tmp_path.glob("*/*")))
        asked = {question["variable"] for question in awx.questions(template).values()}
        given = {name: value for name, value in {**CHANGE, **answers}.items() if name in asked}
        return desk.job(str(number), template, awx.extra_vars(template, given))

    retry = {"campaign_id": 1, "bulk_change_state": "failed"}
    with serving(crowd(30)) as box:
        desk = Desk(box, tmp_path)
        assert "waits for approval" in job("YateOTA bulk retry", **retry).words
        assert desk.approve("CHG1", 30).status == "successful"
        hold, hold_all, release, stop = HALTS
        for halt, says in ((hold, "is held by"), (hold_all, "is held by"), (stop, "is stopped")):
            halted = job(halt, reason="The switch is down.")
            assert halted.status == "successful", halted.output
            refused = job("YateOTA bulk retry", **retry)
            assert (refused.status, desk.sent().total()) == ("failed", 0)
            assert says in refused.words
            assert "The switch is down." in refused.words
            if halt != stop:
                assert job(release).status == "successful"


@pytest.mark.parametrize(
    "case", [pytest.param(each, marks=[pytest.mark.slow] * (each.template in ALIKE)) for each in CASES], ids=str
)
def test_a_template_runs_as_it_is(case: Case, results: Callable[[str], Outcome]) -> None:
    found = results(case.template)
    assert found.checked.status == "successful", found.checked.output
    assert found.checked_sends == {}
    assert found.real.status == "successful", found.real.output
    assert found.real_sends == case.sends
    assert case.says in found.real.words
    assert not (case.sends and TEMPLATES[case.template]["allow_simultaneous"])
    for job in (found.checked, found.real):
        assert 0 < max(job.events) < LARGEST_EVENT
        assert not any(secret in job.output for secret in awx.VAULT.values())


def test_a_list_that_is_refused_makes_no_large_event(start_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    sandbox = start_sandbox(scenario=crowd(2))
    template = TEMPLATES["YateOTA esim reprofile"]
    strange = "\n".join(sim.replace("00101", "00102") for sim in SIMS)
    variables = awx.extra_vars(template, {**CHANGE, "esim_reprofile_sims": strange})
    job = Desk(sandbox, tmp_path).job("run", template, variables)
    assert job.status == "failed"
    assert f"imsi {strange.split()[0]} is in none of the campaigns read: check it." in job.words
    assert "And 325 more." in job.words
    assert max(job.events) < LARGEST_EVENT
    assert sandbox.writes() == []


# An id that is text keeps its zeros; one SIM and one campaign alone in a text are the other answers of digits alone.
DIGITS = {"change_id": "0012345", "sims": "001010000000002"}


def cores(*quick: str) -> Any:
    """Parametrize by the ansible-core versions that are there; those that are not quick are for the slow gate."""
    there = [core for core in ("2.16", "2.18", "2.19", "newest") if (awx.CORES / core).exists()]
    return pytest.mark.parametrize(
        "core", [pytest.param(core, marks=() if core in quick else pytest.mark.slow) for core in there]
    )


@cores("2.16", "newest")
def test_answers_of_digits_alone_are_taken_as_text_or_refused(
    core: str, start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    """Newer ansible-core makes numbers of them. Then nothing is sent, and the sentence says what to do."""
    desk = Desk(start_sandbox(scenario=crowd(2)), tmp_path)
    template = TEMPLATES["YateOTA bulk retry"]
    variables = awx.extra_vars(template, {**DIGITS, "campaign_id": 1})
    job = desk.job("plan", template, variables, core=core)
    if core in ("2.16", "2.18"):
        desk.approve("0012345", 1, "4711")
        job = desk.job("run", template, variables, core=core)
        assert job.status == "successful", job.output
        assert "Change 0012345 is applied: 1 done." in job.words
        assert "approved by 4711" in " ".join(str(each) for each in ledger_of(desk))
        assert desk.sent() == {"retry": 1}
    else:
        assert job.status == "failed"
        assert "change_id was read as the number 5349, expected text: put it in quotes" in job.words
        assert "sims was read as the number" in job.words
        assert "use an execution environment with ansible-core below 2.19" in job.words
        assert desk.sent() == {}


@cores("newest")
def test_answers_that_are_no_digits_are_taken_on_every_core(
    core: str, start_sandbox: Callable[..., Sandbox], tmp_path: Path
) -> None:
    desk = Desk(start_sandbox(scenario=crowd(2)), tmp_path)
    template = TEMPLATES["YateOTA bulk retry"]
    variables = awx.extra_vars(template, {**CHANGE, "campaign_id": 1, "bulk_change_state": "failed"})
    desk.job("plan", template, variables, core=core)
    desk.approve("CHG1", 2)
    job = desk.job("run", template, variables, core=core)
    assert job.status == "successful", job.output
    assert desk.sent() == {"retry": 2}


def test_a_survey_names_no_file_outside_its_folder(start_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    desk = Desk(start_sandbox(), tmp_path)
    template = TEMPLATES["YateOTA participants export"]
    for number, dest in enumerate(("../outside.csv", "/etc/outside.csv")):
        job = desk.job(f"run {number}", template, awx.extra_vars(template, {"campaign_id": 167, "dest": dest}))
        assert job.status == "failed"
        assert f"dest: '{dest}' leads out of the folder {tmp_path}" in job.words
    assert desk.box.journal() == []


def ledger_of(desk: Desk) -> list[str]:
    """Who approved each change of the desk's ledger."""
    options = {"api_url": desk.box.url, "ledger": str(desk.folder / "ledger.sqlite")}
    return [
        f"approved by {change['approved_by']}"
        for change in awx.module_result("yateota_bulk_info", options, check_mode=False)["changes"]
    ]


def test_a_workflow_goes_from_plan_to_report(results: Callable[[str], Flow]) -> None:
    found = results(WORKFLOW)
    refused = found.jobs.pop("refused")
    assert refused.status == "failed"
    assert "was planned by lena, and lena cannot approve it" in refused.words
    for node, job in found.jobs.items():
        assert job.status == "successful", f"{node}: {job.output}"
        assert 0 < max(job.events) < LARGEST_EVENT
    assert found.sends == {"plan": 0, "check apply": 0, "apply": 30, "verify": 0, "check report": 0, "report": 0}
    assert "rerun of 30 SIMs" in found.jobs["plan"].words
    assert "30 to be sent in 2 waves." in found.jobs["plan"].words
    assert "The participants that were acted on: 30 finished." in found.jobs["verify"].words
    reports = [Path(path) for path in re.findall(r"/\S+/reports/CHG1[.]\w+", found.jobs["report"].words)]
    assert [path.suffix for path in reports] == [".csv", ".jsonl", ".html"]
    page = reports[-1].read_text(encoding="utf-8")
    assert f"by {APPROVER}" in page
    assert awx.META["awx_user_name"] in page


def test_a_slice_of_a_job_runs_on_another_machine(start_sandbox: Callable[..., Sandbox], tmp_path: Path) -> None:
    """As AWX sends it to an execution node: transmitted, worked on there, its events processed here.

    The slice is of an inventory of several servers. Its own server is given, and not that of the credential.
    """
    desk, north = Desk(start_sandbox(), tmp_path), start_sandbox(tls=True, secret="staple")
    template = TEMPLATES["YateOTA campaign pause"]
    here, there, back = (tmp_path / name for name in ("here", "there", "back"))
    for folder in (here, there, back):
        folder.mkdir()
    variables = awx.extra_vars(template, {"campaign_id": 144})
    connection = {"api_url": north.url, "api_secret": "staple", "ca_path": str(north.ca_path)}
    environ, hosts = desk.environ(template, tmp_path), {"north": {"yateota_connection": connection}}
    arguments = awx.arrange(here, template, variables, environ, hosts=hosts)
    with (tmp_path / "sent").open("wb") as sent:
        ansible_runner.run(streamer="transmit", _output=sent, **arguments)
    with (tmp_path / "sent").open("rb") as sent, (tmp_path / "events").open("wb") as events:
        ansible_runner.run(streamer="worker", _input=sent, _output=events, private_data_dir=str(there))
    with (tmp_path / "events").open("rb") as events:
        processed = ansible_runner.run(streamer="process", _input=events, private_data_dir=str(back), quiet=True)
    assert processed.status == "successful"
    texts = [json.loads(path.read_text(encoding="utf-8"))["stdout"] for path in back.rglob("job_events/*.json")]
    assert any("(Applet 3.2 install): pause was sent" in " ".join(text.split()) for text in texts)
    assert Counter(entry["params"]["action"] for entry in north.writes()) == {"pause": 1}
    assert desk.box.journal() == []
