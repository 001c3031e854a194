"""The benchmark beside MediaPipe: its clip, its table, and a whole quick run."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import av
import numpy as np
import pytest

from benchmarks import runtime
from benchmarks.runtime_child import FPS, SIZE, clip
from fau_tf.inference.model_info import default_model

ROOT = Path(__file__).parents[3]


def test_the_clip_is_the_same_each_time_and_its_face_moves():
    one, other = (list(clip(str(runtime.PHOTO), 20)) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    assert one[0].shape == (SIZE[1], SIZE[0], 3)
    # The background has one gray level and noise, the face is where the picture varies.
    left = [int(np.flatnonzero(frame[100:380].std(axis=(0, 2)) > 20)[0]) for frame in one]
    assert left[0] < left[10] < left[19] < left[0] + 90


def test_one_core_is_the_last_one_and_all_come_back():
    before = os.sched_getaffinity(0)
    with runtime.one_core():
        assert os.sched_getaffinity(0) == {max(before)}
    assert os.sched_getaffinity(0) == before


def test_the_first_line_stops_the_clock_and_an_error_is_raised():
    slow_end = "import time; print('x'); time.sleep(3)"
    start = time.perf_counter()
    first, spent = runtime._first_line(["-c", slow_end])
    lasted = time.perf_counter() - start
    assert 0 < first < lasted - 2.9
    assert 0 < spent < lasted - 2.9  # asleep it needs no processor
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        runtime._first_line(["-c", "1 / 0"])


def test_every_stage_of_a_frame_is_timed():
    inputs = {"model": str(default_model()), "photo": str(runtime.PHOTO), "frames": 2}
    spent = runtime.stages(inputs)
    assert set(spent) == {"detect", "crop", "measure", "model", "peakedness"}
    assert min(spent.values()) > 0


def test_a_long_video_repeats_the_clip(tmp_path, monkeypatch):
    monkeypatch.setattr(runtime, "LOOP", 5)
    with av.open(str(runtime.write_video(tmp_path / "x.mp4", 12))) as video:
        shown = [frame.to_ndarray(format="gray") for frame in video.decode(video=0)]
        assert float(video.streams.video[0].average_rate) == FPS
    assert len(shown) == 12
    np.testing.assert_array_equal(shown[:5], shown[5:10])
    np.testing.assert_array_equal(shown[:2], shown[10:])
    assert (shown[0] != shown[1]).any()


def figures():
    rates = {"fps": 100.0, "cpu_ms": 10.0}
    speed = {"bare_1": rates, "fau_1": rates | {"fps": 125.0}, "fau_10": rates}
    speed |= {f"{name}_to_bare_1": {"fps": 1.25, "cpu": 1.0} for name in ("fau_1", "fau_10")}
    return {
        "cores": 2,
        "load": 0.5,
        "one_core": speed,
        "all_cores": speed,
        "start": {
            **{"bare_s": 1.0, "fau_demo_s": 0.75, "ratio_s": 0.75, "at_most": 0.8},
            **{"bare_cpu_s": 0.8, "fau_demo_cpu_s": 0.6, "ratio_cpu_s": 0.75},
        },
        "stages_ms": {"detect": 6.0, "model": 4.5},
        "memory": {"minutes": 10.0, "mib_per_minute": 0.01, "at_most": 0.5},
    }


def test_the_figures_go_into_their_block_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("x\n<!-- runtime -->\nold\n<!-- end of runtime -->\ny\n")
    runtime.write(page, figures())
    lines = page.read_text().splitlines()
    assert (lines[0], lines[-1]) == ("x", "y")
    assert "old" not in lines
    assert "| frames a second, one core, one face | 100 | 125 | 1.25 | 1.2 or more |" in lines
    assert "| processor ms a frame, one core, one face | 10.0 | 10.0 | 1.00 | |" in lines
    assert "| first result of a photo, s | 1.00 | 0.75 | 0.75 | 0.8 or less |" in lines
    assert "| processor s until its end | 0.80 | 0.60 | 0.75 |  |" in lines
    assert "| memory over 10 minutes, MiB a minute | | 0.01 | | 0.5 or less |" in lines


@pytest.mark.slow
def test_the_quick_one_writes_what_it_measured(tmp_path):
    pytest.importorskip("mediapipe")
    file = tmp_path / "figures.json"
    command = [sys.executable, "-m", "benchmarks.runtime", "--quick", "--json", str(file)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=300)
    found = json.loads(file.read_text())
    for cores in ("one_core", "all_cores"):
        rates = [found[cores][name]["fps"] for name in ("fau_1", "bare_1")]
        assert found[cores]["fau_1_to_bare_1"]["fps"] == pytest.approx(rates[0] / rates[1], 2e-3)
    assert found["start"]["fau_demo_s"] > 0
    assert sum(found["stages_ms"].values()) < 1000 / found["one_core"]["fau_1"]["fps"]
    assert "memory" not in found
