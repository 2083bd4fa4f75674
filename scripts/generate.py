"""Generate files from the one definition of each option.

``generate.py --check`` lists the files that differ, and writes nothing.

An option is defined in one place: a module's DOCUMENTATION, the sandbox's options.py, or a role's meta/options.yml.
Argument specs, the roles' files, the survey questions of AWX, and tables of options, playbooks, modules and roles are
generated from these.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from generating import documentation, roles, surveys, tables
from generating.tree import GenerateError, Tree

ROLES = "roles/*/meta/options.yml"


def generate(tree: Tree) -> None:
    """Generate all files and parts of files.

    Each step reads the results of the steps before it.
    """
    for name in [*tree.names("plugins/modules/*.py"), documentation.FRAGMENT, surveys.SOURCE, surveys.PLAYBOOKS]:
        tree.put_constants(name)
    documentation.put_arguments(tree)
    known_roles = {name: roles.read(tree, name) for name in (path.split("/")[1] for path in tree.names(ROLES))}
    for role in known_roles.values():
        roles.write_role_files(tree, role)
    surveys.write_surveys(tree, known_roles)
    tables.write_tables(tree, known_roles)


def main() -> int:
    """Write the files that differ, or list them with ``--check``.

    The exit code is 1 if ``--check`` lists any.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="name what would differ, and write nothing")
    given = parser.parse_args()
    tree = Tree(Path(__file__).resolve().parents[1])
    try:
        generate(tree)
    except GenerateError as error:
        print(f"generate: {error}", file=sys.stderr)
        return 1
    if not given.check:
        print("\n".join(tree.write()) or "Nothing has changed.")
        return 0
    for name in tree.changed():
        print(f"{name} is not up to date with its sources: run `make generate`, and commit the result.")
    return 1 if tree.changed() else 0


if __name__ == "__main__":
    sys.exit(main())
