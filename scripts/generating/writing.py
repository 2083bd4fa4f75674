"""Write values as Python and YAML text, formatted as by hand."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

_WIDTH = 120


class Code(str):
    """Python code, to be written as it is."""


def python(value: Any, indent: int = 0, before: int = 0) -> str:
    """Return a value as ``ruff format`` formats it: on one line if it fits.

    Args:
        value: consists of dictionaries, lists, texts, numbers and ``Code``.
        indent: the blanks before the line that the value begins in.
        before: the number of other characters before and after it in that line.
    """
    line = _python_line(value)
    if indent + before + len(line) <= _WIDTH or not isinstance(value, (dict, list)) or not value:
        return line
    inner = " " * (indent + 4)
    if isinstance(value, list):
        rows = [f"{inner}{python(each, indent + 4, 1)},\n" for each in value]
        return "[\n" + "".join(rows) + " " * indent + "]"
    rows = [f'{inner}"{key}": {python(each, indent + 4, len(key) + 5)},\n' for key, each in value.items()]
    return "{\n" + "".join(rows) + " " * indent + "}"


def _python_line(value: Any) -> str:
    if isinstance(value, Code):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f'"{key}": {_python_line(each)}' for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_python_line, value)) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)


def quoted(expression: str) -> str:
    """Return a Jinja expression as YAML text."""
    return json.dumps(f"{{{{ {expression} }}}}", ensure_ascii=False)


def flow(value: Any) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=10**6, allow_unicode=True)
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', text.strip()[1:-1])


def yaml_lines(key: str, value: Any, indent: int = 0) -> Iterator[str]:
    """Yield a key and its value as YAML: one line if it fits, else one for each part."""
    start = f"{' ' * indent}{key}:"
    if isinstance(value, str):
        yield from _text_lines(start, value, indent + 2)
    elif len(line := f"{start} {flow(value)}") <= _WIDTH or not isinstance(value, (dict, list)):
        yield line
    elif isinstance(value, dict):
        yield start
        for name, each in value.items():
            yield from yaml_lines(name, each, indent + 2)
    else:
        yield start
        for each in value:
            yield from (
                _text_lines(f"{' ' * (indent + 2)}-", each, indent + 4)
                if isinstance(each, str)
                else [f"{' ' * (indent + 2)}- {flow(each)}"]
            )


def _scalar(text: str) -> str:
    """Return a text on one line, in quotes if YAML would read another value."""
    try:
        is_plain = yaml.safe_load(f"key: {text}") == {"key": text}
    except yaml.YAMLError:
        is_plain = False
    return text if is_plain else json.dumps(text, ensure_ascii=False)


def _text_lines(start: str, text: str, indent: int) -> Iterator[str]:
    line = f"{start} {_scalar(text)}"
    if len(line) <= _WIDTH or "\n" in text or not re.search(r"\s", text):
        yield line
        return
    yield f"{start} >-"
    blanks = " " * indent
    yield from textwrap.wrap(
        text, _WIDTH, initial_indent=blanks, subsequent_indent=blanks, break_long_words=False, break_on_hyphens=False
    )
