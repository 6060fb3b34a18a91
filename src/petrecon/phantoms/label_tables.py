"""What the numbers of a label map mean: FreeSurfer's table, or a user's own, read from CSV."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from petrecon.errors import InputError, did_you_mean
from petrecon.paths import why_no_file
from petrecon.phantoms.regions import REGIONS, TISSUES, Region, region_of, side_of

CURE = "say what they mean with --label-table my.csv (in Python label_table=; columns number, name, tissue, side)"
"""What to do about numbers that are not FreeSurfer's."""

FREE_NUMBER = 20000
"""From here on upwards, numbers stand for regions that FreeSurfer's table does not have."""

_COLUMNS = ("number", "name", "tissue", "side")
_SIDES = {"": "", "left": "left-", "l": "left-", "right": "right-", "r": "right-"}


@dataclass(frozen=True, eq=False)
class LabelTable:
    """The meaning of a label map's numbers.

    Attributes
    ----------
    title : str
        What it is called in a sentence.
    rows : dict
        Number in the file → `Region`; 0 is air.
    own : bool
        True for a user's own table, which must name every number; FreeSurfer's leaves a few to chance.
    """

    title: str
    rows: dict[int, Region]
    own: bool = True

    def region(self, number: int) -> Region:
        """Return the region of a number of the file."""
        return self.rows.get(int(number)) or region_of(number)

    def translate(self, data: NDArray[np.int32]) -> tuple[NDArray[np.int16], dict[int, Region]]:
        """Return the map in FreeSurfer's numbers, and its regions; what FreeSurfer has not gets a free number.

        Without a number in common, a user's table can never be taken for another one.
        """
        numbers = np.unique(data)
        regions = {int(n): self.region(int(n)) for n in numbers}
        new = {n: n for n in regions}
        if self.own:
            known = {region: number for number, region in REGIONS.items()}
            free = iter(range(FREE_NUMBER + 1, np.iinfo(np.int16).max))
            given: dict[Region, int] = {}
            for n, region in regions.items():
                if region.tissue == "air":
                    given[region] = 0
                elif region not in given:
                    given[region] = known[region] if region in known else next(free)
                new[n] = given[region]
        table = np.array([new[int(n)] for n in numbers], dtype=np.int16)
        found = {new[n]: region for n, region in regions.items() if new[n]}
        translated: NDArray[np.int16] = table[np.searchsorted(numbers, data)]
        return translated, {0: REGIONS[0], **found}


FREESURFER = LabelTable("FreeSurfer's (DK+aseg and its kin)", REGIONS, own=False)


def load_label_table(path: Path | str) -> LabelTable:
    """Read a table of labels: CSV with the columns ``number``, ``name``, ``tissue`` and, if there is one, ``side``.

    Parameters
    ----------
    path : str or Path
        Separated by commas, semicolons or tabs. `tissue` is one of `petrecon.phantoms.regions.TISSUES`; `side` is
        left, right, L, R or empty. Names become lower-case with hyphens: ``Temporal Pole`` is ``temporal-pole``, and
        on the left ``left-temporal-pole``. What FreeSurfer also has, name and tissue, is that region.

    Raises
    ------
    InputError
        One line with the file and the row: no such file, a column that is missing, a number that is not whole or comes
        twice, an unknown tissue or side, a row without a name, one name with two tissues.
    """
    path = Path(path)
    if why := why_no_file(path):
        raise InputError(f"{path}: {why}; give a CSV file with the columns number, name, tissue and side")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"{path}: not a readable text file; save it as CSV in UTF-8") from None
    head = text.split("\n", 1)[0]
    try:
        lines = list(csv.reader(text.splitlines(), delimiter=max(",;\t", key=head.count)))
    except csv.Error as problem:
        raise InputError(f"{path}: not a CSV file ({problem}); save it as CSV in UTF-8") from None
    columns = [word.strip().lower() for word in lines[0]] if lines else []
    for wanted in _COLUMNS[:3]:
        if wanted not in columns:
            raise InputError(f"{path}: its first line must name the columns number, name, tissue[, side]; no {wanted}")
    rows: dict[int, Region] = {}
    for line, cells in enumerate(lines[1:], 2):
        if any(cell.strip() for cell in cells):
            row = dict(zip(columns, (cell.strip() for cell in cells), strict=False))
            number, region = _row(f"{path}, line {line}", row)
            if number in rows:
                raise InputError(f"{path}, line {line}: number {number} comes twice; keep one row for each number")
            rows[number] = region
    if not rows:
        raise InputError(f"{path}: holds no rows; write one for each number: 3, Caudate, deep-grey, left")
    _refuse_two_tissues(path, rows)
    return LabelTable(path.name, {0: REGIONS[0], **rows})


def _row(where: str, row: dict[str, str]) -> tuple[int, Region]:
    number, tissue, side = row.get("number", ""), row.get("tissue", "").lower(), row.get("side", "").lower()
    if not re.fullmatch(r"\+?\d{1,9}", number):
        raise InputError(f"{where}: number {number!r} is not a whole number of 0 or more")
    if tissue not in TISSUES:
        raise InputError(f"{where}: tissue {tissue!r} is not known.{did_you_mean(tissue, TISSUES)}")
    if side not in _SIDES:
        raise InputError(f"{where}: side {side!r} is not known; write left, right, or nothing")
    name = re.sub(r"[\s_]+", "-", row.get("name", "").lower()).strip("-")
    if not name:
        raise InputError(f"{where}: has no name; write the region's")
    if int(number) == 0 and tissue != "air":
        raise InputError(f"{where}: 0 is the background; give {name} another number, or the tissue air")
    prefix = _SIDES[side]
    if prefix and side_of(name) and not name.startswith(prefix):
        raise InputError(f"{where}: {name!r} cannot lie on the {prefix.strip('-')}; mend the name or the side")
    return int(number), Region(name if side_of(name) else prefix + name, tissue)


def _refuse_two_tissues(path: Path, rows: dict[int, Region]) -> None:
    tissues: dict[str, str] = {}
    for number, (name, tissue) in rows.items():
        if tissues.setdefault(name, tissue) != tissue:
            raise InputError(
                f"{path}: {name} is {tissues[name]} in one row and {tissue} in that of {number}; name them apart"
            )
