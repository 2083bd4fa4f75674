# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The third-party libraries, imported behind one guard, by the file that needs them and when it is loaded.

Ansible loads these files on machines that lack the libraries too, to document and to check them. There a stand-in takes
a library's place until ``_ansible.module`` reports, in one sentence, which one is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Sequence
from typing import Any


class _Absent:
    """Takes any use that a module's top level makes of a library: attributes, calls, unions, base classes."""

    def __getattr__(self, name: str) -> _Absent:
        if name.startswith("__"):  # what it does not do itself, such as being iterated, it cannot do
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Absent:
        return self

    def __or__(self, other: Any) -> _Absent:
        return self

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


def missing(libraries: Sequence[str]) -> list[str]:
    """Those of the libraries that are not installed here. Nothing is imported to find out."""
    return [name for name in libraries if importlib.util.find_spec(name) is None]


def guarded(name: str) -> Any:
    """A library's module, or a stand-in where the library is not installed."""
    return _Absent() if missing([name.partition(".")[0]]) else importlib.import_module(name)
