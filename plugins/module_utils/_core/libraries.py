# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Import third-party libraries behind one guard.

A file that needs a library imports it when it is loaded. Ansible also loads these files on machines without the
libraries, to document and check them. There a stand-in replaces a library until ``_ansible.module`` reports, in one
sentence, which one is missing.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator, Sequence
from typing import Any


class _Absent:
    """A stand-in that accepts every use of a library at a module's top level.

    It accepts attributes, items, calls, operators and base classes, but does not replace ``==``.
    """

    def __getattr__(self, name: str) -> _Absent:
        if name.startswith("__"):  # protocols that it does not define must fail
            raise AttributeError(name)
        return self

    def __call__(self, *args: Any, **kwargs: Any) -> _Absent:
        return self

    def __or__(self, other: Any) -> _Absent:
        return self

    __and__ = __rand__ = __add__ = __gt__ = __lt__ = __getitem__ = __or__

    def __iter__(self) -> Iterator[_Absent]:
        return iter(())  # without it, Python would take items without end

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


def missing(libraries: Sequence[str]) -> list[str]:
    """Return the libraries that are not installed here.

    Nothing is imported to find out.
    """
    return [name for name in libraries if importlib.util.find_spec(name) is None]


def guarded(name: str) -> Any:
    """Return a library's module, or a stand-in if the library is not installed."""
    return _Absent() if missing([name.partition(".")[0]]) else importlib.import_module(name)
