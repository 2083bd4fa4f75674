"""The configuration of AWX fits the playbooks: it asks what they take."""

from __future__ import annotations

import functools
import importlib
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml
from ansible_collections.simops.yateota.plugins.plugin_utils._variable_specs import playbook_scope, role_scope
from ansible_collections.simops.yateota.plugins.plugin_utils._variables import CONFINED
from ansible_collections.simops.yateota.tests.system import awx
from ansible_collections.simops.yateota.tests.system.awx import read
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, COLLECTIONS, Ansible, run

from yateota_sandbox import Sandbox

TEMPLATES = awx.templates()
WORKFLOWS = {each["name"]: each for each in awx.configuration()["controller_workflows"]}
# Tasks of a module are tried with the values at and beyond a question's bounds; these make the rest of the task valid.
VALID: dict[str, dict[str, Any]] = {
    "yateota_bulk": {
        "change_id": "CHG1",
        "state": "applied",
        "action": "retry",
        "ledger": "ledger.sqlite",
        "selection": {"campaign_id": 167, "state": "failed"},
    },
    "yateota_campaign": {"campaign_id": 144, "state": "started"},
    "yateota_campaign_info": {"campaign_id": 144},
    "yateota_participant": {"action": "retry", "campaign_id": 167, "participant_id": 195},
    "yateota_participant_info": {"campaign_id": 167},
    "yateota_trace": {"campaign_id": 167, "participant_id": 195},
}
# The variables of the playbooks' own.
OWN = read(COLLECTION / "playbooks/vars/playbooks.yml")["variables"]
REQUIREMENTS = re.compile(r"^requirements:\n((?:  - .*\n)+)", re.MULTILINE)
PASSED = re.compile(r"\{\{ *(\w+)( \|[^}]*)? *\}\}")


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Every mapping within a YAML document, itself included."""
    if isinstance(value, dict):
        yield value
    for each in value.values() if isinstance(value, dict) else value if isinstance(value, list) else []:
        yield from walk(each)


@functools.cache
def mappings(path: Path) -> list[dict[str, Any]]:
    """Every mapping of a playbook, of the tasks and variables it includes, and of its roles and theirs."""
    found = []
    for each in walk(read(path)):
        found.append(each)
        tasks = each.get("ansible.builtin.import_tasks", each.get("ansible.builtin.include_tasks"))
        if isinstance(tasks, str) and "{{" not in tasks:
            found += mappings(path.parent / tasks)
        for name in each.get("vars_files", []):
            found += walk(read(path.parent / name))
    pending = roles(found)
    while pending:
        role = pending.pop()
        files = [*role.path.glob(f"tasks/{role.tasks}"), *role.path.glob("vars/*.yml")]
        inner = [each for file in files for each in walk(read(file))]
        found += inner
        pending += roles(inner)
    return found


class Role(NamedTuple):
    """A role that a playbook uses: its folder, a file of its tasks or a pattern for all, the variables it is given."""

    path: Path
    tasks: str
    given: set[str]


ALL = "*.yml"


def roles(found: list[dict[str, Any]]) -> list[Role]:
    return [
        Role(
            COLLECTION / "roles" / each["ansible.builtin.include_role"]["name"].rpartition(".")[2],
            each["ansible.builtin.include_role"].get("tasks_from", ALL),
            {*each.get("vars", {})},
        )
        for each in found
        if "ansible.builtin.include_role" in each
    ]


class Playbook:
    """What a template's playbook takes, by its own text, its roles' argument specs and its modules' options.

    Attributes:
        needed: the variables that must be given.
        one_of: groups of variables of which one must be given.
        role: the options of its roles' argument specs.
        passed: the names of options that a variable's value is passed to, by the variable.
        modules: the collection's modules that it uses.
    """

    def __init__(self, template: dict[str, Any]) -> None:
        found = mappings(COLLECTION / template["playbook"])
        scope = playbook_scope(Path(template["playbook"]).stem)
        self.needed = {group[0] for group in scope.needs if len(group) == 1}
        self.one_of = [set(group) for group in scope.needs if len(group) > 1]
        self.role = {name: spec for role in roles(found) for name, spec in role_scope(role.path.name).own.items()}
        required = [
            each["vars"]
            for each in found
            if each.get("ansible.builtin.import_tasks") == "tasks/require.yml" and "vars" in each
        ]
        self.text = " ".join(value for each in found for value in each.values() if isinstance(value, str))
        self.passed: dict[str, set[str]] = {}
        for each in found:
            for key, value in each.items():
                match = PASSED.fullmatch(plain(value.strip())) if isinstance(value, str) else None
                if match:
                    self.passed.setdefault(match[1], set()).add(key)
        self.modules = {
            key.rpartition(".")[2] for each in found for key in each if key.startswith("simops.yateota.yateota_")
        }
        # A ledger is asked for by a file of tasks of its own.
        self.asks_ledger = any(each.get("name") == "Check that the ledger is known" for each in found)
        self.asks_server = any(each.get("name") == "Check that the server is known" for each in found) and not any(
            each.get("asks_server") is False for each in required
        )

    def options(self, variable: str) -> list[tuple[str, tuple[str, ...], dict[str, Any]]]:
        """The module options that a variable's value is passed to, each as module, path and spec."""
        names = self.passed.get(variable, set())
        return [
            (module, path, spec)
            for module in sorted(self.modules)
            for path, spec in arguments(module)
            if path[-1] in names
        ]

    def specs(self, variable: str) -> list[dict[str, Any]]:
        """The specs that hold for a variable: the playbooks' own first, then its role's and its modules'."""
        own = [OWN[variable]] if variable in OWN else []
        passed_on = [name for name in self.passed.get(variable, set()) if name in self.role]
        of_role = [self.role[name] for name in [variable, *passed_on] if name in self.role]
        of_modules = [spec for name in [variable, *passed_on] for _module, _path, spec in self.options(name)]
        return own + of_role + of_modules

    def takes(self, variable: str) -> bool:
        return bool(self.specs(variable) or re.search(rf"\b{variable}\b", self.text))


