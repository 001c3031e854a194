"""Who is in which split: always by person, never by frame."""

from collections.abc import Sequence
from typing import Final

import numpy as np

SHARES: Final = {"train": 0.8, "validation": 0.1, "test": 0.1}


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
