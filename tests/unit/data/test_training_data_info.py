"""What an exported model states about the faces it was trained on."""

from export.bundle import documents
from fau_tf.data.datasets import training_data_info
from tests.helpers.portraits import write_portraits


def test_portraits_are_credited(tmp_path):
    write_portraits(tmp_path)
    found = training_data_info("synthetic-canonical", portraits=[str(tmp_path)])
    assert found["kind"] == "synthetic faces and edited portraits"
    assert found["portraits"] == ["made: CC0"]
    plain = training_data_info("synthetic-canonical")
    assert plain["kind"] == "synthetic faces"
    assert "portraits" not in plain


def test_the_model_card_knows_every_kind(tmp_path):
    write_portraits(tmp_path)
    for name in ("synthetic-canonical", "disfa"):
        for portraits in ([], [str(tmp_path)]):
            assert training_data_info(name, portraits=portraits)["kind"] in documents._DATA
