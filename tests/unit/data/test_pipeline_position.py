"""A stream of batches can be entered anywhere, and shared, without changing a bit."""

from itertools import islice

import numpy as np
import pytest

from fau_tf.data.augment import NO_AUGMENT, Augment
from fau_tf.training import fit
from fau_tf.training.config import load_config
from tests.helpers.made_faces import made_parts

TARGETS = fit.targets(load_config(None, ["model.preset=tiny", "data.record_size=80"]))


@pytest.fixture(scope="module")
def part(tmp_path_factory):
    return made_parts(tmp_path_factory.mktemp("faces"))["train"]  # 32 records


def batches(part, count, **options):
    options = {"seed": 3, "augment": Augment()} | options
    stream = part.batches(TARGETS, batch_size=8, **options)
    return [(image.numpy(), y["heatmap"].numpy()) for image, y in islice(stream, count)]


def assert_same(one, other):
    for a, b in zip(one, other, strict=True):
        assert np.isfinite(a).all()
        assert a.std() > 0
        np.testing.assert_array_equal(a, b)


def test_going_on_after_some_steps_gives_the_batches_that_would_have_come(part):
    whole = batches(part, 10)  # two passes and a half
    for start in (0, 3, 4, 9):
        later = batches(part, 10 - start, start=start)
        for one, other in zip(whole[start:], later, strict=True):
            assert_same(one, other)
    assert (whole[0][0] != whole[4][0]).any(), "another pass, another order"


def test_the_parts_of_all_workers_are_the_batch(part):
    for number in (2, 4):
        parts = [batches(part, 5, share=(i, number)) for i in range(number)]
        assert parts[0][0][0].shape[0] == 8 // number
        for step, whole in enumerate(batches(part, 5)):
            mine = [np.concatenate([own[step][i] for own in parts]) for i in (0, 1)]
            assert_same(whole, mine)


def test_a_batch_is_shared_equally(part):
    with pytest.raises(ValueError, match="batch_size=8 for 3 workers"):
        batches(part, 1, share=(0, 3))


def test_the_sources_of_a_step_are_those_of_its_faces(part):
    coded = {row["source"].numpy().decode(): row["intensity"].numpy() for row in part.records}
    stream = part.batches(TARGETS, batch_size=8, seed=3)
    for step, (_, y) in enumerate(islice(stream, 6)):
        sources = part.sources(step, batch_size=8, seed=3)
        assert len(sources) == 8
        for source, intensity in zip(sources, y["intensity"].numpy(), strict=True):
            np.testing.assert_array_equal(coded[source], intensity)


def test_the_seed_decides_order_and_augmentation(part):
    (one,), (other,) = batches(part, 1), batches(part, 1, seed=4)
    assert (one[1] != other[1]).any()
    assert part.sources(0, batch_size=8, seed=3) != part.sources(0, batch_size=8, seed=4)
    (plain,) = batches(part, 1, augment=NO_AUGMENT)
    assert (one[0] != plain[0]).any()
    assert_same(one, batches(part, 1)[0])
