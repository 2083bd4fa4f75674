"""Generate AWX surveys from questions.yml and the roles' variables.

The variables give types, choices, defaults and bounds.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from . import documentation
from .roles import Role
from .tree import GenerateError, Tree
from .writing import yaml_lines

SOURCE = "extensions/awx/questions.yml"
TEMPLATES = "extensions/awx/templates.yml"
PLAYBOOKS = "playbooks/vars/playbooks.yml"
_ANSWER_TYPES = {
    "int": "integer",
    "id": "integer",
    "float": "float",
    **dict.fromkeys(["str", "path", "whole_path", "moment", "iccid", "imsi", "msisdn", "change_id"], "text"),
    **dict.fromkeys(["list", "names", "sims", "sim_lines", "participants", "campaign_states"], "textarea"),
}


def write_surveys(tree: Tree, roles: Mapping[str, Role]) -> None:
    """Write the questions and the surveys into the templates."""
    source = tree.data(SOURCE)
    variables = {role.variable(name): each for role in roles.values() for name, each in role.variables.items()}
    # A playbook's description and type of a role's variable take precedence.
    for name, spec in tree.data(PLAYBOOKS)["variables"].items():
        variables[name] = {**variables.get(name, {}), **spec}
    groups = {name: list(_members(roles[group["role"]], group)) for name, group in source["groups"].items()}
    questions = dict(source["questions"])
    for name, members in groups.items():
        prefix = source["groups"][name]["role"]
        questions |= {member: {"variable": f"{prefix}_{member}", **questions.get(member, {})} for member in members}
    lines = ["yateota_questions:"]
    for name, question in questions.items():
        lines += [f"  {name}: &{name}", *_question(name, question, variables)]
    lines.append("yateota_surveys:")
    for name, asked in source["surveys"].items():
        names = [each for member in asked for each in groups.get(member, [member])]
        lines += [f"  {name}: &{name}_survey", '    name: ""', '    description: ""', "    spec:"]
        lines += [f"      - *{each}" for each in names]
    tree.put_part(TEMPLATES, "questions.yml, and from the variables that it names", lines)


def _members(role: Role, group: Mapping[str, Any]) -> Iterator[str]:
    """Yield a group's variables: a role's options that a survey can ask for.

    Secrets, paths and the options that the group leaves out are not among them.
    """
    left_out = set(group["leaves_out"])
    if unknown := left_out - role.from_module:
        raise GenerateError(f"{SOURCE}: {', '.join(sorted(unknown))} is not an option of the module: remove it there.")
    for name, option in role.variables.items():
        if name in role.from_module - left_out and not option.get("no_log") and option["type"] != "path":
            yield name


def _question(name: str, question: Mapping[str, Any], variables: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    variable = question.get("variable", name)
    if variable not in variables:
        raise GenerateError(f"{SOURCE}: {variable} is not a variable of a role or a playbook: name one that is.")
    spec = variables[variable]
    found = {
        "variable": variable,
        "question_name": question.get("name", _title(variable, name)),
        "question_description": question.get("description") or _sentence(spec),
        "required": question.get("required", False),
        **_kind(question, spec),
    }
    for key, value in {**found, **_default(question, spec), **_bounds(question, spec)}.items():
        yield from yaml_lines(key, value, 4)


def _title(variable: str, name: str) -> str:
    return (name if variable.endswith(name) else variable).replace("_", " ").capitalize()


def _sentence(spec: Mapping[str, Any]) -> str:
    """Return the first sentence of a description, as plain text without its full stop."""
    text = documentation.without_macros(documentation.paragraphs(spec)[0])
    return re.split(r"\.(?: |$)", text, maxsplit=1)[0]


def _kind(question: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type, and the choices if there are any."""
    choices = question.get("choices", spec.get("choices"))
    if spec["type"] == "bool":
        return {"type": "multiplechoice", "choices": ["false", "true"]}
    if choices and spec["type"] == "str":
        return {"type": "multiplechoice", "choices": choices}
    return {"type": _ANSWER_TYPES[spec["type"]]}


def _default(question: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the default if it is one value.

    AWX would take a template of the role as the answer.
    """
    value = question.get("default", spec.get("default"))
    if value is None or isinstance(value, (list, dict)) or "{{" in str(value) or question.get("required"):
        return {}
    return {"default": str(value).lower() if isinstance(value, bool) else value}


def _bounds(question: Mapping[str, Any], spec: Mapping[str, Any]) -> dict[str, Any]:
    """Return the bounds of a required answer.

    AWX rejects an empty field as below its minimum.
    """
    found = {"max": question["max"]} if "max" in question else {}
    if question.get("required"):
        least = 1 if spec["type"] == "id" else spec.get("least")
        found = {"min": least, "max": spec.get("most"), **found}
    return {key: value for key, value in found.items() if value is not None}
