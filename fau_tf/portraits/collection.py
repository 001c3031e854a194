"""A folder of portraits: its license, and what is known of each photo, from `portraits.toml`."""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Any, Final

from fau_tf import facs
from fau_tf.portraits.groups import GroupTable, group_table

FILE: Final = "portraits.toml"
ENDINGS: Final = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff")
EXPRESSIONS: Final = ("neutral", "smiling", "unknown")
PARTS: Final = ("train", "validation", "test")
EXAMPLE: Final = 'license = "CC BY 4.0"', 'attribution = "Jane Doe, 2024"'
"""The lines that a file has at least; docs/guide/portraits.md has all."""


class CollectionError(ValueError):
    """A folder without a right `portraits.toml`; the message has an example."""


@dataclass(frozen=True)
class Rule:
    """What is known of the photos whose path in the folder fits a pattern.

    Attributes:
        files: Glob pattern of paths in the folder.
        expression: One of EXPRESSIONS.
        subject: Regular expression whose first group in the file's name is the person; empty: the
            name without its ending.
        intensity: AU -> known intensity, 0 to 5.
        skip: Whether they are left out.
    """

    files: str = "*"
    expression: str = "unknown"
    subject: str = ""
    intensity: Mapping[int, float] = field(default_factory=dict)
    skip: bool = False


@dataclass(frozen=True)
class Collection:
    """A folder of portraits.

    Attributes:
        file: The TOML file that describes it, or the folder of a set that needs none.
        folder: Where the photos are.
        name: Of the folder.
        license: Under which they may be used.
        attribution: Whom to credit.
        source: Where they are from.
        consent: What the source states about the sitters' consent.
        rules: In order of precedence.
        test_every: Of the people in file order, number 0, this, twice this, ... are for testing;
            0 is none.
        validation_every: The same for validation, of the others.
        groups: Table of groups of people, for figures by group.
    """

    file: Path
    folder: Path
    name: str
    license: str
    attribution: str
    source: str = ""
    consent: str = ""
    rules: tuple[Rule, ...] = ()
    test_every: int = 0
    validation_every: int = 0
    groups: GroupTable | None = None


@dataclass(frozen=True)
class Photo:
    """One file of a collection.

    Attributes:
        path: Of the file.
        source: Name of the collection and path in it.
        subject: Name of the collection and of the person.
        expression: One of EXPRESSIONS.
        intensity: AU -> intensity that the rules state.
        part: One of PARTS.
        skip: Whether a rule leaves it out.
    """

    path: Path
    source: str
    subject: str
    expression: str
    intensity: Mapping[int, float]
    part: str
    skip: bool = False


def load_collection(place: Path) -> Collection:
    """Return a collection of portraits.

    Args:
        place: A folder with photos and `portraits.toml`, or another TOML file, whose `folder`
            names the photos' folder, relative to the file.

    Raises:
        CollectionError: If the file is missing, or a value is.
    """
    path = place if place.suffix == ".toml" else place / FILE
    if not path.parent.is_dir():
        raise CollectionError(f"{path.parent}: no such folder. Give a folder of photos.")
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _error(path, "missing, and no portrait is used without its license") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise _error(path, f"must be readable TOML. Received: {error}") from error
    texts = _texts(path, values)
    folder = path.parent / texts["folder"]
    if not folder.is_dir():
        raise _error(path, f"`folder` must be a folder of photos. Received: {str(folder)!r}")
    split = _table(path, values.pop("split", {}), "split")
    groups = _groups(path, values.pop("groups", None))
    rules = values.pop("rule", [])
    if not isinstance(rules, list):
        raise _error(path, "`rule` must be tables [[rule]]")
    every = {
        key: _count(path, split.pop(key, 0), key) for key in ("test_every", "validation_every")
    }
    _require_empty(path, values | {f"split.{key}": value for key, value in split.items()})
    return Collection(
        file=path,
        folder=folder,
        name=texts["name"] or folder.resolve().name,
        license=texts["license"],
        attribution=texts["attribution"],
        source=texts["source"],
        consent=texts["consent"],
        rules=tuple(_rule(path, _table(path, rule, "rule")) for rule in rules),
        test_every=every["test_every"],
        validation_every=every["validation_every"],
        groups=groups,
    )


def photos(collection: Collection) -> list[Photo]:
    """Return the photos of a collection in file order, with their part of the split.

    Raises:
        CollectionError: If there are none, or a subject's pattern does not fit a file.
    """
    found = sorted(
        path
        for path in collection.folder.rglob("*")
        if path.suffix.lower() in ENDINGS and not path.name.startswith(".")
    )
    if not found:
        raise CollectionError(f"{collection.folder}: no photo ({', '.join(ENDINGS)}).")
    rows = []
    for path in found:
        inside = path.relative_to(collection.folder)
        rule = next((one for one in collection.rules if _fits(inside, one.files)), Rule())
        rows.append((path, inside, rule, _subject(collection, inside, rule)))
    part = parts(
        list(dict.fromkeys(row[3] for row in rows)),
        test_every=collection.test_every,
        validation_every=collection.validation_every,
    )
    return [
        Photo(
            path=path, source=f"{collection.name}/{inside.as_posix()}",
            subject=f"{collection.name}/{subject}", expression=rule.expression,
            intensity=rule.intensity, part=part[subject], skip=rule.skip,
        )
        for path, inside, rule, subject in rows
    ]  # fmt: skip


