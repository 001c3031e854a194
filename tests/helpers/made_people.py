"""Cheap rows of a generated set, in place of rendering; a function that other processes find."""

import os
import time
from dataclasses import replace
from pathlib import Path

from fau_tf.data.record import as_bytes
from fau_tf.data.synthetic_set import person_name
from tests.helpers.records import make_record

CRASH_ONCE = "FAU_TEST_CRASH_ONCE"
"""Names a file: the process that meets person 13 while it isn't there makes it and dies."""
CRASH_ALWAYS = "FAU_TEST_CRASH_ALWAYS"


def rows(settings, person):
    """Return the rows of a person, as `data.synthetic.person_rows` does."""
    if person == 13 and os.environ.get(CRASH_ALWAYS):
        time.sleep(0.5)  # what is finished reaches the parent first, as it does with slow faces
        os._exit(1)
    flag = os.environ.get(CRASH_ONCE)
    if person == 13 and flag and not Path(flag).exists():
        Path(flag).touch()
        os._exit(1)
    return [
        as_bytes(
            replace(
                make_record(person, face),
                subject=person_name(person),
                dataset=settings.name,
                factors={"melanin": person / 10, "glasses": float(face == 0)},
            )
        )
        for face in range(settings.faces_per_person)
    ]
