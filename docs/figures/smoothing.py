"""Print latency and jitter of the One-Euro filter and of an exponential moving average.

python docs/figures/smoothing.py

A track of 25 frames a second with noise of 0.1: 20 s of rest at 0.3, a smile that rises by 3 in
0.5 s and stays, and a blink of 0.3 s that reaches 5.
"""

import math
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from fau_tf.inference.smoothing import OneEuro, OneEuroFilter

Array = npt.NDArray[np.float64]
Smooth = Callable[[Array], Array]

RATE, NOISE, TRACKS = 25.0, 0.1, 40
REST, RISE, BLINK = 20.0, 0.5, 0.3  # s


def main() -> None:
    """Print the table."""
    rows: list[tuple[str, Smooth]] = [("none", lambda track: track)]
    rows += [(f"moving average, {s:g} s", moving_average(s)) for s in (0.1, 0.3)]
    rows += [
        (f"One-Euro, {cutoff:g} Hz, beta {beta:g}", one_euro(OneEuro(cutoff, beta)))
        for cutoff, beta in ((0.5, 0.0), (0.5, 0.25), (0.5, 0.5), (0.5, 1.0), (1.0, 0.5))
    ]
    print("| smoothing | jitter at rest | delay of a smile, ms | peak of a blink |")
    print("|---|---|---|---|")
    for name, smooth in rows:
        print("| {} | {:.3f} | {:.0f} | {:.1f} |".format(name, *figures(smooth)))


def figures(smooth: Smooth) -> tuple[float, float, float]:
    """Return jitter (SD at rest), delay of the half-way point in ms, peak of a blink: means."""
    rng = np.random.default_rng(1)
    found = []
    for _ in range(TRACKS):
        time = np.arange(round((REST + 2) * RATE)) / RATE
        noise = rng.normal(0, NOISE, len(time))
        since = np.clip((time - REST) / RISE, 0, 1)
        smile = 0.3 + 1.5 * (1 - np.cos(math.pi * since))
        wink = np.clip((time - REST) / BLINK, 0, 1)
        blink = 0.3 + 4.7 * np.sin(math.pi * wink) ** 2
        smiled = smooth(smile + noise)
        half = np.interp(1.8, *_rising(smiled[round(REST * RATE) :], time[round(REST * RATE) :]))
        at_rest = smiled[round(5 * RATE) : round(REST * RATE)]
        delay = 1000 * (half - REST - RISE / 2)
        found.append((at_rest.std(), delay, smooth(blink + noise)[round(REST * RATE) :].max()))
    jitter, delay, peak = np.mean(found, axis=0).tolist()
    return jitter, delay, peak


def _rising(values: Array, time: Array) -> tuple[Array, Array]:
    """Return the part of a track around its first crossing of the half-way point."""
    above = int(np.argmax(values >= 1.8))
    return values[above - 1 : above + 1], time[above - 1 : above + 1]


def moving_average(seconds: float) -> Smooth:
    """Return an exponential moving average with a time constant."""

    def smooth(track: Array) -> Array:
        keep, out = math.exp(-1 / RATE / seconds), [track[0]]
        for value in track[1:]:
            out.append(value + (out[-1] - value) * keep)
        return np.array(out)

    return smooth


def one_euro(settings: OneEuro) -> Smooth:
    """Return the filter with its settings."""

    def smooth(track: Array) -> Array:
        step = OneEuroFilter(settings)
        return np.array([step([value], i / RATE)[0] for i, value in enumerate(track)])

    return smooth


if __name__ == "__main__":
    main()
