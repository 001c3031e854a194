"""Groups of people, such as sex or age, from a table beside a collection of portraits."""

import bisect
import csv
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

NOT_STATED: Final = "not stated"
"""Group of people whom the table leaves out, or whose cell is empty or NA."""
_EMPTY: Final = ("", "na", "n/a", "nan")


@dataclass(frozen=True)
class GroupTable:
    """A CSV file that states groups of people.

    Attributes:
        file: The table; its first line names the columns.
        subject: Its column of people.
        columns: Name of a grouping -> its column.
        pattern: Regular expression whose first group in a cell of `subject` is the person, as the
            collection's rules name people; empty: the cell as it is.
        bands: Name of a grouping of numbers -> increasing lower ends of all bands but the lowest.
    """

    file: Path
    subject: str
    columns: Mapping[str, str]
    pattern: str = ""
    bands: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Grouping:
    """One way to group people.

    Attributes:
        order: The groups that there are, bands from low to high, words by the alphabet.
        of: Subject -> group.
    """

    order: tuple[str, ...]
    of: Mapping[str, str]


def group_table(values: Mapping[str, Any], folder: Path) -> GroupTable:
    """Return the table that `[groups]` of a collection's file describes.

    Args:
        values: Of `[groups]`.
        folder: Of the file.

    Raises:
        ValueError: If a setting is missing, unknown or wrong.
    """
    left = dict(values)
    texts = {name: left.pop(name, "") for name in ("table", "subject", "pattern")}
    columns, bands = left.pop("columns", {}), left.pop("bands", {})
    if left:
        raise ValueError(f"unknown settings {', '.join(f'groups.{name}' for name in sorted(left))}")
    _require_texts(texts)
    _require_pattern(texts["pattern"])
    if not columns or not _is_table_of(columns, str):
        raise ValueError(
            f'`groups.columns` must be names of columns, as in {{ sex = "sex" }}. Received: '
            f"{columns!r}"
        )
    if not _is_table_of(bands, list):
        raise ValueError(
            f"`groups.bands` must be numbers, as in {{ age = [25, 35] }}. Received: {bands!r}"
        )
    for name, ends in bands.items():
        _require_bands(name, ends, columns)
    return GroupTable(
        file=folder / texts["table"],
        subject=texts["subject"],
        columns=columns,
        pattern=texts["pattern"],
        bands={name: tuple(ends) for name, ends in bands.items()},
    )


def read_groupings(table: GroupTable, subjects: Sequence[str]) -> dict[str, Grouping]:
    """Return name -> grouping of subjects.

    Args:
        table: To read.
        subjects: As `collection.photos` names them; those that the table lacks are `NOT_STATED`.

    Raises:
        ValueError: If the table can't be read, lacks a column, has two lines for a person or none
            for any subject, or has a cell that is no number where bands are asked for.
    """
    lines = _lines(table)
    person = {subject: subject.split("/", 1)[-1] for subject in subjects}
    if not set(person.values()) & set(lines):
        raise ValueError(
            f"{table.file}: none of {len(person)} subjects is in the table. It has "
            f"{', '.join(map(repr, list(lines)[:3]))}, ...; the photos show "
            f"{', '.join(map(repr, list(person.values())[:3]))}, ... Set `groups.pattern`."
        )
    groupings = {}
    for name, column in table.columns.items():
        of = {
            subject: _group(table, name, lines.get(one, {}).get(column, ""), one)
            for subject, one in person.items()
        }
        names = _band_names(table.bands.get(name, ())) or sorted(set(of.values()) - {NOT_STATED})
        present = [group for group in (*names, NOT_STATED) if group in of.values()]
        groupings[name] = Grouping(tuple(present), of)
    return groupings


def _lines(table: GroupTable) -> dict[str, dict[str, str]]:
    """Return person -> cells."""
    try:
        with table.file.open(encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            heads = reader.fieldnames or []
            _require_columns(table, heads)
            rows = [{head: row.get(head) or "" for head in heads} for row in reader]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ValueError(
            f"{table.file}: the table of groups must be a CSV file in UTF-8. Received: {error}"
        ) from error
    found: dict[str, dict[str, str]] = {}
    for row in rows:
        match = re.search(table.pattern or "(.*)", row[table.subject])
        name = match[1] if match else ""
        if not name or name in found:
            problem = "a second line for" if name else "`groups.pattern` does not fit"
            raise ValueError(f"{table.file}: {problem} {row[table.subject]!r}. Correct the line.")
        found[name] = row
    return found


def _require_columns(table: GroupTable, heads: Sequence[str]) -> None:
    missing = [name for name in (table.subject, *table.columns.values()) if name not in heads]
    if missing:
        raise ValueError(
            f"{table.file}: no column {', '.join(map(repr, missing))}. It has "
            f"{', '.join(map(repr, heads)) or 'none'}: correct `groups`."
        )


def _group(table: GroupTable, name: str, cell: str, person: str) -> str:
    text = cell.strip()
    if text.lower() in _EMPTY:
        return NOT_STATED
    if name not in table.bands:
        return text.replace("_", " ")
    if not re.fullmatch(r"[+-]?\d+(\.\d*)?", text, re.ASCII):
        raise ValueError(
            f"{table.file}: {name} of {person!r} must be a number, as `groups.bands` has {name}. "
            f"Received: {text!r}"
        )
    ends = table.bands[name]
    return _band_names(ends)[bisect.bisect_right(ends, float(text))]


def _band_names(ends: Sequence[int]) -> list[str]:
    if not ends:
        return []
    between = [f"{low} to {high - 1}" for low, high in itertools.pairwise(ends)]
    return [f"under {ends[0]}", *between, f"{ends[-1]} or more"]


def _require_texts(texts: Mapping[str, Any]) -> None:
    for name, text in texts.items():
        if not isinstance(text, str) or not (text or name == "pattern"):
            raise ValueError(f"`groups.{name}` must be text. Received: {text!r}")


def _require_pattern(pattern: str) -> None:
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"`groups.pattern` must be a regular expression: {error}") from error
    if pattern and groups < 1:
        raise ValueError(f"`groups.pattern` must have a group. Received: {pattern!r}")


def _require_bands(name: str, ends: Sequence[Any], columns: Mapping[str, str]) -> None:
    whole = all(isinstance(end, int) and not isinstance(end, bool) for end in ends)
    if not ends or not whole or list(ends) != sorted(set(ends)) or name not in columns:
        raise ValueError(
            f"`groups.bands` must be increasing whole numbers for one of {', '.join(columns)}. "
            f"Received: {name} = {list(ends)!r}"
        )


def _is_table_of(value: Any, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(one, kind) for one in value.values())