def plain(expression: str) -> str:
    """An expression with variables by their own names, instead of what the check made of them."""
    return re.sub(r"__(\w+?)_given\.(\w+)", r"\1_\2", expression.replace("__yateota_given.", ""))


@functools.cache
def arguments(module: str) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    """A module's own options and their suboptions, each with its path."""
    spec = importlib.import_module(f"ansible_collections.simops.yateota.plugins.modules.{module}").ARGUMENTS
    return list(flattened(spec))


def flattened(spec: dict[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], dict[str, Any]]]:
    for name, each in spec.items():
        yield (*path, name), each
        yield from flattened(each.get("options") or {}, (*path, name))


PLAYBOOKS = {name: Playbook(template) for name, template in TEMPLATES.items()}
ASKED = [
    pytest.param(name, question, id=f"{name.removeprefix('YateOTA ')}-{question['variable']}")
    for name, template in TEMPLATES.items()
    for question in awx.questions(template).values()
]


def test_each_playbook_has_a_template() -> None:
    """By the path it has in the project, which is this repository."""
    paths = sorted(template["playbook"] for template in TEMPLATES.values())
    assert paths == sorted(f"playbooks/{path.name}" for path in COLLECTION.glob("playbooks/*.yml"))


def test_what_is_named_is_there() -> None:
    found = awx.configuration()
    names = {
        kind: {each["name"] for each in found[f"controller_{kind}"]}
        for kind in ("credential_types", "credentials", "projects", "inventories", "execution_environments")
    }
    for template in TEMPLATES.values():
        assert template["project"] in names["projects"]
        assert template["inventory"] in names["inventories"]
        assert template["execution_environment"] in names["execution_environments"]
        assert set(template["credentials"]) <= names["credentials"]
    hosts = {each["name"] for each in found["controller_hosts"]}
    assert {each["inventory"] for each in found["controller_hosts"] + found["controller_groups"]} <= names[
        "inventories"
    ]
    assert all(set(group["hosts"]) == hosts for group in found["controller_groups"])
    assert {each["credential_type"] for each in found["controller_credentials"]} == names["credential_types"]
    assert found["controller_projects"][0]["default_environment"] in names["execution_environments"]
    galaxy = yaml.safe_load((COLLECTION / "galaxy.yml").read_text(encoding="utf-8"))
    assert found["controller_projects"][0]["scm_branch"] == galaxy["version"]
    assert found["controller_projects"][0]["scm_url"].removesuffix(".git") == galaxy["repository"]


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_but_the_survey_and_a_dry_run_is_asked_for(name: str) -> None:
    """Who could set any variable could send the secret to a server of their own."""
    assert not TEMPLATES[name].get("ask_variables_on_launch")
    assert TEMPLATES[name]["ask_job_type_on_launch"] is True
    assert TEMPLATES[name]["survey_enabled"] is bool(awx.questions(TEMPLATES[name]))


