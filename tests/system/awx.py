"""AWX's part in the system tests: its configuration read, a survey answered, a job run through ansible-runner."""

from __future__ import annotations

import functools
import importlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible_runner
import yaml
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible_collections.simops.yateota.plugins.module_utils._ansible.module import Task, argument_spec, perform
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, COLLECTIONS, Ansible
from jinja2.sandbox import ImmutableSandboxedEnvironment

FOLDER = COLLECTION / "extensions/awx"
# What an operator's vault gives.
VAULT = {"yateota_api_secret": "correct-horse", "yateota_ledger_password": "battery-staple"}
TEXT = ("text", "textarea")
# The environments of the ansible-core versions, and the one that the example of an execution environment holds.
CORES = Path(os.environ.get("YATEOTA_CORES", "/nowhere"))
CORE = "2.18"
# What AWX gives to every job, as far as it matters here.
META = {"awx_job_id": 4711, "awx_user_name": "lena"}


class Unfilled(yaml.SafeLoader):
    """Reads Ansible's YAML, taking what is unsafe for Ansible to fill in as the text that it is."""


Unfilled.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))


@functools.cache
def read(path: Path) -> Any:
    """A YAML file of Ansible's, as it is written."""
    return yaml.load(path.read_text(encoding="utf-8"), Loader=Unfilled)  # noqa: S506 - it is a SafeLoader


class Tagged(yaml.SafeDumper):
    """Writes every text with the tag that keeps Ansible from filling it in, as AWX writes what a user has typed."""


Tagged.add_representer(str, lambda dumper, text: dumper.represent_scalar("!unsafe", text))


