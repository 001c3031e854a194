"""One estimator in several threads, in nested loops, after its end and in a forked process."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from fau_tf.inference.estimator import AUEstimator
from tests.helpers.face_videos import crossing, face, frame
from tests.helpers.forked import in_forked_process
from tests.helpers.tiny_model import write_tiny_model


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="module")
def estimator(model):
    with AUEstimator(model) as found:
        yield found


class Slow:
    """Native code with state, slowed down: whoever comes in between gets the other's answer."""

    def __init__(self, real):
        self._real = real

    def __call__(self, *inputs, **named):
        self._inputs, self._named = inputs, named
        time.sleep(0.002)
        return self._real(*self._inputs, **self._named)


@pytest.fixture
def _slow_networks(estimator, monkeypatch):
    landmarker = estimator._landmarker
    for network in ("_detector", "_landmarks"):
        monkeypatch.setattr(landmarker, network, Slow(getattr(landmarker, network)))
    monkeypatch.setattr(estimator.interpreter, "_runner", Slow(estimator.interpreter._runner))


BRIGHT, DARK = frame((10, face())), frame((150, face(mirrored=True, dark=True)))


def read(estimate):
    """Return what was read: ids, landmarks and intensities of all faces."""
    return [
        (one.face_id, one.landmarks.tolist(), tuple(one.intensity.values()))
        for one in estimate.faces
    ]


@pytest.mark.usefixtures("_slow_networks")
def test_threads_get_the_answers_of_their_own_pictures(estimator):
    pictures = [(BRIGHT, DARK)[i % 2] for i in range(12)]
    wanted = [read(estimator.estimate(picture)) for picture in (BRIGHT, DARK)]
    assert wanted[0] != wanted[1]
    assert all(np.isfinite(one[0][2]).all() for one in wanted)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda picture: read(estimator.estimate(picture)), pictures))
    assert found == 6 * wanted


@pytest.mark.usefixtures("_slow_networks")
def test_a_photo_may_be_read_inside_the_loop_of_a_video(estimator):
    pictures = crossing(5)
    wanted, photo = [read(one) for one in estimator.video(pictures)], estimator.estimate(DARK)
    found = []
    for one in estimator.video(pictures):
        found.append(read(one))
        assert read(estimator.estimate(DARK)) == read(photo)
    assert found == wanted


@pytest.mark.usefixtures("_slow_networks")
def test_a_caller_may_fill_one_buffer_with_each_frame(estimator):
    pictures = crossing(5)
    wanted = [read(one) for one in estimator.video(pictures)]
    buffer = np.zeros_like(pictures[0])

    def frames():
        for picture in pictures:
            buffer[:] = picture
            yield buffer

    assert [read(one) for one in estimator.video(frames())] == wanted


@pytest.mark.usefixtures("_slow_networks")
def test_two_videos_at_once_keep_their_faces_apart(estimator):
    one, other = crossing(5), crossing(5)[::-1]
    wanted = [[read(e) for e in estimator.video(frames)] for frames in (one, other)]
    both = zip(estimator.video(one), estimator.video(other), strict=True)
    assert [[read(a), read(b)] for a, b in both] == [list(row) for row in zip(*wanted, strict=True)]


def test_a_video_does_not_move_what_track_follows(estimator):
    estimator.restart()
    estimator.track(BRIGHT)
    before = estimator.track_state
    list(estimator.video(crossing(2)))
    assert estimator.track_state is before


CALLS = {
    "estimate": lambda e: e.estimate(BRIGHT),
    "track": lambda e: e.track(BRIGHT),
    "video": lambda e: next(e.video([BRIGHT])),
    "interpreter": lambda e: e.interpreter(np.zeros((64, 64, 3), np.uint8)),
}


@pytest.mark.parametrize("call", CALLS)
def test_after_its_end_every_call_is_refused(model, call):
    with AUEstimator(model) as closed:
        pass
    closed.close()  # again, without effect
    with pytest.raises(RuntimeError, match=r"must be open\. Received: a call after its `with`"):
        CALLS[call](closed)


def test_closing_inside_the_loop_of_a_video_ends_it_with_the_error(model):
    estimator = AUEstimator(model)
    frames = estimator.video(crossing(5))
    next(frames)
    estimator.close()
    with pytest.raises(RuntimeError, match="must be open"):
        list(frames)


@pytest.mark.parametrize("call", CALLS)
def test_a_forked_process_is_refused_instead_of_hanging(estimator, call):
    said = in_forked_process(lambda: CALLS[call](estimator))
    assert said.startswith("RuntimeError: AU")
    assert "must be used in the process that made it" in said


def test_leaving_the_block_in_a_forked_process_closes_nothing_here(estimator):
    assert in_forked_process(estimator.close) == "None"
    assert len(estimator.estimate(BRIGHT).faces) == 1
