# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Protect files that contain personal data.

No link of another user is followed, and only the owner can read the files.
"""

from __future__ import annotations

import os
import stat

from .errors import InvalidInputError

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
PRIVATE = stat.S_IRUSR | stat.S_IWUSR
"""The mode of a file that only its owner may use."""


def target_of(path: str, named: str) -> str:
    """Return the absolute path of a file, with links followed.

    Only links of this user and of root are followed.

    Args:
        path: the path.
        named: how messages name the file, such as ``dest '/x'``.

    Raises:
        InvalidInputError: it is a link that another user has made.
    """
    path = os.path.abspath(path)
    for _step in range(40):  # the kernel follows as many
        try:
            link = os.lstat(path)
        except OSError:
            break
        if not stat.S_ISLNK(link.st_mode):
            break
        if not _is_trusted(link.st_uid):
            raise InvalidInputError(
                f"{named} is a symbolic link of the user with uid {link.st_uid}: give the path of a file, in a folder "
                "that only you can write."
            )
        path = os.path.join(os.path.dirname(path), os.readlink(path))
    return os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))


def check_private(path: str, named: str) -> None:
    """Refuse a file that other users can write or replace.

    Args:
        path: the file, as ``target_of`` gives it. It need not be there.
        named: how messages name it.

    Raises:
        InvalidInputError: others can write the file or its folder; or it is not a regular file.
    """
    folder = os.path.dirname(path)
    shared = _is_shared(folder)
    if shared and not os.stat(folder).st_mode & stat.S_ISVTX:
        raise InvalidInputError(
            f"{named} is in the folder {folder}, which every user can write: give a file in a folder that only you can "
            "write, such as /var/lib/yateota."
        )
    found = _lstat(path)
    if found is None:
        return
    if not stat.S_ISREG(found.st_mode):
        raise InvalidInputError(f"{named} is not a regular file: give the path of a file.")
    if found.st_mode & stat.S_IWOTH:
        raise InvalidInputError(
            f"{named} has the mode {stat.S_IMODE(found.st_mode):04o}, so that every user can write it: find out who "
            "has, then set its mode to 0600."
        )
    if shared and not _is_trusted(found.st_uid):
        raise InvalidInputError(
            f"{named} belongs to the user with uid {found.st_uid}, in a folder that every user can write: give a file "
            "in a folder that only you can write."
        )


def make_private(path: str, named: str) -> None:
    """Remove the permissions of all users but the owner from a file.

    Args:
        path: the file, as ``target_of`` gives it. It need not be there.
        named: how messages name it.

    Raises:
        InvalidInputError: it belongs to another user.
    """
    found = _lstat(path)
    if found is None or not stat.S_IMODE(found.st_mode) & _OTHERS:
        return
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            os.fchmod(handle, stat.S_IMODE(found.st_mode) & ~_OTHERS)
        finally:
            os.close(handle)
    except OSError as error:
        raise InvalidInputError(
            f"{named} has the mode {stat.S_IMODE(found.st_mode):04o} ({error.strerror}): let its owner set it to 0600."
        ) from None


def create_private(path: str) -> None:
    """Create an empty file that only its owner may use, if there is none.

    Args:
        path: the file, as ``target_of`` gives it.

    Raises:
        OSError: it cannot be created or opened.
    """
    os.close(os.open(path, os.O_CREAT | os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, PRIVATE))


def _is_shared(folder: str) -> bool:
    try:
        return bool(os.stat(folder).st_mode & stat.S_IWOTH)
    except OSError:
        return False


def _is_trusted(uid: int) -> bool:
    return uid in (0, os.geteuid())


def _lstat(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except OSError:
        return None
