"""The command that measures the sides of the face: it refuses before it measures."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from fau_tf.cli import sides as command
from fau_tf.evaluation import sides
from fau_tf.inference import interpreter
from fau_tf.portraits import portrait_set
from tests.helpers.faces import info


@pytest.fixture
def measured(monkeypatch):
    """Return the AUs that are measured, by a model of AU4 and AU12."""
    found = []

    def agreement(_, examples):
        found.append(examples)
        return (sides.Agreement("AU12", 0.9, (0.8, 1.0), 0.5, 1.0, 0.1, 0.0),)

    monkeypatch.setattr(sides, "agreement", agreement)
    monkeypatch.setattr(sides, "rendered", lambda _, *which: which)
    use(monkeypatch, info((4, 12)))
    return found


def use(monkeypatch, model):
    monkeypatch.setattr(interpreter, "AUInterpreter", lambda _: SimpleNamespace(info=model))


def refusal(capsys, *options):
    assert command.main(options) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    return error


def test_only_aus_that_have_sides_by_both_rules_are_measured(monkeypatch, measured, capsys):
    # Rule `jaanet` has sides for AU4 and AU17; the rule of the truth has none.
    use(monkeypatch, replace(info((4, 12, 17)), rule="jaanet"))
    assert command.main(["--subjects", "3"]) == 0
    assert measured == [([12], 3, 80)] * 2  # on two rigs; 1.25 times 64 px
    assert "| AU12 | 0.90 (0.80 to 1.00) | 0.50 | 100% |" in capsys.readouterr().out


def test_nothing_is_measured_if_nothing_can_be(monkeypatch, measured, capsys):
    assert "--subjects must be at least 1. Received: 0" in refusal(capsys, "--subjects", "0")
    use(monkeypatch, info((4, 25, 45)))
    assert "none of its AUs [4, 25, 45] can be shown one-sided" in refusal(capsys)
    assert not measured


def test_publishing_needs_a_checkout(monkeypatch, measured, tmp_path, capsys):
    monkeypatch.setattr(command, "_ROOT", tmp_path)
    assert "--write needs a checkout" in refusal(capsys, "--write")
    (tmp_path / "docs" / "experiments").mkdir(parents=True)
    assert not measured
    assert command.main(["--write"]) == 0
    page = (tmp_path / "docs" / "experiments" / "sides.md").read_text()
    assert "rig anny" in page
    assert "Written by `python -m fau_tf.cli.sides --subjects 10 --write`: " in page


@pytest.mark.usefixtures("measured")
def test_a_person_with_several_portraits_is_one_subject(monkeypatch, capsys):
    portraits = SimpleNamespace(
        part=np.array(["validation"] * 4 + ["train"]),
        expression=np.array(["neutral"] * 3 + ["smiling", "neutral"]),
        subject=np.array(["a", "b", "a", "c", "d"]),
    )
    monkeypatch.setattr(portrait_set, "load_set", lambda _: portraits)
    monkeypatch.setattr(sides, "edited", lambda *_: [])
    assert command.main(["--portraits", "set", "--credit", "Somebody. CC0."]) == 0
    page = capsys.readouterr().out
    assert "## Edited portraits of 2 validation subjects\n" in page
    assert "cli.sides --portraits SET --credit TEXT --subjects 10`: " in page
