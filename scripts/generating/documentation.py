"""Read the options, their types, bounds and descriptions from modules' documentation."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from .tree import GenerateError, Tree
from .writing import Code, python

MODULES = "plugins/modules"
FRAGMENT = "plugins/doc_fragments/connection.py"
ARGUMENTS = "plugins/module_utils/_ansible/connection_arguments.py"
_MACRO = re.compile(r"\b(?:O|RV|V|C|E|M|P)\((?:main:|[\w.]+#\w+:|simops\.yateota\.(?!\w+#))?([^()#]*)(?:#\w+)?\)")
_SECRET = re.compile(r"(password|secret|token)$")
_ENVIRONMENT = re.compile(r"If not set, the environment variable E\((YATEOTA_\w+)\)")
_NUMBER = r"(\d+(?:\.\d+)?)"
_BOUNDS = [
    (re.compile(rf"{_NUMBER} or more"), ("least",)),
    (re.compile(rf"more than {_NUMBER}"), ("above",)),
    (re.compile(rf"{_NUMBER} to {_NUMBER}"), ("least", "most")),
    (re.compile(rf"more than {_NUMBER} and up to {_NUMBER}"), ("above", "most")),
]
MUST_BE = re.compile(r"(?:^| )Must be (.+?)\.(?= |$)")


def module_names(tree: Tree) -> list[str]:
    """Return the names of all modules."""
    return [path.rpartition("/")[2].removesuffix(".py") for path in tree.names(f"{MODULES}/*.py")]


def documentation_of(tree: Tree, module: str) -> dict[str, Any]:
    """Return a module's documentation."""
    return _documentation(tree, f"{MODULES}/{module}.py")


def options_of(tree: Tree, module: str) -> dict[str, Any]:
    """Return the options that a module documents itself.

    Those of its fragments are left out.
    """
    return _checked(documentation_of(tree, module).get("options") or {}, module)


def connection_options(tree: Tree) -> dict[str, Any]:
    """Return the options of the connection."""
    return _checked(_documentation(tree, FRAGMENT)["options"], "connection")


def paragraphs(option: Mapping[str, Any]) -> list[str]:
    """Return an option's description, a paragraph each."""
    description = option["description"]
    return [" ".join(each.split()) for each in ([description] if isinstance(description, str) else description)]


def without_macros(text: str, quote: str = "") -> str:
    """Return a description with the names and values in its macros alone, between quotes."""
    return _MACRO.sub(rf"{quote}\1{quote}", text)


def bounds(option: Mapping[str, Any]) -> dict[str, float]:
    """Return the bounds of a number, from the sentence "Must be ..." in its description.

    Returns:
        Any of ``least`` (this or more), ``above`` (more than this) and ``most`` (this or less).

    Raises:
        GenerateError: the sentence has another form.
    """
    if option.get("type") not in ("int", "float"):
        return {}
    found = MUST_BE.search(" ".join(paragraphs(option)))
    if not found:
        return {}
    for pattern, names in _BOUNDS:
        if matched := pattern.fullmatch(found[1]):
            return dict(zip(names, map(_number, matched.groups()), strict=True))
    raise GenerateError(f"'{found[0].strip()}' cannot be read: write 'Must be 1 or more.' or one of the other forms.")


def must_be(limits: Mapping[str, float]) -> str:
    """Return the sentence for bounds, as ``bounds`` reads it."""
    if "above" in limits:
        return f"Must be more than {limits['above']}" + (f" and up to {limits['most']}." if "most" in limits else ".")
    return (
        f"Must be {limits['least']} to {limits['most']}." if "most" in limits else f"Must be {limits['least']} or more."
    )


def environment(option: Mapping[str, Any]) -> str:
    """Return the environment variable in an option's description; empty without one."""
    found = _ENVIRONMENT.search(" ".join(paragraphs(option)))
    return found[1] if found else ""


def is_secret(name: str) -> bool:
    """Return whether an option's value must not be shown: its name says so."""
    return bool(_SECRET.search(name))


def suboptions(options: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield options and those in dictionaries, each with its path.

    A path is written as in ``rollout.canary``.
    """
    for name, option in options.items():
        yield f"{path}{name}", option
        if option.get("type") == "dict":
            yield from suboptions(option.get("suboptions") or {}, f"{path}{name}.")


def put_arguments(tree: Tree) -> None:
    """Write the argument specs of the modules and of the connection."""
    for module in module_names(tree):
        options = options_of(tree, module)
        lines = [_assignment("ARGUMENTS", "dict[str, Any]", _specs(options))]
        limits = {path: found for path, option in suboptions(options) if (found := bounds(option))}
        if limits:
            lines.append(_assignment("BOUNDS", "dict[str, dict[str, float]]", limits))
        tree.put_part(f"{MODULES}/{module}.py", "DOCUMENTATION", lines)
    shared = connection_options(tree)
    limits = {name: found for name, option in shared.items() if (found := bounds(option))}
    lines = [_assignment("CONNECTION_ARGUMENTS", "dict[str, dict[str, Any]]", _specs(shared))]
    lines.append(_assignment("CONNECTION_BOUNDS", "dict[str, dict[str, float]]", limits))
    tree.put_part(ARGUMENTS, "plugins/doc_fragments/connection.py", lines)


def _assignment(name: str, kind: str, value: Any) -> str:
    start = f"{name}: {kind} = "
    return start + python(value, before=len(start))


def _specs(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _spec(name, option) for name, option in options.items()}


def _spec(name: str, option: Mapping[str, Any]) -> dict[str, Any]:
    """Return an option's argument spec.

    An option with the name of a secret is a secret, and has an environment variable.
    """
    spec = {key: option[key] for key in ("type", "elements") if key in option}
    if option.get("required"):
        spec["required"] = True
    if is_secret(name):
        spec["no_log"] = True
    spec |= {key: option[key] for key in ("choices", "default") if key in option}
    if "suboptions" in option:
        spec["options"] = _specs(option["suboptions"])
    if variable := environment(option):
        spec["fallback"] = Code(f'(env_fallback, ["{variable}"])')
    return spec


def _checked(options: dict[str, Any], where: str) -> dict[str, Any]:
    for name, option in options.items():
        if "type" not in option or "description" not in option:
            raise GenerateError(f"{where}: the option {name} has no type or no description: document both.")
        _checked(option.get("suboptions") or {}, f"{where}, {name}")
    return options


def _documentation(tree: Tree, path: str) -> dict[str, Any]:
    """Return what a file assigns to ``DOCUMENTATION``."""
    for node in ast.walk(ast.parse(tree.text(path))):
        if isinstance(node, ast.Assign) and [ast.unparse(each) for each in node.targets] == ["DOCUMENTATION"]:
            found: dict[str, Any] = yaml.safe_load(ast.literal_eval(node.value))
            return found
    raise GenerateError(f"{path} has no DOCUMENTATION: write it.")


def _number(text: str) -> float:
    return float(text) if "." in text else int(text)
