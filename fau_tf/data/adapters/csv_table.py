"""A CSV table of your own labels, as people, spreadsheets, OpenFace and `fau-demo` write it."""

import csv
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fau_tf import facs
from fau_tf.data.adapters.clips import DatasetIndex, Dropped, printable
from fau_tf.data.adapters.lists import Entry, index_entries, valid_intensity
from fau_tf.data.config import DataSettings
from fau_tf.io.file_kinds import FileKind, file_kind
from fau_tf.io.named_files import find_file, read_text

_DELIMITERS: Final = {",": "commas", ";": "semicolons", "\t": "tabs"}
_NOT_CODED: Final = frozenset(("", "na", "n/a", "nan"))
# OpenFace and fau-demo: presence, and figures derived from an intensity.
_DERIVED: Final = re.compile(r"au\d+_(c|low|high|smooth|above_neutral|[lr]_r|asymmetry)")
_INTENSITY: Final = re.compile(r"au0*(\d+)(_r)?")


@dataclass(frozen=True)
class _Table:
    """A table and what its columns are.

    Attributes:
        path: The file.
        head: Names of its columns, in lower case.
        rows: Line number and cells of each line that isn't empty.
        aus: Column -> AU whose intensity it holds.
        decimal_comma: Whether `2,5` is a number.
        first_frame: Number of the first frame of a video, 0 or 1.
    """

    path: Path
    head: tuple[str, ...]
    rows: tuple[tuple[int, dict[str, str]], ...]
    aus: dict[str, int]
    decimal_comma: bool
    first_frame: int

    @property
    def is_prediction(self) -> bool:
        """Whether `fau-demo` wrote it."""
        return {"source", "face_id", "success"} <= set(self.head)


def csv_list(settings: DataSettings) -> DatasetIndex:
    """Index a table of `image`, or `video` and `frame`; `subject`; `AU06` or `AU06_r`, ...

    Columns are separated by commas, semicolons or tabs. The cell of an AU is 0 to 5, fractions
    allowed, or empty, `NA` or `NaN` where not coded. Frames count from 1, or from 0 if a 0 occurs.
    Paths are relative to the table, or else to the current folder. A table of `fau-demo` is read,
    too: one subject per file unless there is a column `subject`.

    Raises:
        ValueError: If the file can't be read, or lacks a column or has it twice.
    """
    path, index = Path(settings.root), DatasetIndex()
    table = _read(path, index.warnings)
    rows = [(f"{path.name}, line {line}", cells) for line, cells in table.rows]
    if table.is_prediction:
        rows = _single_faces(rows, index)
        _warn_of_predictions(table, index.warnings)
    return index_entries(rows, lambda where, cells: _entry(table, where, cells), index)


def _read(path: Path, warnings: list[str]) -> _Table:
    head, lines, delimiter = _cells(path)
    aus = _au_columns(path, head, warnings)
    names = [name.lower() for name in head]
    located = {"image"} <= set(names) or {"video", "frame"} <= set(names)
    predicted = {"source", "frame", "face_id", "success"} <= set(names)
    if not (aus and (predicted or (located and "subject" in names))) or "" in aus:
        raise _lacks_columns(path, head)
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{path}: column `{twice[0]}` is there twice. Rename or delete one.")
    rows = []
    for number, cells in lines:
        extra = {"": str(len(cells))} if len(cells) != len(names) else {}
        rows.append((number, dict(zip(names, cells, strict=False)) | extra))
    zero = any(_is_zero(cells.get("frame", "")) for _, cells in rows if _is_of_video(cells))
    if zero:
        warnings.append(f"{printable(path)}: has a frame 0, so its frames are counted from 0")
    return _Table(path, tuple(names), tuple(rows), aus, delimiter != ",", 0 if zero else 1)


