"""A data set without files, for evaluations: three faces of each subject, and what is coded."""

from types import SimpleNamespace

import numpy as np

from fau_tf import facs


class PlainFaces:
    """Stands for a `FaceDataset`; batches are lists of images, of which networks see the number.

    Args:
        name: Of the data set.
        subjects: Names.
        uncoded: AUs that no face codes.
    """

    def __init__(self, name, subjects, uncoded=()):
        self.name, self.subjects = name, tuple(subjects)
        self._uncoded = uncoded

    def subset(self, subjects):
        names = [name for name in subjects for _ in range(3)]
        seeds = [self.subjects.index(name) * 3 + face for name in subjects for face in range(3)]

        def labels(targets):
            drawn = [np.random.default_rng(seed).integers(0, 6, len(facs.ALL)) for seed in seeds]
            coded = np.array(drawn, np.float32)
            for au in self._uncoded:
                coded[:, facs.ALL.index(au)] = np.nan
            return coded[:, [facs.ALL.index(au) for au in targets.aus]]

        return SimpleNamespace(
            batches=lambda _targets, **_: [(names, None)],
            labels=labels,
            face_subjects=lambda: names,
        )
