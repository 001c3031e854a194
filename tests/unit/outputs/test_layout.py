"""The annotated picture's layout."""

import numpy as np
import pytest

from fau_tf.outputs.face_card import CARD_WIDTH
from fau_tf.outputs.layout import PHOTO_SIDE, WIDEST, arrange

TALL = 662
SHAPES = {"wide": (1920, 1080), "square": (512, 512), "high": (1080, 1920), "photo": (3000, 4000)}


def filled(layout, cards):
    """Return how often each px of the picture is used."""
    width, height = layout.sheet
    used = np.zeros((height, width), int)
    boxes = [(layout.frame_corner, layout.frame)]
    boxes += [(layout.card_corner(i), (CARD_WIDTH, layout.tall)) for i in range(cards)]
    for (x, y), (wide, high) in boxes:
        assert x >= 0
        assert y >= 0
        assert x + wide <= width
        assert y + high <= height
        used[y : y + high, x : x + wide] += 1
    return used


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cards", range(11))
@pytest.mark.parametrize("reason", [False, True])
def test_nothing_overlaps_and_no_quarter_is_empty(shape, cards, reason):
    layout = arrange(SHAPES[shape], cards, TALL, reason=reason)
    used = filled(layout, cards)
    assert used.max() == 1
    assert used.mean() > 0.75


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("cards", range(11))
def test_the_photo_stays_large_and_keeps_its_shape(shape, cards):
    width, height = SHAPES[shape]
    photo = arrange((width, height), cards, TALL, reason=False).photo
    assert max(photo) >= PHOTO_SIDE
    assert photo[0] / photo[1] == pytest.approx(width / height, rel=0.01)
    if cards:
        # As high as the cards beside it, or as wide as those below.
        assert photo[1] >= TALL - 34 or photo[0] >= 3 * CARD_WIDTH


@pytest.mark.parametrize("size", [(1, 3000), (3000, 1), (1, 1), (4000, 300)])
@pytest.mark.parametrize("cards", [0, 1, 2, 4])
def test_extreme_photos_have_a_layout(size, cards):
    layout = arrange(size, cards, TALL, reason=True)
    assert min(layout.photo) >= 1
    assert layout.photo[0] <= max(WIDEST, 3 * (CARD_WIDTH + 14))
    assert filled(layout, cards).max() == 1
