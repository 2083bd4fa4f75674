# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Insert blocks of rows, as fast as each database can take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .database import Ledger
from .tables import postgresql, sa


class NewRows:
    """An INSERT of rows of a table that skips rows that already exist.

    Args:
        ledger: the ledger.
        table: the table.
        kinds: the columns of each row, and their types as for ``Ledger.given``.
        common: the columns that have the same value in all rows of a block.
    """

    def __init__(self, ledger: Ledger, table: sa.Table, kinds: Mapping[str, str], common: Sequence[str]) -> None:
        self._common = common
        names = [*kinds, *common]
        # Python's module for SQLite binds a row in less time than it takes to read it from JSON.
        columns, marks = ", ".join(names), ", ".join("?" * len(names))
        insert = f"INSERT INTO {table.name} ({columns}) VALUES ({marks})"  # noqa: S608 (the names of ``tables``)
        self._each = f"{insert} ON CONFLICT DO NOTHING"
        given = ledger.given(**kinds).c
        values = [given[name] for name in kinds] + [sa.bindparam(name, type_=table.c[name].type) for name in common]
        self._block = postgresql.insert(table).from_select(names, sa.select(*values)).on_conflict_do_nothing()
        self._is_file = ledger.is_file

    def insert(self, connection: sa.Connection, rows: Sequence[tuple[Any, ...]], **common: Any) -> None:
        """Insert a block.

        Args:
            connection: the transaction.
            rows: the rows, not empty.
            common: the values of the columns that they have in common.
        """
        if self._is_file:
            values = tuple(common[name] for name in self._common)
            connection.exec_driver_sql(self._each, [row + values for row in rows])
        else:
            connection.execute(self._block, {"rows": rows, **common})
