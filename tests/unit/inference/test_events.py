import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fau_tf.inference.events import END, GAP, START, Event, EventRule, find_events

NAN = float("nan")
RULE = EventRule(2.0, 1.0, 0.1)


def events(values, rule=RULE, step=0.1):
    return find_events(np.arange(len(values)) * step, values, rule)


def by_a_loop(times, values, rule):
    """Frame by frame, as one would do it by hand."""
    found, run = [], []
    for i in [*range(len(values)), None]:
        if i is not None and values[i] >= rule.low:
            run.append(i)
            continue
        if run:
            first, last = run[0], run[-1]
            apex = first
            for j in run:
                if values[j] > values[apex]:
                    apex = j
            before = START if first == 0 else GAP if math.isnan(values[first - 1]) else ""
            after = END if i is None else GAP if math.isnan(values[i]) else ""
            event = Event(times[first], times[apex], times[last], values[apex], before, after)
            if event.peak >= rule.high and event.duration >= rule.shortest - 1e-9:
                found.append(event)
        run = []
    return found


LEVELS = st.one_of(st.just(NAN), st.sampled_from([0.0, 0.9, 1.0, 1.5, 1.99, 2.0, 3.0, 5.0]))


@settings(max_examples=60, deadline=None)
@given(st.lists(LEVELS, max_size=30), st.integers(0, 99))
def test_events_are_those_of_a_loop_over_frames(values, seed):
    steps = np.random.default_rng(seed).choice([0.0, 0.04, 0.05, 0.2], len(values))
    times = np.cumsum(steps)
    assert find_events(times, values, RULE) == by_a_loop(times.tolist(), values, RULE)


@settings(max_examples=60, deadline=None)
@given(st.lists(LEVELS, max_size=30))
def test_backwards_in_time_the_events_are_the_same(values):
    """Onset and offset change places. Apexes do where the largest value is alone."""
    turned = {"": "", GAP: GAP, START: END, END: START}
    forward, backward = events(values), events(values[::-1])
    last = (len(values) - 1) * 0.1
    assert [(e.peak, e.onset_cut, e.offset_cut) for e in forward] == [
        (e.peak, turned[e.offset_cut], turned[e.onset_cut]) for e in backward[::-1]
    ]
    np.testing.assert_allclose(
        [(e.onset, e.offset) for e in forward],
        [(last - e.offset, last - e.onset) for e in backward[::-1]],
        atol=1e-9,
    )


def test_two_peaks_are_two_events_if_it_falls_below_low_between_them():
    apart, joined = [0, 3, 4, 0.5, 3, 2, 0], [0, 3, 4, 1.0, 3, 2, 0]
    first, second = events(apart)
    assert first == Event(0.1, 0.2, 0.2, 4.0)
    assert (second.onset, second.apex, second.offset, second.peak) == pytest.approx(
        (0.4, 0.4, 0.5, 3.0)
    )
    (one,) = events(joined)
    assert (one.onset, one.apex, one.offset, one.peak) == (0.1, 0.2, 0.5, 4.0)


def test_a_constant_track_is_one_event_cut_at_both_ends_or_none():
    assert events([2.0] * 5) == [Event(0.0, 0.0, 0.4, 2.0, START, END)]
    assert events([1.99] * 5) == []


def test_a_gap_ends_an_event_and_is_said():
    before, after = events([0, 2, 3, NAN, 3, 2, 0])
    assert (before.onset_cut, before.offset_cut) == ("", GAP)
    assert (after.onset_cut, after.offset_cut) == (GAP, "")
    # What lies below HIGH beside the gap is no event.
    assert len(events([0, 2, 3, NAN, 1.5, 1.5, 0])) == 1


def test_an_event_from_the_first_to_the_last_frame_says_so():
    first, last = events([3, 2, 0, 0, 2, 3])
    assert (first.onset_cut, first.offset_cut) == (START, "")
    assert (last.onset_cut, last.offset_cut) == ("", END)


def test_an_event_must_last_and_reach_its_threshold():
    assert events([0, 5, 0]) == []
    assert [e.duration for e in events([0, 5, 5, 0])] == [0.1]
    assert events([0, 1.9, 1.9, 1.9, 0]) == []
    # 0.1 s is there although 0.8 - 0.7 is less in binary.
    assert len(find_events([0.6, 0.7, 0.8, 0.9], [0, 5, 5, 0], RULE)) == 1


def test_no_frames_have_no_events():
    assert find_events([], [], RULE) == []
    assert events([NAN] * 4) == []


@pytest.mark.parametrize(
    ("times", "values", "message"),
    [
        ([0, 1], [1], r"must be \(N,\)"),
        ([[0, 1]], [[1, 1]], r"must be \(N,\)"),
        ([1, 0], [1, 1], "must not fall"),
        ([0, NAN], [1, 1], "must be finite"),
    ],
)
def test_other_tracks_are_refused(times, values, message):
    with pytest.raises(ValueError, match=message):
        find_events(times, values, RULE)


def test_a_rule_is_read_and_named():
    assert EventRule.parse("2,1,0.5") == EventRule(2.0, 1.0, 0.5)
    assert EventRule.parse(str(EventRule())) == EventRule()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2,1", "must be HIGH,LOW,SECONDS.*such as 1,0.5,0.1"),
        ("a,b,c", "must be HIGH,LOW,SECONDS"),
        ("1,2,0.1", "HIGH at least LOW: got 1 and 2"),
        ("1,0,0.1", "above 0"),
        ("nan,1,0.1", "above 0"),
        ("1,0.5,0", r"SECONDS must be 0\.01 or more: got 0"),
        ("1,0.5,nan", "SECONDS must be"),
    ],
)
def test_another_rule_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        EventRule.parse(text)