@pytest.mark.parametrize("name", TEMPLATES)
def test_jobs_that_can_change_something_run_one_at_a_time(name: str) -> None:
    """Those that approve or hold a change write to the ledger alone, and wait for no other."""
    halts = name.removeprefix("YateOTA ") in ("bulk approve", "bulk hold", "bulk hold all", "bulk release", "bulk stop")
    reading = {module for module in PLAYBOOKS[name].modules if module.endswith(("_info", "_trace"))}
    assert TEMPLATES[name]["allow_simultaneous"] is (halts or PLAYBOOKS[name].modules == reading)


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_job_means_the_servers_of_the_inventory(name: str) -> None:
    """So that slices never do the same, each on its localhost. What asks the ledger alone asks for the whole change."""
    template, (group,) = TEMPLATES[name], awx.configuration()["controller_groups"]
    hosts = "localhost" if template["credentials"] == ["YateOTA ledger"] else group["name"]
    assert template["extra_vars"] == {"yateota_hosts": hosts, "yateota_files_root": "/var/lib/yateota"}
    assert template["inventory"] == group["inventory"]
    # With one server there is nothing to limit and nothing to slice. What asks the ledger alone never needs a limit.
    assert template["ask_limit_on_launch"] is False
    assert template.get("ask_job_slice_count_on_launch", False) is False
    several = awx.templates(yateota_several_servers=True)[name]
    assert several["ask_limit_on_launch"] is (template["credentials"] != ["YateOTA ledger"])
    is_sliced = "YateOTA ledger" not in template["credentials"] or not template["allow_simultaneous"]
    assert several.get("ask_job_slice_count_on_launch", False) is is_sliced


@pytest.mark.parametrize("template", [*TEMPLATES.values(), *WORKFLOWS.values()], ids=lambda each: each["name"])
def test_a_question_can_be_left_out(template: dict[str, Any]) -> None:
    """AWX refuses a launch without an answer that is required, default or not, and an empty field with a minimum."""
    for variable, question in awx.questions(template).items():
        if "default" in question:
            assert not question["required"], variable
        if not question["required"] and question["type"] in ("integer", "float"):
            assert not question.keys() & {"min", "max"}, variable
        if not question["required"] and question["type"] in awx.TEXT:
            assert "min" not in question, variable


def test_every_name_is_looked_up_in_its_organization() -> None:
    """Where AWX knows an organization for it; for the rest the names have a prefix that is a setting."""
    found, organization = awx.configuration(), awx.configuration()["yateota_organization"]
    for kind in ("credentials", "execution_environments", "projects", "inventories", "templates", "workflows"):
        assert {each["organization"] for each in found[f"controller_{kind}"]} == {organization}
    for workflow in WORKFLOWS.values():
        for node in workflow["simplified_workflow_nodes"]:
            assert node.get("lookup_organization", organization) == organization
            assert ("lookup_organization" in node) is ("approval_node" not in node)


def test_awx_takes_for_playbooks_what_is_one() -> None:
    """It lists every YAML file with a line that begins with "hosts:" or the like, in a folder that it does not skip."""
    skipped = {"roles", "tasks", "group_vars", "host_vars"}
    looks_like = re.compile(r"^\s*-?\s*(hosts|include|import_playbook):", re.MULTILINE)
    listed = {
        str(path.relative_to(COLLECTION))
        for folder in ("docs", "extensions/awx", "playbooks", "changelogs", "meta")
        for path in COLLECTION.glob(f"{folder}/**/*.y*ml")
        if not skipped & set(path.parts) and looks_like.search(path.read_text(encoding="utf-8"))
    }
    examples = {str(path.relative_to(COLLECTION)) for path in COLLECTION.glob("docs/examples/*/change.yml")}
    ours = {template["playbook"] for template in TEMPLATES.values()} | {"extensions/awx/configure.yml"}
    assert listed == ours | examples