@functools.cache
def configuration(**settings: Any) -> dict[str, Any]:
    """The variables `controller_*` and `yateota_*`, as Ansible fills them in, with other settings if given."""
    files = [FOLDER / f"{name}.yml" for name in ("settings", "platform", "templates")]
    names = [name for file in files for name in read(file)]
    with tempfile.TemporaryDirectory() as folder:
        destination = Path(folder, "configuration.json")
        content = "{{ dict(names | zip(query('ansible.builtin.vars', *names))) | to_json }}"
        task = {"ansible.builtin.copy": {"content": content, "dest": str(destination), "mode": "0600"}}
        variables = {**VAULT, "names": names}
        play = {"hosts": "localhost", "gather_facts": False, "vars": variables, "tasks": [task]}
        play["vars_files"] = list(map(str, files))
        Path(folder, "read.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
        run = Ansible(Path(folder), {})(Path(folder, "read.yml"), settings)
        assert (run.ok, run.warnings) == (True, []), run.output
        found: dict[str, Any] = json.loads(destination.read_text(encoding="utf-8"))
    return found


def templates(**settings: Any) -> dict[str, dict[str, Any]]:
    """The job templates by their names, with other settings if given."""
    return {template["name"]: template for template in configuration(**settings)["controller_templates"]}


def questions(template: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The questions of a survey by their variables."""
    return {each["variable"]: each for each in template["survey_spec"].get("spec", [])}


def extra_vars(template: Mapping[str, Any], answers: Mapping[str, Any]) -> dict[str, Any]:
    """What AWX gives a job; text that is not answered comes as an empty one, which older releases send."""
    asked = questions(template)
    assert answers.keys() <= asked.keys(), f"{template['name']} does not ask {answers.keys() - asked.keys()}"
    empty = {name: "" for name, each in asked.items() if each["type"] in TEXT and not each["required"]}
    for name, value in answers.items():
        assert complaint(asked[name], value) is None, complaint(asked[name], value)
    # A default does not help: a launch by API, schedule or workflow has to answer what is required.
    missing = [name for name, each in asked.items() if each["required"] and name not in answers]
    assert missing == [], f"{template['name']} needs {missing}"
    return {**META, **template.get("extra_vars", {}), **empty, **defaults(template), **answers}


def written_by_awx(variables: Mapping[str, Any], trusted: Mapping[str, Any]) -> str:
    """The file of extra variables as AWX writes it: all tagged as unsafe, but what the template itself has set.

    Args:
        variables: the job's extra variables.
        trusted: the template's own.
    """
    dumpers = {True: yaml.SafeDumper, False: Tagged}
    return "".join(
        yaml.dump({name: value}, Dumper=dumpers[name in trusted and trusted[name] == value], default_flow_style=False)
        for name, value in variables.items()
    )


def defaults(template: Mapping[str, Any]) -> dict[str, Any]:
    """What a survey answers by itself."""
    return {name: each["default"] for name, each in questions(template).items() if "default" in each}


def complaint(question: Mapping[str, Any], value: Any) -> str | None:
    """Why AWX does not take an answer, if so."""
    kinds = {"integer": int, "float": (int, float)}
    if not isinstance(value, kinds.get(question["type"], str)):
        return f"{value!r} is no {question['type']}"
    size = len(value) if question["type"] in TEXT else value
    if question["type"] == "multiplechoice":
        return None if value in question["choices"] else f"{value} is not among {question['choices']}"
    if not question.get("min", size) <= size <= question.get("max", size):
        return f"{value} is out of bounds"
    return None


def environment(template: Mapping[str, Any], inputs: Mapping[str, Mapping[str, str]], folder: Path) -> dict[str, str]:
    """The variables that a template's credentials put into a job's environment.

    Args:
        template: the job template.
        inputs: what was typed into each credential, by its name.
        folder: where the files that a credential asks for are written.
    """
    found: dict[str, str] = {}
    given = {each["name"]: each["credential_type"] for each in configuration()["controller_credentials"]}
    types = {each["name"]: each["injectors"] for each in configuration()["controller_credential_types"]}
    jinja = ImmutableSandboxedEnvironment()
    for credential in template["credentials"]:
        injectors, typed = types[given[credential]], {name: text for name, text in inputs[credential].items() if text}
        files = {}
        for name, text in injectors.get("file", {}).items():
            path = folder / name
            path.write_text(jinja.from_string(text).render(typed), encoding="utf-8")
            files[name.removeprefix("template.")] = str(path)
        namespace = {**typed, "tower": {"filename": files}}
        found |= {name: jinja.from_string(text).render(namespace) for name, text in injectors["env"].items()}
    return found


@dataclass(frozen=True)
class Job:
    """What a job came to.

    Attributes:
        status: `successful`, or what else the engine says.
        output: what it printed.
        events: the sizes of its events, in bytes.
        artifacts: what it leaves for the next jobs of a workflow.
    """

    status: str
    output: str
    events: tuple[int, ...]
    artifacts: dict[str, Any]

    @property
    def words(self) -> str:
        return " ".join(self.output.split())


def inventory(hosts: Mapping[str, Any]) -> dict[str, Any]:
    """The inventory of the jobs, with these hosts and their variables in its group."""
    (whole,), (group,) = configuration()["controller_inventories"], configuration()["controller_groups"]
    return {"all": {"vars": whole["variables"], "children": {group["name"]: {"hosts": dict(hosts)}}}}


def arrange(
    folder: Path,
    template: Mapping[str, Any],
    variables: Mapping[str, Any],
    environ: Mapping[str, str],
    *flags: str,
    hosts: Mapping[str, Any] | None = None,
    core: str = CORE,
) -> dict[str, Any]:
    """Lay out what AWX hands to its engine, a folder for each job; returns the engine's arguments.

    Args:
        folder: the job's own.
        template: the job template.
        variables: the extra variables.
        environ: what the credentials give.
        flags: what the choices at the launch add to the command.
        hosts: hosts and their variables, instead of those that are configured.
        core: the ansible-core to run with.
    """
    shutil.copytree(COLLECTION / "playbooks", folder / "project/playbooks")
    (group,) = configuration()["controller_groups"]
    (folder / "env").mkdir()
    extra_variables = written_by_awx(variables, template.get("extra_vars", {}))
    (folder / "env/extravars").write_text(extra_variables, encoding="utf-8")
    surroundings = {
        "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
        "ANSIBLE_HOME": str(folder / "home"),
        # The engine writes the inventory as JSON, which this plugin reads; loading all the others takes its time.
        "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml",
        "ANSIBLE_NOCOLOR": "1",
        "HOME": str(folder),
        "PATH": f"{CORES / core / 'bin'}{os.pathsep}{os.environ['PATH']}",
    }
    assert (CORES / core / "bin/ansible-playbook").exists(), "these tests run by `make system-awx`"
    return {
        "private_data_dir": str(folder),
        "playbook": template["playbook"],
        "inventory": inventory(hosts or {name: {} for name in group["hosts"]}),
        "envvars": {**surroundings, **environ},
        "cmdline": " ".join(flags),
        "quiet": True,
    }


def job_of(runner: Any) -> Job:
    """What a run of the engine came to."""
    events = list(runner.events)
    artifacts = [
        event["event_data"].get("artifact_data", {}) for event in events if event["event"] == "playbook_on_stats"
    ]
    return Job(
        runner.status,
        "\n".join(event["stdout"] for event in events),
        tuple(sizes(Path(runner.config.artifact_dir))),
        artifacts[-1] if artifacts else {},
    )


def sizes(artifacts: Path) -> Iterator[int]:
    """The sizes of the events that a run has written."""
    yield from (path.stat().st_size for path in artifacts.glob("job_events/*.json"))


def run_job(
    folder: Path,
    template: Mapping[str, Any],
    variables: Mapping[str, Any],
    environ: Mapping[str, str],
    *flags: str,
    core: str = CORE,
) -> Job:
    """Run a job as AWX does."""
    return job_of(ansible_runner.run(**arrange(folder, template, variables, environ, *flags, core=core)))


def module_result(name: str, options: Mapping[str, Any], check_mode: bool) -> dict[str, Any]:
    """What a task of a module comes to, run in this process."""
    module = importlib.import_module(f"ansible_collections.simops.yateota.plugins.modules.{name}")
    validated = ArgumentSpecValidator(argument_spec(module.ARGUMENTS), **module.RULES).validate(options)
    assert validated.error_messages == []
    return perform(module.run, Task(validated.validated_parameters, check_mode, print))
