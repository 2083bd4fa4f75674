# Copyright (c) 2026 simops.yateota contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find what the columns of a list of SIMs mean, and read the cells below them."""

from __future__ import annotations

import difflib
import itertools
import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

from .._core.errors import InvalidInputError
from .._core.identifiers import IDENTIFIERS, SIM_IDENTIFIERS, read_identification
from .source_cells import Number, check_digits, cleaned, contradict, is_blank

COLUMNS = (*IDENTIFIERS, "campaign_id")
"""The fields that are read from a list."""

# Certain names come first; columns with one of the "others" may also hold something else, such as a
# campaign's name. Only letters and digits are compared, without case and accents: "ICC-ID" is iccid.
_CERTAIN = {
    "participant_id": "participantid",
    "iccid": "iccid iccids iccidnumber iccidno iccidnr iccidnummer numeroiccid icc",
    "imsi": "imsi imsis imsinumber imsino imsinr imsinummer numeroimsi",
    "msisdn": "msisdn msisdns msisdnnumber msisdnno msisdnnr numeromsisdn",
    "campaign_id": "campaignid",
}
_OTHERS = {
    "participant_id": """participant participantnumber participantno idparticipant participante participanteid
        idparticipante idduparticipant iddelparticipante teilnehmerid""",
    "iccid": """sim sims simid simnumber simno simnr simnum simcard simcardid simcardnumber simcardno simcardnr
        simserial simserialnumber simserialno cardnumber cardno cardserialnumber simnummer simkarte simkartennummer
        simkartennr simseriennummer kartennummer kartennr numerosim numerodesim numsim cartesim numerocarte
        numerodecarte numerocartesim numerodecartesim numerodelacartesim tarjetasim numerotarjeta
        numerodetarjeta numerotarjetasim numerodetarjetasim numerodelatarjetasim""",
    "imsi": "simimsi",
    "msisdn": """phone phonenumber phoneno phonenr telephone telephonenumber telephoneno tel telno telnr mobile
        mobilenumber mobileno mobilenr mobilephone mobilephonenumber cell cellnumber cellphone cellphonenumber telefon
        telefonnummer telefonnr telnummer rufnummer handy handynummer handynr mobil mobilnummer mobilnr mobiltelefon
        mobilrufnummer mobilfunknummer numerodetelephone numerotelephone numtel telephoneportable portable
        numeroportable numerodeportable numeromobile numerodemobile telefono numerodetelefono numerotelefono
        telefonomovil movil numeromovil numerodemovil celular""",
    "campaign_id": """campaign campaignnumber campaignno campaignnr kampagne kampagneid kampagnenid kampagnennummer
        kampagnennr campagne campagneid idcampagne iddecampagne iddelacampagne numerocampagne numerodecampagne campana
        campanaid idcampana iddecampana iddelacampana numerocampana numerodecampana""",
}
_FIELDS = {
    key: (field, certain)
    for certain, names in ((True, _CERTAIN), (False, _OTHERS))
    for field, keys in names.items()
    for key in keys.split()
}
_CORE = {keys.split()[0]: field for field, keys in _CERTAIN.items()}
_LONG_KEYS = [key for key in _FIELDS if len(key) > 4]

# Common columns of these lists that are similar to ours only in spelling.
_STRANGERS = (
    *("imei", "imeisv", "eid", "cid", "msin", "esim", "isim", "usim", "impi", "impu"),
    *("serialnumber", "seriennummer", "numerodeserie", "campaignowner", "participated"),
)
_REMARKS = ("state", "status", "type", "name", "date", "comment", "note", "valid", "check", "length", "source")
_PARTS = re.compile(r"[()\[\]/:]+")
_SEPARATORS = re.compile("[,;|]")
_NAMES_SHOWN = 12
_FEW_DIGITS = 5
"""The fewest digits of an identifier in scientific notation, such as 8.93E+18."""


