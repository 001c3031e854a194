"""Splits into training, validation and test sets, by subject and never by frame."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from fau_tf.models.presets import did_you_mean

_PARTS: Final = {"train": "training", "validation": "validation"}
_RANDOM_SHARES: Final = {"train": 0.8, "validation": 0.1, "test": 0.1}

_BP4D: Final = (
    "F001 F002 F008 F009 F010 F016 F018 F023 M001 M004 M007 M008 M012 M014",
    "F003 F005 F011 F013 F020 F022 M002 M005 M010 M011 M013 M016 M017 M018",
    "F004 F006 F007 F012 F014 F015 F017 F019 F021 M003 M006 M009 M015",
)
_DISFA: Final = (
    "SN001 SN002 SN009 SN010 SN016 SN026 SN027 SN030 SN032",
    "SN006 SN011 SN012 SN013 SN018 SN021 SN024 SN028 SN031",
    "SN003 SN004 SN005 SN007 SN008 SN017 SN023 SN025 SN029",
)
THREE_FOLDS: Final = tuple(
    tuple(f"{bp4d} {disfa}".split()) for bp4d, disfa in zip(_BP4D, _DISFA, strict=True)
)
"""Test subjects of the three folds of JAA-Net, ME-GraphAU and others, for BP4D and DISFA."""


@dataclass(frozen=True)
class Fold:
    """One split of the subjects.

    Attributes:
        name: `fold1`, ...; empty where there is only one.
        subjects: `train`, `validation` (chooses the checkpoint) and `test` -> names, sorted; the
            latter two may be empty.
    """

    name: str
    subjects: Mapping[str, tuple[str, ...]]

    @property
    def train_and_validation(self) -> list[str]:
        """Subjects whose faces influence the weights, sorted."""
        return sorted([*self.subjects["train"], *self.subjects["validation"]])

    def restrict_training(self, keep: Callable[[str], bool]) -> "Fold":
        """Return the fold with only some training and validation subjects; it tests all."""
        kept = {name: tuple(filter(keep, names)) for name, names in self.subjects.items()}
        for part in ("train", "validation"):
            if self.subjects[part] and not kept[part]:
                raise ValueError(
                    f"`data.train_rigs` must leave {_PARTS[part]} subjects. Received: none of "
                    f"{len(self.subjects[part])}. Name more rigs or prepare more subjects."
                )
        return Fold(self.name, kept | {"test": self.subjects["test"]})

    def __post_init__(self) -> None:
        everyone = [subject for names in self.subjects.values() for subject in names]
        twice = sorted({subject for subject in everyone if everyone.count(subject) > 1})
        if twice or not self.subjects["train"]:
            found = f"{', '.join(twice)} in two" if twice else "no subject in train"
            raise ValueError(
                "Training, validation and test sets must have subjects of their own. Received: "
                f"{found} of {self.name or 'the split'}. Prepare more subjects, lower "
                "`data.validation_fraction` or change `data.protocol`."
            )


def make_folds(
    protocol: str,
    subjects: Sequence[str],
    *,
    seed: int,
    validation_fraction: float = 0.15,
    custom: Sequence[Sequence[str]] = (),
) -> list[Fold]:
    """Return the folds of a protocol.

    Args:
        protocol: "random" (80 / 10 / 10 %), "odd_even" (FERA 2015: odd numbers train, even ones
            test), "three_folds", "custom" or "all" (nobody is tested).
        subjects: All subjects with a face, in any order.
        seed: Of "random", and of the choice of validation subjects.
        validation_fraction: Of the subjects outside the test set; at least one unless it is 0. Not
            for "random".
        custom: Test subjects of each fold, for "custom".

    Raises:
        ValueError: If a set would be empty, or a subject has no place in the protocol.
    """
    everyone = sorted(set(subjects))
    if protocol == "random":
        return [Fold("", random_split(everyone, seed=seed))]
    if protocol == "all":
        return [Fold("", _sets(everyone, (), validation_fraction, seed))]
    if protocol == "odd_even":
        tests = [[subject for subject in everyone if _number(subject) % 2 == 0]]
    else:
        if protocol == "custom":
            _require_known(everyone, custom)
        table = custom if protocol == "custom" else THREE_FOLDS
        _require_one_fold(protocol, everyone, table)
        tests = [[subject for subject in everyone if subject in set(names)] for names in table]
    for i, test in enumerate(tests, 1):
        if not test:
            raise ValueError(
                f"`data.protocol` = {protocol!r} must test somebody in each fold. Received: nobody "
                f"of {len(everyone)} subjects in fold {i}. Prepare more subjects, or train on all: "
                "--set data.protocol=all"
            )
    return [
        Fold(f"fold{i}" if len(tests) > 1 else "", _sets(everyone, test, validation_fraction, seed))
        for i, test in enumerate(tests, 1)
    ]


def random_split(subjects: Sequence[str], *, seed: int) -> dict[str, tuple[str, ...]]:
    """Return `train`, `validation` and `test` -> names, sorted; 80 / 10 / 10 % of the subjects.

    Raises:
        ValueError: If there are fewer than 10 subjects, so that a set would be empty.
    """
    everyone = sorted(set(subjects))
    if len(everyone) < 10:
        raise ValueError(
            f"A random split needs at least 10 subjects. Received: {len(everyone)}. "
            "Generate or prepare more."
        )
    order = np.random.default_rng(seed).permutation(len(everyone))
    shares = np.cumsum([0.0, *_RANDOM_SHARES.values()])
    bounds = np.floor(shares * len(everyone) + 1e-9).astype(int)
    return {
        name: tuple(sorted(everyone[i] for i in order[start:end]))
        for name, start, end in zip(_RANDOM_SHARES, bounds[:-1], bounds[1:], strict=True)
    }


def _sets(
    everyone: Sequence[str], test: Sequence[str], validation_fraction: float, seed: int
) -> dict[str, tuple[str, ...]]:
    rest = [subject for subject in everyone if subject not in set(test)]
    count = max(1, round(validation_fraction * len(rest))) if validation_fraction else 0
    chosen = {rest[i] for i in np.random.default_rng(seed).permutation(len(rest))[:count]}
    return {
        "train": tuple(subject for subject in rest if subject not in chosen),
        "validation": tuple(sorted(chosen)),
        "test": tuple(test),
    }


def _number(subject: str) -> int:
    found = re.fullmatch(r"[FM](\d{3})", subject)
    if not found:
        raise ValueError(
            "`data.protocol` = 'odd_even' is defined for BP4D's subjects, F001 to M018. "
            f"Received: {subject}. Use another protocol."
        )
    return int(found[1])


def _require_known(everyone: Sequence[str], folds: Sequence[Sequence[str]]) -> None:
    """Raise ValueError for a name in the folds that is no subject: its person would train."""
    unknown = sorted({name for names in folds for name in names} - set(everyone))
    if unknown:
        named = ", ".join(unknown[:5]) + (f" and {len(unknown) - 5} others" if unknown[5:] else "")
        raise ValueError(
            f"`data.folds` must name subjects with a face. Received: {named}."
            f"{did_you_mean(unknown[0], everyone)} Leave out those none of whose frames has a face."
        )


def _require_one_fold(
    protocol: str, everyone: Sequence[str], table: Sequence[Sequence[str]]
) -> None:
    """Raise ValueError for a subject in two folds, or with "three_folds" in none."""
    count = {subject: sum(subject in names for names in table) for subject in everyone}
    least = 1 if protocol == "three_folds" else 0
    wrong = [subject for subject, folds in count.items() if not least <= folds <= 1]
    if wrong:
        raise ValueError(
            f"`data.protocol` = {protocol!r} must test every subject once. Received: "
            f"{', '.join(wrong[:5])}, in no fold or in two. Use another protocol or list folds."
        )
