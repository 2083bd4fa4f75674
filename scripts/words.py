"""Check the words of docs, code and messages against docs/vocabulary.md.

Docstrings and comments are checked too. It lists each place that uses a word of the table's last column; the exit code
is 1 if there is one. With `--text` it prints all text that it checks, one piece per line, for a prose linter.
"""

from __future__ import annotations

import argparse
import ast
import io
import itertools
import re
import sys
import tokenize
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[1]
VOCABULARY = ROOT / "docs" / "vocabulary.md"
FOLDERS = ("docs", "extensions", "playbooks", "plugins", "roles", "scripts", "tests")
# YAML keys with text for people.
READ_BY_PEOPLE = {"description", "fail_msg", "msg", "name", "question_description", "question_name", "success_msg"}
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(
    r"`[^`\n]*`|``[^`\n]*``|style=\"[^\"\n]*\"|\{\{.*?\}\}|\{[^{}\n]*:[^{}\n]*\}|https?://\S+"  # the last but one: CSS
)
_UNWANTED = re.compile(r"([^,()]+)(?:\(([^)]*)\))?")  # a word, and a remark in parentheses
_PROSE = re.compile(r"[A-Za-z]\w*[ ,]+\w+ ")  # a string of code has fewer words


@dataclass(frozen=True)
class Piece:
    """A piece of prose, and its place."""

    path: Path
    line: int
    text: str


def vocabulary() -> tuple[dict[str, str], list[str]]:
    """Return each unwanted word -> the one to use, and the allowed phrases.

    `left (but: left out)` names such a phrase. A word with another remark needs a reader's judgment, and is not
    checked.
    """
    words, allowed = {}, []
    for line in VOCABULARY.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if not line.startswith("| ") or len(cells) != 3 or cells[0].startswith(("Use", "---")):
            continue
        for word, remark in _UNWANTED.findall(cells[2]):
            if not remark or remark.startswith("but: "):
                words[word.strip()] = cells[0]
                allowed += remark.removeprefix("but: ").split(", ") if remark else []
    return words, allowed


def pieces(path: Path) -> Iterator[Piece]:
    """Yield the prose of one file."""
    if path.suffix == ".md":
        yield from _markdown(path)
    elif path.suffix in (".yml", ".yaml"):
        yield from _comments(path, r"(?:^|\s)#\s?(.*)")
        for document in yaml.compose_all(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader):
            yield from _yaml(path, document)
    elif path.suffix == ".py" or path.parent.name == "scripts":
        yield from _python(path)


def _markdown(path: Path) -> Iterator[Piece]:
    text = _FENCE.sub(lambda found: "\n" * found[0].count("\n"), path.read_text(encoding="utf-8"))
    for number, line in enumerate(text.splitlines(), start=1):
        yield Piece(path, number, line)


def _comments(path: Path, pattern: str) -> Iterator[Piece]:
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        found = re.search(pattern, line)
        if found:
            yield Piece(path, number, found[1])


def _yaml(path: Path, node: Any, key: str = "") -> Iterator[Piece]:
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            yield from _yaml(path, value, str(name.value))
    elif isinstance(node, yaml.SequenceNode):
        for value in node.value:
            yield from _yaml(path, value, key)
    elif node is not None and key.removeprefix("short_") in READ_BY_PEOPLE:
        yield Piece(path, node.start_mark.line + 1, str(node.value))


def _python(path: Path) -> Iterator[Piece]:
    source = path.read_text(encoding="utf-8")
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Piece(path, token.start[0], token.string.lstrip("#! "))
    parts: set[ast.AST] = set()  # of f-strings, which come before their parts
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            parts.update(node.values)
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "it" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in parts:
            text = node.value if _PROSE.search(node.value) else ""
        else:
            continue
        for number, line in enumerate(text.splitlines()):
            yield Piece(path, node.lineno + number, line)


def all_pieces() -> Iterator[Piece]:
    """Yield the prose of the collection.

    The vocabulary and the changelog are left out: the changelog names old things.
    """
    paths = [*ROOT.glob("*.md"), *(path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*")))]
    for path in paths:
        if path.is_file() and path not in (VOCABULARY, ROOT / "CHANGELOG.md") and "output" not in path.parts:
            yield from pieces(path)


def unwanted() -> Iterator[tuple[Piece, str, str]]:
    """Yield each unwanted word: its piece, the word, and the one to use.

    A phrase may continue in the next line.
    """
    words, allowed = vocabulary()
    unwanted_words, allowed_phrases = _any_of(words), _any_of(allowed)
    for _path, group in itertools.groupby(all_pieces(), key=lambda piece: piece.path):
        lines = list(group)
        text = "\n".join(_CODE.sub("", piece.text.replace("\n", " ")) for piece in lines)
        text = allowed_phrases.sub(lambda hit: "\n" * hit[0].count("\n"), text)
        for hit in unwanted_words.finditer(text):
            word = " ".join(hit[0].split())
            yield lines[text.count("\n", 0, hit.start())], word, words[word.lower()]


def _any_of(phrases: Iterable[str]) -> re.Pattern[str]:
    parts = (r"\s+".join(map(re.escape, phrase.split())) for phrase in sorted(phrases, key=len, reverse=True))
    return re.compile(rf"(?<![\w.-])(?:{'|'.join(parts)})(?![\w-])", re.IGNORECASE)


def main() -> int:
    """Print the text or the unwanted words; return 1 if there are unwanted words."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--text", action="store_true")
    if parser.parse_args().text:
        print(*(_CODE.sub("it", piece.text).strip() for piece in all_pieces()), sep="\n")
        return 0
    found = list(unwanted())
    for piece, word, use in found:
        print(f"{piece.path.relative_to(ROOT)}:{piece.line}: '{word}': use '{use}'")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
