"""An option is defined in one file, and `make generate` writes it to all others."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible_collections.simops.yateota.tests.system.harness import COLLECTION, Ansible

MODULE = "plugins/modules/yateota_bulk.py"
# Options that are made up: one in a dictionary that is there, one in a new dictionary, one that is in none.
IN_ROLLOUT = """
      tempo:
        description:
          - How lively the waves are. Compare O(rollout.canary). Must be 2 or more.
          - With V(9) they dance.
        type: int
        default: 7
"""
IN_NONE = """
  escort:
    description: Who goes along.
    type: dict
    suboptions:
      kind:
        description: The kind of escort.
        type: str
        choices: [band, choir]
      song:
        description: What they sing.
        type: path
  herald_password:
    description:
      - The word that opens the gate.
      - If not set, the environment variable E(YATEOTA_HERALD) is used.
    type: str
"""
# What the module does with them, so that a run shows what has reached it.
TELLS = """
    given = [task.params["rollout"], task.params["escort"], task.params["herald_password"] is not None]
    raise InvalidInputError(f"the module was given {given}.")
"""


def generate(tree: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the generator of a copy of the tree; its exit code, and the lines that it printed."""
    command = [sys.executable, str(tree / "scripts/generate.py"), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    return done.returncode, (done.stdout + done.stderr).splitlines()


def edit(path: Path, before: str, inserted: str) -> None:
    """Put a text in front of the first place where another one stands."""
    head, found, tail = path.read_text(encoding="utf-8").partition(before)
    assert found, f"{path} has no {before}"
    path.write_text(f"{head}{inserted}{found}{tail}", encoding="utf-8")


def assigned(path: Path, name: str) -> ast.expr:
    """What a file assigns to a name."""
    nodes = ast.parse(path.read_text(encoding="utf-8")).body
    (value,) = [
        node.value
        for node in nodes
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == name
    ]
    assert value
    return value


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the collection, where Ansible finds it."""
    copy = tmp_path / "collections/ansible_collections/simops/yateota"
    ignored = shutil.ignore_patterns(".*", "__pycache__", "tests", "images")
    shutil.copytree(COLLECTION, copy, ignore=ignored)
    return copy


@pytest.fixture
def changed(tree: Path) -> Path:
    """The copy with the options made up: they are written into the module alone, and the generator has run."""
    edit(tree / MODULE, "      wave_size:\n", IN_ROLLOUT.lstrip("\n"))
    edit(tree / MODULE, "  unknown:\n", IN_NONE.lstrip("\n"))
    edit(tree / MODULE, "    check_bounds(task.params", TELLS.lstrip("\n"))
    edit(
        tree / MODULE, "from ..module_utils._core.bounds", "from ..module_utils._core.errors import InvalidInputError\n"
    )
    code, told = generate(tree)
    assert code == 0, told
    assert {MODULE, "extensions/awx/templates.yml", "docs/bulk.md"} < set(told)
    return tree


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def test_what_differs_is_named_and_a_second_run_changes_nothing(tree: Path) -> None:
    assert generate(tree, "--check") == (0, [])
    edit(tree / "roles/campaign_watch/meta/argument_specs.yml", "argument_specs:", "# A change by hand.\n")
    edit(tree / "extensions/awx/templates.yml", "    question_name: Canary", "    max: 5\n")
    code, told = generate(tree, "--check")
    assert (code, len(told)) == (1, 2)
    assert told[0].startswith("extensions/awx/templates.yml is not up to date with its sources")
    assert told[1].startswith("roles/campaign_watch/meta/argument_specs.yml is not up to date")
    assert generate(tree) == (0, ["extensions/awx/templates.yml", "roles/campaign_watch/meta/argument_specs.yml"])
    assert generate(tree, "--check") == (0, [])
    assert generate(tree) == (0, ["Nothing has changed."])


def test_a_new_option_is_in_every_place(changed: Path) -> None:
    spec = ast.unparse(assigned(changed / MODULE, "ARGUMENTS"))
    assert "'tempo': {'type': 'int', 'default': 7}" in spec
    assert "{'kind': {'type': 'str', 'choices': ['band', 'choir']}, 'song': {'type': 'path'}}" in spec
    fallback = "'fallback': (env_fallback, ['YATEOTA_HERALD'])"
    assert f"'herald_password': {{'type': 'str', 'no_log': True, {fallback}}}" in spec
    assert ast.literal_eval(assigned(changed / MODULE, "BOUNDS"))["rollout.tempo"] == {"least": 2}

    role = changed / "roles/bulk_change"
    options = read(role / "meta/argument_specs.yml")["argument_specs"]["main"]["options"]
    told = ["How lively the waves are. Compare O(main:bulk_change_canary). Must be 2 or more."]
    told.append("With V(9) they dance. Whole number.")
    assert options["bulk_change_tempo"] == {"type": "raw", "default": 7, "description": told}
    assert options["bulk_change_escort_kind"]["description"] == "The kind of escort. One of V(band), V(choir)."
    assert options["bulk_change_herald_password"]["no_log"] is True
    types = read(role / "meta/variables.yml")["options"]
    assert types["bulk_change_tempo"] == {"type": "int", "least": 2}
    assert types["bulk_change_escort_kind"] == {"type": "str", "choices": ["band", "choir"]}
    passed = read(role / "vars/main.yml")
    assert passed["__bulk_change_rollout"]["tempo"] == "{{ __bulk_change_given.tempo | default('') }}"
    assert passed["__bulk_change_escort"] == {
        "kind": "{{ __bulk_change_given.escort_kind | default('') | string }}",
        "song": "{{ __bulk_change_given.escort_song | default('') }}",
    }

    for page in ("docs/bulk.md", "roles/bulk_change/README.md"):
        text = (changed / page).read_text(encoding="utf-8")
        meaning = "How lively the waves are. Compare `bulk_change_canary`."
        assert f"| `bulk_change_tempo` | whole number, 2 or more | `7` | {meaning} |" in text
        assert "| `bulk_change_escort_kind` | `band`, `choir` |  | The kind of escort. |" in text


def test_a_new_option_is_asked_by_the_surveys(changed: Path) -> None:
    """A secret and a path are not: a credential gives the one, and the other has to be kept in a folder first."""
    templates = read(changed / "extensions/awx/templates.yml")
    asked = {
        each["name"].removeprefix("{{ yateota_name }} "): {
            question["variable"]: question for question in each["survey_spec"].get("spec", [])
        }
        for each in templates["controller_templates"] + templates["controller_workflows"]
    }
    for name in ("bulk retry", "bulk rerun", "bulk cancel", "esim reprofile", "approved bulk rerun"):
        assert asked[name]["bulk_change_tempo"] == {
            "variable": "bulk_change_tempo",
            "question_name": "Tempo",
            "question_description": "How lively the waves are",
            "required": False,
            "type": "integer",
            "default": 7,
        }
        assert asked[name]["bulk_change_escort_kind"]["choices"] == ["band", "choir"]
        assert not asked[name].keys() & {"bulk_change_herald_password", "bulk_change_escort_song"}
    assert "bulk_change_tempo" not in asked["bulk report"]


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        (
            {"bulk_change_tempo": "9", "bulk_change_escort_kind": "choir", "bulk_change_herald_password": "sesame"},
            "'tempo': 9",
        ),
        ({"bulk_change_tempo": 1}, "bulk_change_tempo 1 is not valid: give 2 or more."),
        ({"bulk_change_escort_kind": "dog"}, "bulk_change_escort_kind 'dog' is not valid: give one of band, choir."),
    ],
)
def test_the_role_passes_a_new_option_to_the_module(
    changed: Path, tmp_path: Path, variables: dict[str, Any], told: str
) -> None:
    needed = {"bulk_change_id": "CHG1", "bulk_change_action": "retry", "bulk_change_campaign_id": 167}
    play = {
        "hosts": "localhost",
        "connection": "local",
        "gather_facts": False,
        "vars": {**needed, **variables},
        "roles": [{"role": "simops.yateota.bulk_change"}],
    }
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    server = {"YATEOTA_API_URL": "http://127.0.0.1:9/api.php", "YATEOTA_LEDGER": str(tmp_path / "ledger.sqlite")}
    collections = {"ANSIBLE_COLLECTIONS_PATH": str(tmp_path / "collections")}
    run = Ansible(tmp_path, server)(tmp_path / "play.yml", environ=collections)
    assert not run.ok
    assert told in run.words, run.output
    if told == "'tempo': 9":
        assert "the module was given [{" in run.words
        assert "}, {'kind': 'choir', 'song': None}, True]" in run.words
        assert "sesame" not in run.output