def _cells(path: Path) -> tuple[list[str], list[tuple[int, list[str]]], str]:
    """Return the names of the columns, numbered lines of cells, and the delimiter."""
    try:
        lines = re.split(r"\r\n|\n|\r", read_text(path))
    except (OSError, ValueError) as error:
        cause = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{path}: must be a readable CSV file. Received: {cause}.") from error
    skipped = 1 if re.fullmatch(r"sep=.", lines[0]) else 0  # Excel
    head = lines[skipped] if len(lines) > skipped else ""
    stated = lines[0][4:] if skipped else ""
    delimiter = stated if stated in _DELIMITERS else _delimiter(path, head, lines[skipped + 1 :])
    try:
        rows = csv.reader([f"{line}\n" for line in lines[skipped:]], delimiter=delimiter)
        found = [(rows.line_num + skipped, row) for row in rows if any(map(str.strip, row))]
    except csv.Error as error:
        raise ValueError(f"{path}: must be a readable CSV file. Received: {error}.") from error
    names = [name.strip() for name in found[0][1]] if found else []
    return names, found[1:], delimiter


def _delimiter(path: Path, head: str, lines: Sequence[str]) -> str:
    """Return what separates the columns: what the first line has most of, outside of quotes.

    Raises:
        ValueError: If the first line has two of them equally often, or the next lines have none of
            it, so that either may be meant.
    """
    count = {one: _outside_quotes(head, one) for one in _DELIMITERS}
    most = max(count.values())
    candidates = [one for one in _DELIMITERS if count[one] == most > 0]
    if len(candidates) > 1:
        both = " and ".join(f"{most} {_DELIMITERS[one]}" for one in candidates)
        raise ValueError(
            f"{path}: the first line must have one kind of delimiter more often than others. "
            f"Received: {both}. Use one throughout; put quotes around a name that holds another."
        )
    delimiter = candidates[0] if candidates else ","
    filled = [line for line in lines if line.strip()]
    for other in set(_DELIMITERS) - {delimiter}:
        if filled and all(
            _outside_quotes(line, other) == most > _outside_quotes(line, delimiter)
            for line in filled
        ):
            raise ValueError(
                f"{path}: names and values must have the same delimiter. Received: "
                f"{_DELIMITERS[delimiter]} in the first line, {_DELIMITERS[other]} in the others. "
                "Use one throughout."
            )
    return delimiter


def _outside_quotes(line: str, delimiter: str) -> int:
    return re.sub(r'"[^"]*"', "", line).count(delimiter)


def _au_columns(path: Path, head: Sequence[str], warnings: list[str]) -> dict[str, int]:
    """Return column in lower case -> AU; adds columns that look like an AU and aren't read."""
    matched = {name.lower(): _INTENSITY.fullmatch(name.lower()) for name in head}
    named = {name: int(match[1]) for name, match in matched.items() if match}
    aus = {name: au for name, au in named.items() if au in facs.AUS}
    for au, count in Counter(aus.values()).items():
        if count > 1:
            both = ", ".join(f"`{name}`" for name, of in aus.items() if of == au)
            raise ValueError(f"{path}: AU{au:02d} is in the columns {both}. Keep one.")
    ignored = [
        name
        for name in head
        if name.lower().startswith("au")
        and name.lower() not in aus
        and not _DERIVED.fullmatch(name.lower())
    ]
    if ignored and aus:
        known = ", ".join(au.label for au in facs.AUS.values())
        warnings.append(
            f"{printable(path)}: the columns {', '.join(ignored)} are not read: no intensity of "
            f"{known}"
        )
    return aus


def _lacks_columns(path: Path, head: Sequence[str]) -> ValueError:
    known = ", ".join(au.label for au in facs.AUS.values())
    presence = any(re.fullmatch(r"au\d+_c", name.lower()) for name in head)
    hint = " Columns as AU12_c hold presence, 0 or 1, and no intensity." if presence else ""
    return ValueError(
        f"{path}: needs the columns `image`, or `video` and `frame`, `subject` and AUs of {known} "
        f"(as AU12 or AU12_r), separated by commas, semicolons or tabs. Received: "
        f"{', '.join(head) or 'no line'}.{hint} Rename or add columns."
    )


