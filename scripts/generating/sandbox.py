"""Read the options of the sandbox's server from its pydantic model."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from .writing import quoted

_LIMITS = {"ge": "least", "gt": "above", "le": "most"}


def options() -> dict[str, dict[str, Any]]:
    """Return the options by their names, each with the keys of a role's variable."""
    model = importlib.import_module("yateota_sandbox.options").Options
    return {name: _option(field) for name, field in model.model_fields.items()}


def flag(name: str) -> str:
    """Return the flag of an option on the command line."""
    return str(importlib.import_module("yateota_sandbox.__main__").flag(name))


def _option(field: Any) -> dict[str, Any]:
    kinds = get_args(field.annotation) if type(None) in get_args(field.annotation) else (field.annotation,)
    is_choice = get_origin(field.annotation) is Literal
    names = {bool: "bool", int: "int", float: "float", Path: "path"}
    option: dict[str, Any] = {"type": next((names[kind] for kind in kinds if kind in names), "str")}
    if is_choice:
        option["choices"] = list(get_args(field.annotation))
    for limit in field.metadata:
        option |= {ours: getattr(limit, theirs) for theirs, ours in _LIMITS.items() if hasattr(limit, theirs)}
    if field.default is not None:
        option["default"] = field.default
    option["no_log"] = any(getattr(kind, "__name__", "") == "SecretStr" for kind in kinds)
    return {**option, "description": field.description}


def variable_lines(given: dict[str, str]) -> Iterator[str]:
    """Yield the variables that the role builds its command line from, without secrets.

    Args:
        given: expressions that are used instead of a variable of the role.
    """
    shown = {name: option for name, option in options().items() if not option["no_log"]}
    yield "# Options with a value. An empty one is left out, so that the server's own default applies."
    yield "__sandbox_values:"
    for name, option in shown.items():
        if option["type"] != "bool":
            value = given.get(name, f"__sandbox_given.{name} | default('')")
            yield f"  {flag(name)[2:]}: {quoted(value)}"
    yield "# Options that are flags."
    yield "__sandbox_flags:"
    for name, option in shown.items():
        if option["type"] == "bool":
            value = f"__sandbox_given.{name} | default({str(option['default']).lower()}) | bool"
            yield f"  {flag(name)[2:]}: {quoted(f'not ({value})' if option['default'] else value)}"