def parts(subjects: Sequence[str], *, test_every: int, validation_every: int) -> dict[str, str]:
    """Return subject -> one of PARTS.

    Args:
        subjects: In file order.
        test_every: Number 0, this, twice this, ... are for testing; 0 is none.
        validation_every: The same for validation, of the others.
    """
    test = set(subjects[::test_every]) if test_every else set()
    others = [subject for subject in subjects if subject not in test]
    validation = set(others[::validation_every]) if validation_every else set()
    return {
        subject: "test" if subject in test else "validation" if subject in validation else "train"
        for subject in subjects
    }


def _texts(path: Path, values: dict[str, Any]) -> dict[str, str]:
    names = ("folder", "name", "license", "attribution", "source", "consent")
    out = {key: values.pop(key, "") for key in names}
    for key, value in out.items():
        if not isinstance(value, str):
            raise _error(path, f"`{key}` must be text. Received: {value!r}")
    for key in ("license", "attribution"):
        if not out[key].strip():
            raise _error(path, f"`{key}` must be stated. Received: nothing")
    if out["name"] and not re.fullmatch(r"[\w.-]+", out["name"]):
        raise _error(path, f"`name` must be letters, digits, `.`, `_`, `-`: {out['name']!r}")
    return out


def _groups(path: Path, values: Any) -> GroupTable | None:
    if values is None:
        return None
    try:
        return group_table(_table(path, values, "groups"), path.parent)
    except ValueError as error:
        raise error if isinstance(error, CollectionError) else _error(path, str(error)) from error


def _rule(path: Path, values: dict[str, Any]) -> Rule:
    known = {key: values.pop(key, default) for key, default in
             (("files", "*"), ("expression", "unknown"), ("subject", ""), ("skip", False))
             }  # fmt: skip
    intensity = _table(path, values.pop("intensity", {}), "intensity")
    _require_empty(path, {f"rule.{key}": value for key, value in values.items()})
    if known["expression"] not in EXPRESSIONS:
        raise _error(
            path,
            f"`expression` must be one of {', '.join(EXPRESSIONS)}. "
            f"Received: {known['expression']!r}",
        )
    if not isinstance(known["skip"], bool) or not isinstance(known["files"], str):
        raise _error(path, "`files` must be text, `skip` true or false")
    pattern = PurePath(known["files"])
    if not pattern.parts or pattern.is_absolute() or ".." in pattern.parts:
        raise _error(
            path,
            "`files` must be a pattern of paths in the folder, as in 'neutral/*'. "
            f"Received: {known['files']!r}",
        )
    try:
        groups = re.compile(known["subject"]).groups
    except (re.error, TypeError) as error:
        raise _error(path, f"`subject` must be a regular expression: {error}") from error
    if known["subject"] and groups < 1:
        raise _error(path, f"`subject` must have a group. Received: {known['subject']!r}")
    return Rule(intensity=_intensity(path, intensity), **known)


def _intensity(path: Path, values: Mapping[str, Any]) -> dict[int, float]:
    labels = {f"AU{number}": number for number in facs.AUS}
    for key, value in values.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if key not in labels or not number or not 0 <= value <= facs.MAX_INTENSITY:
            raise _error(
                path,
                f"`intensity` must be 0 to 5 for one of {', '.join(labels)}. "
                f"Received: {key} = {value!r}",
            )
    return {labels[key]: float(value) for key, value in values.items()}


def _subject(collection: Collection, inside: PurePath, rule: Rule) -> str:
    if not rule.subject:
        return inside.stem
    found = re.search(rule.subject, inside.name)
    if not found or not found[1]:
        raise _error(collection.file, f"`subject` = {rule.subject!r} does not fit {inside.name!r}")
    return found[1]


def _fits(inside: PurePath, pattern: str) -> bool:
    return pattern == "*" or inside.match(pattern)


def _table(path: Path, value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _error(path, f"`{name}` must be a table. Received: {value!r}")
    return dict(value)


def _count(path: Path, value: Any, name: str) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise _error(path, f"`{name}` must be a whole number, 0 or more. Received: {value!r}")
    return value


def _require_empty(path: Path, left: Mapping[str, Any]) -> None:
    if left:
        raise _error(path, f"unknown settings {', '.join(sorted(left))}")


def _error(path: Path, problem: str) -> CollectionError:
    least = "` and `".join(EXAMPLE)
    return CollectionError(
        f"{path}: {problem}. It needs the lines `{least}`, for example; docs/guide/portraits.md "
        "shows rules for expressions, subjects and the split."
    )
