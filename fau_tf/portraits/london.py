"""The Face Research Lab London Set, whose copies need no `portraits.toml`.

Test subjects are those in places 0, 3, 6, ... of the file order (34 of 102): never trained on,
never used to choose, read once for a release. Validation subjects are every third of the others.
"""

from pathlib import Path
from typing import Final

from fau_tf.portraits.collection import (
    FILE,
    Collection,
    CollectionError,
    Rule,
    load_collection,
    photos,
)
from fau_tf.portraits.groups import GroupTable

SUBJECTS: Final = 102
_FOLDERS: Final = {
    "neutral": ("neutral", "neutral_front"),
    "smiling": ("smiling", "smiling_front"),
}
"""Expression -> names that its folder has in copies of the set."""
INFO: Final = "london_faces_info.csv"
"""The set's table of what the sitters stated of themselves. Its people are X001, X002, ..."""
_COLUMNS: Final = {"sex": "face_sex", "age": "face_age", "ethnicity": "face_eth"}
_AGES: Final = (25, 35)
"""Each band has five subjects or more in every part of the split."""


def open_collection(place: Path) -> Collection:
    """Return a collection of portraits: `load_collection`, or a copy of the London Set.

    Args:
        place: A folder with photos and `portraits.toml`, another TOML file that names the folder,
            or a copy of the London Set with its folders of neutral and smiling photos.

    Raises:
        CollectionError: If it is none of them, or a copy of the London Set is not complete.
    """
    found = {} if place.suffix == ".toml" or (place / FILE).exists() else _folders(place)
    if len(found) < len(_FOLDERS):
        return load_collection(place)
    collection = Collection(
        file=place,
        folder=place,
        name="london",
        license="CC BY 4.0",
        attribution="Lisa DeBruine and Benedict Jones, Face Research Lab London Set, 2017",
        source="https://doi.org/10.6084/m9.figshare.5047666",
        consent="The sitters consented to use in studies, in original or altered form.",
        rules=tuple(
            Rule(f"{folder}/*", expression, r"^(\d+)_") for expression, folder in found.items()
        ),
        test_every=3,
        validation_every=3,
        groups=_groups(place / INFO),
    )
    _require_complete(collection)
    return collection


def _groups(info: Path) -> GroupTable | None:
    if not info.is_file():
        return None
    return GroupTable(info, "face_id", _COLUMNS, r"^X(\d+)$", {"age": _AGES})


def _folders(place: Path) -> dict[str, str]:
    """Return expression -> name of its folder, of those that are there."""
    return {
        expression: name
        for expression, names in _FOLDERS.items()
        for name in names
        if (place / name).is_dir()
    }


def _require_complete(collection: Collection) -> None:
    rows = photos(collection)
    subjects = {row.subject for row in rows}
    pairs = {(row.subject, row.expression) for row in rows if row.expression in _FOLDERS}
    if not len(subjects) == SUBJECTS == len(pairs) / 2 == len(rows) / 2:
        raise CollectionError(
            f"{collection.folder}: a copy of the London Set must have one neutral and one smiling "
            f"photo of each of {SUBJECTS} subjects, and no other photo. Received: {len(rows)} "
            f"photos of {len(subjects)} subjects. Its split depends on all of them: complete it, "
            f"or describe your own photos in {FILE}."
        )