def _entry(table: _Table, where: str, cells: Mapping[str, str]) -> Entry:
    if "" in cells:
        commas = not table.decimal_comma and int(cells[""]) > len(table.head)
        hint = ". Decimal commas need another delimiter than commas" if commas else ""
        raise ValueError(f"a line must have {len(table.head)} columns. Received: {cells['']}{hint}")
    image, video = cells.get("image", "").strip(), cells.get("video", "").strip()
    folders = (table.path.parent, Path())
    if table.is_prediction and not image and not video:
        name = cells["source"].strip()
        path = find_file(name, folders)
        is_video = file_kind(path) in (FileKind.VIDEO, FileKind.SEQUENCE)
    else:
        name, is_video = image or video, not image
        path = find_file(name, folders) if name else Path()
    subject = cells["subject"].strip() if "subject" in cells else path.stem
    if not subject or not name:
        raise ValueError("a line needs a subject and an image or a video. Received: an empty cell")
    frame = _frame(cells.get("frame", ""), table.first_frame) if is_video else 0
    return Entry(printable(subject), path, frame, _intensity(table, cells), where)


def _frame(text: str, first: int) -> int:
    """Return the number of a frame, counted from 1."""
    number = float(text) if re.fullmatch(r"\d+(\.0+)?", text.strip()) else -1.0
    if number < first:
        raise ValueError(f"`frame` must be a whole number from {first}. Received: {text.strip()!r}")
    return int(number) + 1 - first


def _is_of_video(cells: Mapping[str, str]) -> bool:
    return not cells.get("image", "").strip()


def _is_zero(text: str) -> bool:
    return re.fullmatch(r"0+(\.0+)?", text.strip()) is not None


def _intensity(table: _Table, cells: Mapping[str, str]) -> dict[int, float]:
    intensity = {}
    for column, au in table.aus.items():
        text = cells[column].strip()
        if text.lower() in _NOT_CODED:
            continue
        try:
            number = float(text.replace(",", ".") if table.decimal_comma else text)
            intensity[au] = valid_intensity(number)
        except ValueError as error:
            raise ValueError(f"{column.upper()}: {_cause(text, error)}") from error
    if not intensity:
        raise ValueError("a line needs at least one coded AU. Received: none")
    return intensity


def _cause(text: str, error: ValueError) -> str:
    if "intensity" in str(error):
        return str(error)
    return f"intensity must be a number from 0 to 5, or empty, NA or NaN. Received: {text!r}"


def _single_faces(
    rows: Sequence[tuple[str, dict[str, str]]], index: DatasetIndex
) -> list[tuple[str, dict[str, str]]]:
    """Return the rows of pictures with one face that was read; the others are dropped."""
    pictures = Counter((cells.get("source", ""), cells.get("frame", "")) for _, cells in rows)
    kept = []
    for where, cells in rows:
        reason = ""
        if "" not in cells and cells["success"].strip() != "1":
            reason = f"fau-demo did not read it: {cells.get('reason', '').strip() or 'no reason'}"
        elif pictures[cells.get("source", ""), cells.get("frame", "")] > 1:
            reason = "several faces are in this picture, and the labels are of one"
        if reason:
            index.dropped.append(Dropped("", where, reason))
        else:
            kept.append((where, cells))
    return kept


def _warn_of_predictions(table: _Table, warnings: list[str]) -> None:
    models = sorted({cells.get("model", "") for _, cells in table.rows} - {""})
    warnings.append(
        f"{printable(table.path)}: holds predictions of {', '.join(models) or 'a model'}, not the "
        "labels of a coder"
    )
    if "subject" not in table.head:
        warnings.append(
            f"{printable(table.path)}: has no column `subject`, so each file counts as one "
            "subject. Add the column if a person is in several files."
        )
