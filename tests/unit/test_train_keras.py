import pytest

import train_keras
from fau_tf.training import setup


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--set", "training.epoch=3"], "Did you mean `epochs`"),
        (["--set", "data.subjects=5"], "must be at least 10"),
        (["--runs", "README.md/x"], "Give another --runs"),
        (["--config", "nowhere.toml"], "nowhere.toml"),
    ],
)
def test_a_mistake_ends_in_one_line_and_exit_code_2(more, message, monkeypatch, capsys):
    monkeypatch.setattr(setup, "make_deterministic", lambda _config: None)
    assert train_keras.main(more) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error:")
    assert message in line