@pytest.mark.parametrize("name", TEMPLATES)
def test_what_a_playbook_needs_is_asked(name: str) -> None:
    playbook, asked = PLAYBOOKS[name], awx.questions(TEMPLATES[name])
    assert playbook.needed <= {variable for variable, question in asked.items() if question["required"]}
    for group in playbook.one_of:
        assert group & asked.keys()


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_job_gets_the_credentials_that_it_uses_and_no_others(name: str) -> None:
    playbook = PLAYBOOKS[name]
    used = ["YateOTA server"] * playbook.asks_server + ["YateOTA ledger"] * playbook.asks_ledger
    assert TEMPLATES[name]["credentials"] == used


@pytest.mark.parametrize(("name", "question"), ASKED)
def test_a_question_is_of_something_that_the_playbook_takes(name: str, question: dict[str, Any]) -> None:
    playbook, variable = PLAYBOOKS[name], question["variable"]
    assert playbook.takes(variable)
    specs = playbook.specs(variable)
    if not specs:  # text that the playbook itself reads
        assert question["type"] in awx.TEXT
        return
    if "default" in question:
        assert awx.complaint(question, question["default"]) is None


def test_a_path_that_is_asked_is_kept_in_the_folder_of_the_files() -> None:
    asked = {
        question["variable"]: name
        for name, template in TEMPLATES.items()
        for question in awx.questions(template).values()
    }
    paths = {
        variable
        for variable, name in asked.items()
        if PLAYBOOKS[name].specs(variable)[:1] and PLAYBOOKS[name].specs(variable)[0]["type"] in ("path", "whole_path")
    }
    assert paths == {"dest", "bulk_change_report_directory"}
    assert paths <= set(CONFINED)


def test_nothing_secret_is_asked() -> None:
    for name, template in [*TEMPLATES.items(), *WORKFLOWS.items()]:
        for variable, question in awx.questions(template).items():
            assert question["type"] != "password", (name, variable)
            assert not re.search("secret|password|token", variable), (name, variable)
            assert name in WORKFLOWS or not any(spec.get("no_log") for spec in PLAYBOOKS[name].specs(variable))


def test_secrets_are_secret_fields_and_reach_jobs_as_variables_alone() -> None:
    for kind in awx.configuration()["controller_credential_types"]:
        fields = {field["id"]: field.get("secret", False) for field in kind["inputs"]["fields"]}
        assert {name for name in fields if re.search("secret|password", name)} == {
            name for name, secret in fields.items() if secret
        }
        assert kind["injectors"].keys() <= {"env", "file"}
    text = "".join(path.read_text(encoding="utf-8") for path in awx.FOLDER.glob("*.yml"))
    known = set(re.findall(r"YATEOTA_[A-Z_]+", text))
    documented = {
        name
        for path in COLLECTION.glob("plugins/*/*.py")
        for name in re.findall(r"E\((YATEOTA_\w+)\)", path.read_text(encoding="utf-8"))
    }
    assert known <= documented


def bounded() -> dict[tuple[str, tuple[str, ...]], dict[str, Any]]:
    """The questions with bounds, by the module option that their answer ends in."""
    found = {}
    for name, template in TEMPLATES.items():
        for variable, question in awx.questions(template).items():
            # That of a text of many lines keeps the job's events small.
            if question.keys() & {"min", "max"} and question["type"] != "textarea":
                playbook = PLAYBOOKS[name]
                passed_on = [other for other in playbook.passed.get(variable, set()) if other in playbook.role]
                ends = [end for each in (variable, *passed_on) for end in playbook.options(each)]
                assert ends, f"nothing checks the bounds of {variable} in {name}"
                # The option itself, not that of an entry of a list.
                found |= {(module, path): question for module, path, _spec in ends if "participants" not in path}
    return found