class Columns:
    """The columns that are read, by a header's names or a JSON object's keys.

    Args:
        names: the names as the file has them, blank ones at the end left out.
        table: whether the cells come from a table, whose program may have taken identifiers for numbers.

    Attributes:
        names: the same.
        mapping: for each of ``COLUMNS`` that is there, its names.
        resembling: for a name that is not read, the field that it looks like.
        numeric: the names under which numbers of a workbook were taken for identifiers.
    """

    def __init__(self, names: Sequence[Any], table: bool = True) -> None:
        self._table = table
        self.names = [str(name if name is not None else "") for name in names]
        while self.names and is_blank(self.names[-1]):
            self.names.pop()
        self._plain = [plain_name(name) for name in self.names]
        meanings = [_meaning(name) for name in self.names]
        read = [(place, *meaning) for place, meaning in enumerate(meanings) if meaning]
        self._read = sorted(read, key=lambda column: not column[2])  # certain names come first
        self.mapping: dict[str, str] = {}
        for place, field, _certain in self._read:
            name = self._plain[place]
            self.mapping[field] = f"{self.mapping[field]}, {name}" if field in self.mapping else name
        pairs = zip(self.names, meanings, strict=True)
        unread = [(name, _resembled(_key(name))) for name, meaning in pairs if not meaning]
        self.resembling = {plain_name(name): field for name, field in unread if field}
        self.numeric: set[str] = set()

    def identifies(self) -> bool:
        """Return whether a column can identify a participant."""
        return any(name in self.mapping for name in IDENTIFIERS)

    def check(self) -> None:
        """Refuse names that look like ours and are not read.

        Raises:
            InvalidInputError: names them.
        """
        for name, field in self.resembling.items():
            raise InvalidInputError(
                f"the column '{name}' looks like {field}, and is not read: name it {field}, or remove it."
            )

    def entry(self, cells: Sequence[Any]) -> dict[str, Any]:
        """Return what a row contains: a cleaned value for each of ``COLUMNS`` it fills.

        Args:
            cells: text, or the values that JSON has under the names; there may be fewer than names.

        Raises:
            InvalidInputError: a cell has lost digits, two contradict each other, or there are more than names.
        """
        if any(not is_blank(cell) for cell in itertools.islice(cells, len(self.names), None)):
            count = max(place for place, cell in enumerate(cells, start=1) if not is_blank(cell))
            raise InvalidInputError(
                f"it has {count} cells, more than the {len(self.names)} columns of the header: "
                "put cells with separators in quotes, or name all columns."
            )
        entry: dict[str, Any] = {}
        found: dict[str, str] = {}
        for place, field, certain in self._read:
            value = cleaned(field, cells[place]) if place < len(cells) else ""
            if value in ("", None):
                continue
            if field in entry and not certain and not str(value).lstrip("+").isdecimal():
                continue  # for example a campaign's name beside its number
            name = self._plain[place]
            if field in entry and contradict(field, entry[field], value):
                raise InvalidInputError(
                    f"the columns '{found[field]}' and '{name}' contradict each other, both are {field}: "
                    "leave one of them."
                )
            if field == "iccid" and self._table:
                check_digits(value)
            if isinstance(cells[place], Number) and field in SIM_IDENTIFIERS:
                self.numeric.add(name)
            entry.setdefault(field, value)
            found.setdefault(field, name)
        return entry

    def looks_like_entry(self, cells: Sequence[str]) -> bool:
        """Return whether text split into cells has, where an identifier is read, one or what was one."""
        for place, field, _certain in self._read:
            if field not in IDENTIFIERS or place >= len(cells):
                continue
            try:
                if read_identification({field: cleaned(field, cells[place])}):
                    return True
            except InvalidInputError:  # a word; or one with lost digits
                if sum(map(str.isdecimal, cells[place])) >= _FEW_DIGITS:
                    return True
        return False

    def is_read(self, place: int) -> bool:
        """Return whether the cells of a column are read."""
        return any(place == each for each, _field, _certain in self._read)

    def repeats(self, cells: Sequence[Any]) -> bool:
        """Return whether a row is the header once more, as in joined files."""
        return list(cells[: len(self.names)]) == self.names


def plain_name(name: str) -> str:
    """Return a column's name for a sentence: one line, visible characters, shortened."""
    text = " ".join("".join(sign if sign.isprintable() else " " for sign in name).split()).strip("\"' ")
    return text if len(text) <= 40 else f"{text[:40]}..."


def listed(names: Iterable[str]) -> str:
    """Return the names of columns for a sentence."""
    shown = [f"'{plain_name(name)}'" for name in names if not is_blank(name)]
    more = f" and {len(shown) - _NAMES_SHOWN} more" if len(shown) > _NAMES_SHOWN else ""
    return ", ".join(shown[:_NAMES_SHOWN]) + more


def _key(name: str) -> str:
    return "".join(sign for sign in unicodedata.normalize("NFKD", name).casefold() if sign.isalnum())


def _meaning(name: str) -> tuple[str, bool] | None:
    """Return the field that a name means, and whether that is certain; or None."""
    if _SEPARATORS.search(name):  # more than one column: this is the wrong separator
        return None
    whole = _FIELDS.get(_key(name))
    if whole:
        return whole
    parts = [_FIELDS.get(_key(part)) for part in _PARTS.split(name) if _key(part)]  # "Phone number (MSISDN)"
    fields = {part[0] if part else None for part in parts}
    field = fields.pop() if len(fields) == 1 else None
    return (field, any(part[1] for part in parts if part)) if field else None


def _resembled(key: str) -> str | None:
    """Return the field that a name looks like without meaning it."""
    if key in _STRANGERS:
        return None
    for core, field in _CORE.items():
        if core in key:
            return None if key.removeprefix(core) in _REMARKS else field
    close = difflib.get_close_matches(key, _CORE, 1, 0.75 if len(key) == 4 else 0.8)
    close = close or difflib.get_close_matches(key, _LONG_KEYS, 1, 0.85)
    return _FIELDS[close[0]][0] if close else None
