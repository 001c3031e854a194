"""Who is in which split: always by person, never by frame."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

SHARES: Final = {"train": 0.8, "validation": 0.1, "test": 0.1}

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
    tuple(f"{one} {other}".split()) for one, other in zip(_BP4D, _DISFA, strict=True)
)
"""Test people of the three folds of JAA-Net, ME-GraphAU and others, of BP4D and of DISFA."""


@dataclass(frozen=True)
class Fold:
    """One split of the people.

    Attributes:
        name: `fold1`, ...; empty where there is only one.
        people: `train`, `validation` (chooses the checkpoint) and `test` -> names, sorted.
    """

    name: str
    people: Mapping[str, tuple[str, ...]]

    @property
    def seen(self) -> list[str]:
        """Whom a network learns from or is chosen by."""
        return sorted([*self.people["train"], *self.people["validation"]])

    def taught_by(self, may_teach: Callable[[str], bool]) -> "Fold":
        """Return the fold with only some of its people to learn from and be chosen by."""
        kept = {name: tuple(filter(may_teach, part)) for name, part in self.people.items()}
        return Fold(self.name, kept | {"test": self.people["test"]})

    def __post_init__(self) -> None:
        everyone = [person for part in self.people.values() for person in part]
        twice = sorted({person for person in everyone if everyone.count(person) > 1})
        empty = sorted(name for name, part in self.people.items() if not part)
        if twice or empty:
            raise ValueError(
                "Each part of a split needs people of its own. Received: "
                + (f"{', '.join(twice)} in two parts" if twice else f"nobody in {', '.join(empty)}")
                + f" of {self.name or 'the split'}. Prepare more people or change data.protocol."
            )


def folds(
    protocol: str,
    people: Sequence[str],
    *,
    seed: int,
    validation: float = 0.15,
    own: Sequence[Sequence[str]] = (),
) -> list[Fold]:
    """Return the folds of a protocol, nobody in two parts of one fold.

    Args:
        protocol: "random" (80/10/10), "odd_even" (FERA 2015: learn from odd, test on even numbers),
            "three_folds" or "custom".
        people: Everyone who has a face.
        seed: Of "random" and of who validates; the order of `people` doesn't matter.
        validation: Share of the people who are not tested that choose the checkpoint, at least one.
        own: Test people of each fold of the protocol "custom".

    Raises:
        ValueError: If a part would be empty, or somebody has no place in the protocol.
    """
    everyone = sorted(set(people))
    if protocol == "random":
        return [Fold("", {k: tuple(v) for k, v in split_people(everyone, seed=seed).items()})]
    if protocol == "odd_even":
        tests = [[person for person in everyone if _number(person) % 2 == 0]]
    else:
        table = own if protocol == "custom" else THREE_FOLDS
        _require_known(protocol, everyone, table)
        tests = [[person for person in everyone if person in set(names)] for names in table]
    return [
        Fold(
            f"fold{i}" if len(tests) > 1 else "",
            _parts(everyone, test, validation, seed),
        )
        for i, test in enumerate(tests, 1)
    ]


def split_people(people: Sequence[str], *, seed: int) -> dict[str, list[str]]:
    """Return `{"train": [...], "validation": [...], "test": [...]}`, 80/10/10 by person.

    Validation chooses the checkpoint; test is touched by nothing but the final judgement. The
    split depends on the set of people and the seed, not on their order.

    Raises:
        ValueError: If there are fewer than 10 people, so that a split would be empty.
    """
    everyone = sorted(set(people))
    if len(everyone) < 10:
        raise ValueError(
            f"A split by person needs at least 10 people. Received: {len(everyone)}. "
            "Generate or prepare more."
        )
    order = np.random.default_rng(seed).permutation(len(everyone))
    bounds = np.floor(np.cumsum([0.0, *SHARES.values()]) * len(everyone) + 1e-9).astype(int)
    return {
        name: sorted(everyone[i] for i in order[start:end])
        for name, start, end in zip(SHARES, bounds[:-1], bounds[1:], strict=True)
    }


def _parts(
    everyone: Sequence[str], test: Sequence[str], validation: float, seed: int
) -> dict[str, tuple[str, ...]]:
    rest = [person for person in everyone if person not in set(test)]
    count = max(1, round(validation * len(rest)))
    chosen = {rest[i] for i in np.random.default_rng(seed).permutation(len(rest))[:count]}
    return {
        "train": tuple(person for person in rest if person not in chosen),
        "validation": tuple(sorted(chosen)),
        "test": tuple(test),
    }


def _number(person: str) -> int:
    found = re.fullmatch(r"[FM](\d{3})", person)
    if not found:
        raise ValueError(
            "`data.protocol` = 'odd_even' is of BP4D's people, F001 to M018. "
            f"Received: {person}. Use another protocol."
        )
    return int(found[1])


def _require_known(protocol: str, everyone: Sequence[str], table: Sequence[Sequence[str]]) -> None:
    places = {person: sum(person in set(names) for names in table) for person in everyone}
    wrong = [person for person, count in places.items() if count > 1]
    if protocol == "three_folds":
        wrong += [person for person, count in places.items() if count == 0]
    if wrong:
        raise ValueError(
            f"`data.protocol` = {protocol!r} tests everybody once. Received: "
            f"{', '.join(wrong[:5])}, in no fold or in two. Use another protocol or list folds."
        )
