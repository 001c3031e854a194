"""Cheap rows of a synthetic set in place of rendering, importable by other processes."""

import os
import time
from dataclasses import replace
from pathlib import Path

from fau_tf.data.record import as_features
from fau_tf.data.synthetic_set import person_name
from tests.helpers.records import make_record

CRASH_ONCE = "FAU_TEST_CRASH_ONCE"
"""Names a file: the process that reaches person 13 while it is missing makes it and dies."""
CRASH_ALWAYS = "FAU_TEST_CRASH_ALWAYS"
"""Names the folder of the sets: the process that reaches person 13 dies once a shard is there."""


def rows(settings, person):
    """Stand in for `synthetic_set.person_rows`."""
    sets = os.environ.get(CRASH_ALWAYS)
    if person == 13 and sets:
        _wait_for_a_shard(Path(sets))  # as with slow faces; 13 belongs in the second shard
        os._exit(1)
    flag = os.environ.get(CRASH_ONCE)
    if person == 13 and flag and not Path(flag).exists():
        Path(flag).touch()
        os._exit(1)
    return [
        as_features(
            replace(
                make_record(person, face),
                subject=person_name(person),
                dataset=settings.name,
                factors={"melanin": person / 10, "glasses": float(face == 0)},
            )
        )
        for face in range(settings.faces_per_person)
    ]


def _wait_for_a_shard(sets):
    end = time.monotonic() + 60
    while not list(sets.rglob("faces-?????-of-?????.tfrecord")) and time.monotonic() < end:
        time.sleep(0.05)


def thread_limits(settings, person):
    """Report the variables that limit NumPy's threads, as a row's source."""
    source = f"{os.environ.get('OMP_NUM_THREADS')} {os.environ.get('OPENBLAS_NUM_THREADS')}"
    record = replace(make_record(person, 0), subject=person_name(person), source=source)
    return [as_features(record)] * settings.faces_per_person
