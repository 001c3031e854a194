"""Read files as fau-demo does and print the outcomes, in a process that may crash.

python -m tests.helpers.read_hostile_files FILE ...

Prints a line `> FILE` before each file, then a line of JSON with its outcomes and CPU seconds.
"""

import json
import resource
import sys
import time
from io import BytesIO
from itertools import islice
from pathlib import Path

import numpy as np

from fau_tf.io.images import Frame, UnreadableError, UnreadFrame
from fau_tf.io.sources import find_sources, open_frames

MEMORY = 6 << 30  # bytes of address space; an image within the cap needs a tenth
MOST_FRAMES = 40


def main(names: list[str]) -> int:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    for name in names:
        sys.stdout.write(f"> {name}\n")
        sys.stdout.flush()
        start = time.process_time()
        by_name = outcome(name, b"")
        piped = outcome("-", Path(name).read_bytes())
        spent = time.process_time() - start
        line = json.dumps({"file": by_name, "stdin": piped, "seconds": spent})
        sys.stdout.write(f"{line}\n")
    return 0


def outcome(name: str, piped: bytes) -> str:
    """Return `read`, `empty` or `refused`; asserts that frames and errors are well-formed."""
    try:
        with open_frames(find_sources([name])[0], stdin=BytesIO(piped)) as source:
            taken = list(islice(source.frames, MOST_FRAMES))
    except UnreadableError as error:
        return _checked_error(str(error))
    for one in taken:
        if isinstance(one, UnreadFrame):
            return _checked_error(one.reason)
        assert isinstance(one, Frame)
        image = one.image
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3
        assert image.size
        assert one.timestamp >= 0
    return "read" if taken else "empty"


def _checked_error(message: str) -> str:
    """A refusal is a sentence, and another one with the next step."""
    assert message.count(". ") >= 1, message
    assert message.endswith((".", "-")), message
    return "refused"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