def test_bounds_are_those_that_the_modules_have(sandbox: Sandbox) -> None:
    tried: dict[str, bool] = {}
    judged: dict[str, bool] = {}
    for (module, path), question in bounded().items():
        for bound, step in (("min", -1), ("max", 1)):
            if bound not in question:
                continue
            for value, fits in ((question[bound], True), (question[bound] + step, False)):
                # The longest number has a sign in front.
                sign = "+" if path[-1] == "msisdn" else ""
                given = sign + "0" * (value - len(sign)) if question["type"] in awx.TEXT else value
                # One identifier is enough, and all that some modules take.
                others = {"participant_id"} if path[-1] in ("iccid", "imsi", "msisdn") else set()
                options = placed({name: VALID[module][name] for name in VALID[module].keys() - others}, path, given)
                name = f"{module} {'.'.join(path)} {given!r}"
                result = awx.module_result(module, {**options, "api_url": sandbox.url}, check_mode=True)
                tried[name], judged[name] = fits, "is not valid" not in result.get("msg", "")
    assert tried
    assert judged == tried
    assert sandbox.writes() == []


def placed(options: dict[str, Any], path: tuple[str, ...], value: Any) -> dict[str, Any]:
    """Options with a value put where the path leads."""
    inner = value if len(path) == 1 else placed(options.get(path[0], {}), path[1:], value)
    return {**options, path[0]: inner}


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_can_be_run(name: str) -> None:
    workflow = WORKFLOWS[name]
    nodes = {node["identifier"]: node for node in workflow["simplified_workflow_nodes"]}
    acting = ["stage_1", "stage_2"] if "fleet" in name else ["apply"]
    assert [*nodes] == ["plan", "approval", *acting, "verify", "report"]
    assert [node.get("success_nodes", []) for node in nodes.values()] == [[after] for after in [*nodes][1:]] + [[]]
    assert not any(node.keys() & {"failure_nodes", "always_nodes"} for node in nodes.values())
    assert "unified_job_template" not in nodes["approval"]
    assert nodes["approval"]["approval_node"]["timeout"] > 0
    asked = {variable for variable, question in awx.questions(workflow).items() if question["required"]}
    taken = set()
    for node in nodes.values():
        if "approval_node" in node:
            continue
        template = TEMPLATES[node["unified_job_template"]]
        questions = awx.questions(template)
        taken |= questions.keys()
        # A step that does not ask would take its template's default: a report of other masking than was answered.
        assert "bulk_change_mask_identifiers" in questions
        for variable, value in node.get("extra_data", {}).items():
            assert awx.complaint(questions[variable], value) is None
        given = asked | node.get("extra_data", {}).keys() | awx.defaults(template).keys()
        assert {variable for variable, question in questions.items() if question["required"]} <= given
    assert awx.questions(workflow).keys() <= taken
    assert workflow["allow_simultaneous"] is False


def test_workflows_differ_by_their_template_alone() -> None:
    """What holds for one that is run holds for the others."""
    texts = {
        json.dumps({**workflow, "description": ""}).replace(name, "").replace(name.replace("approved ", ""), "")
        for name, workflow in WORKFLOWS.items()
        if "fleet" not in name
    }
    assert len(texts) == 1


def test_the_steps_of_a_fleet_are_sliced_where_they_can_be() -> None:
    """Stage 1 is for few servers, and the report is one."""
    nodes = WORKFLOWS["YateOTA fleet bulk retry"]["simplified_workflow_nodes"]
    assert [node["identifier"] for node in nodes if "job_slice_count" in node] == ["plan", "stage_2"]


def test_an_execution_environment_gets_every_library(ansible_playbook: Ansible, tmp_path: Path) -> None:
    """All that the documentation of the plugins asks for, without a pin or an upper bound."""
    told = run(["ansible-builder", "introspect", str(COLLECTIONS)], ansible_playbook.environ(), tmp_path)
    assert told.ok, told.output
    lines = {line.partition("#")[0].strip() for line in yaml.safe_load(told.output)["python"]}
    assert all(re.fullmatch(r"[\w-]+(\[\w+\])?(>=[\d.]+)?", line) for line in lines)
    pages = [path.read_text(encoding="utf-8") for path in COLLECTION.glob("plugins/*/*.py")]
    asked = [line for page in pages for block in REQUIREMENTS.findall(page) for line in block.splitlines()]
    libraries = {re.match(r"[\w-]+", name)[0].lower() for line in asked for name in line.strip(" -").split(" and ")}
    # Jinja2 comes with Ansible.
    assert libraries - {"jinja2"} <= {re.split(r"[\[>]", line)[0].lower() for line in lines}
    assert {"requests", "sqlalchemy", "prometheus_client"} <= libraries
