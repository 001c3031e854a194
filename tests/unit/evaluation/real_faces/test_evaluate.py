"""The evaluation of a folder of rendered people, its page and its command."""

import copy
import json

import numpy as np
import pytest

from fau_tf.cli import evaluate as command
from fau_tf.evaluation.real_faces import evaluate
from fau_tf.evaluation.real_faces.edits import edit as edits
from fau_tf.evaluation.real_faces.report import page as report
from fau_tf.evaluation.real_faces.report.groups import group_rows
from fau_tf.inference.model_info import default_model
from tests.helpers.photo_folders import write_photo_folder

GROUPS = """
[groups]
table = "people.csv"
subject = "id"
columns = { sex = "sex" }
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return six people, of whom 1 and 5 are the validation part, with a table of groups."""
    folder = tmp_path_factory.mktemp("photos") / "people"
    write_photo_folder(folder, 6, shown=(1, 5))
    (folder / "people.csv").write_text("id,sex\n1,female\n5,male\n")
    file = folder / "portraits.toml"
    file.write_text(file.read_text() + GROUPS)
    return folder


@pytest.fixture(scope="module")
def found(folder, tmp_path_factory):
    """Return the figures of the packaged model, compared with itself."""
    model, kept = default_model(), tmp_path_factory.mktemp("kept")
    return evaluate.evaluate_folder(model, folder, "validation", other=model, kept=kept)


def test_rendered_smiles_and_edits_are_seen(found):
    """The packaged model was trained on such faces: every smile raises AU12 and AU25."""
    assert (found["subjects"], found["photos"], found["not_found"]) == (2, 4, 0)
    assert (found["collection"]["name"], found["part"]) == ("people", "validation")
    figures = found["readers"]["model"]["versions"]
    assert list(figures) == ["color", "gray", "half size", "JPEG 25", "painted glasses"]
    smile = figures["color"]["smile"]
    assert (smile["subjects"], smile["auc"]["AU12"]["value"]) == (2, 1)
    assert smile["rises"]["AU25"]["value"] == 1
    rows = {row["edit"]: row for row in found["readers"]["model"]["edited"]}
    assert rows["jaw down"]["faces"] == 2
    assert rows["jaw down"]["median_rise"]["AU26"] > 1
    assert found["stability"]["faces"] == 4


def test_the_selection_has_the_figures_of_its_parts(found):
    for name in ("model", "blendshapes"):
        chosen, figures = found["selection"][name], found["readers"][name]
        versions = figures["versions"]
        assert chosen["neutral_alarms"] == versions["color"]["neutral"]["all"]["value"]
        assert chosen["gray_alarms"] == versions["gray"]["neutral"]["all"]["value"]
        areas = [row["value"] for row in versions["color"]["smile"]["auc"].values()]
        assert chosen["smile_auc"] == pytest.approx(np.mean(areas))
        alone = [row["share_risen_by_1"] for row in figures["edited"] if len(row["aus"]) == 1]
        assert chosen["edited_rise"] == pytest.approx(np.mean(alone))
        assert len(alone) == len(figures["edited"]) - 1
    assert found["selection"]["model"]["shift_p95"] > 0
    assert np.isnan(found["selection"]["blendshapes"]["shift_p95"])


def test_a_model_compared_with_itself_differs_nowhere(found):
    compared = found["compared"]
    assert compared["a"] == compared["b"]
    assert compared["a"]["name"] == found["model"]
    assert (compared["aus"], compared["only_a"], compared["only_b"]) == (found["aus"], [], [])
    chosen = {name: row["a"] for name, row in compared["selection"].items()}
    assert chosen == pytest.approx(found["selection"]["model"])
    for part in ("selection", "neutral_alarms", "smile_auc", "edited_rise"):
        for row in compared[part].values():
            assert (row["difference"], row["interval"]) == (0, [0, 0])


def test_the_share_of_faces_on_which_an_edited_au_rises_is_stated_per_au(found):
    for figures in found["readers"].values():
        alone = {row["aus"][0]: row for row in figures["edited"] if len(row["aus"]) == 1}
        assert len(alone) == len(found["aus"])
        for label, row in zip(found["aus"], sorted(alone), strict=True):
            assert figures["edited_per_au"][label]["value"] == alone[row]["share_risen_by_1"]
            assert figures["edited_per_au"][label]["faces"] == alone[row]["faces"]


def test_groups_of_the_table_are_counted(found):
    """Two people are too few for figures of their groups."""
    for figures in found["readers"].values():
        (row,) = figures["groups"]["sex"]
        assert (row["group"], row["subjects"], row["smiles"]) == ("other", 2, 2)


def test_the_page_has_every_figure_and_the_credit(found):
    page = report.report_page(found, "--part validation")
    assert "Photos: the tests. CC0." in page
    assert "the validation part of `people`" in page
    for heading in (
        "Comparison",
        "By group",
        "Neutral faces",
        "Smiles",
        "Gray, small",
        "Edited AUs",
        "Stability",
    ):
        assert f"## {heading}" in page
    for row in edits.ROWS:
        assert page.count(f"| {row.name} |") == 2 * (set(row.aus) <= set(default_aus()))
    assert "| shifted by 1/32 of the crop: 95th percentile of the change |" in page
    lines = [line for line in page.splitlines() if line.startswith("|")]
    assert len(lines) > 50
    assert "nan" not in page


def default_aus():
    from fau_tf.inference.model_info import read_model

    return read_model(default_model())[1].aus


def test_the_model_card_gets_figures_credit_and_groups(found):
    card = report.card_summary(found)
    assert (card["part"], card["subjects"]) == ("validation", 2)
    assert found["collection"]["license"] in card["credit"]
    assert all(len(row) == len(card["heads"]) for row in card["rows"])
    alarms = found["selection"]["model"]["neutral_alarms"]
    assert card["rows"][0][1] == f"{alarms:.1%}"
    assert [row[0] for row in card["rows"][5:]] == [f"smiles: AUC of AU{n}" for n in (12, "06", 25)]
    assert card["groups"] == group_rows(found)


def test_a_page_without_smiles_says_so(found):
    changed = copy.deepcopy(found)
    for name in changed["readers"]:
        for figures in changed["readers"][name]["versions"].values():
            figures["smile"]["subjects"] = 0
    page = report.report_page(changed, "")
    assert "## Smiles" not in page
    assert "AUC of AU12" not in page
    assert "## Edited AUs" in page


def test_a_page_of_a_model_without_unrelated_aus_has_dashes(found):
    changed = copy.deepcopy(found)
    row = changed["readers"]["model"]["edited"][0]
    row |= {
        "largest_other": None,
        "largest_other_of_a_face": float("nan"),
        "share_above_others": float("nan"),
    }
    line = next(
        one for one in report.report_page(changed, "").splitlines() if f"| {row['edit']} |" in one
    )
    assert line.endswith("| - | - | - |")


def test_the_command_publishes_page_and_picture(folder, found, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(command, "_ROOT", tmp_path)
    monkeypatch.setattr(evaluate, "evaluate_folder", lambda *_, **__: found)
    options = ["real-faces", str(folder), "--json", str(tmp_path / "found.json"), "--write"]
    assert command.main(options) == 2
    assert "--write needs a checkout" in capsys.readouterr().err
    (tmp_path / "docs" / "experiments").mkdir(parents=True)
    (tmp_path / "docs" / "images").mkdir()
    assert command.main(options) == 0
    page = (tmp_path / "docs" / "experiments" / "real_faces.md").read_text()
    assert "evaluate real-faces FOLDER --part validation --write`: `" in page
    assert page in capsys.readouterr().out
    assert (tmp_path / "docs" / report.PICTURE).stat().st_size > 10_000
    kept = json.loads((tmp_path / "found.json").read_text())
    assert kept["selection"]["blendshapes"]["shift_p95"] is None
    assert kept["selection"]["model"] == found["selection"]["model"]


def test_the_test_part_is_read_only_when_it_is_named(folder, monkeypatch):
    asked = []
    monkeypatch.setattr(
        evaluate, "evaluate_folder", lambda *given, **_: asked.append(given[2]) or {}
    )
    monkeypatch.setattr(report, "report_page", lambda *_: "")
    for options in ([], ["--part", "test"]):
        assert command.main(["real-faces", str(folder), *options]) == 0
    assert asked == ["validation", "test"]


def test_the_command_compares_with_a_second_model(folder, found, monkeypatch, capsys, tmp_path):
    asked = {}
    monkeypatch.setattr(
        evaluate, "evaluate_folder", lambda *_, **given: asked.update(given) or found
    )
    assert command.main(["real-faces", str(folder), "--compare", str(tmp_path / "b.tflite")]) == 0
    assert asked["other"] == tmp_path / "b.tflite"
    page = capsys.readouterr().out
    assert "| figure | better | A | B | B - A |" in page
    assert "real-faces FOLDER --part validation --compare FILE`: `" in page


def test_photos_that_a_rule_leaves_out_are_not_read(tmp_path, capsys):
    rules = "[[rule]]\nfiles = 'neutral*'\nexpression = 'neutral'\nskip = true\n"
    file = tmp_path / "mine.toml"
    file.write_text(f'license = "CC0"\nattribution = "the tests"\nfolder = "faces"\n{rules}')
    (tmp_path / "faces").mkdir()
    options = ["real-faces", str(file), "--part", "all", "--data", str(tmp_path / "data")]
    for name, text in (
        (
            "neutral.png",
            "the part 'all' is empty: `skip` in mine.toml leaves out all of its photos (1)",
        ),
        ("other.png", "none of 1 photos is 'neutral'. State in mine.toml which are"),
    ):
        (tmp_path / "faces" / name).touch()
        assert command.main(options) == 2
        assert text in capsys.readouterr().err.splitlines()[-1]


def test_photos_without_neutral_faces_and_empty_parts_are_refused(folder, tmp_path, capsys):
    (tmp_path / "portraits.toml").write_text('license = "CC0"\nattribution = "the tests"\n')
    (tmp_path / "a.png").write_bytes((folder / "smiling" / "1_smiling.png").read_bytes())
    options = ["real-faces", str(tmp_path), "--data", str(tmp_path / "data")]
    for more, text in (
        (["--part", "all"], "none of 1 photos is 'neutral'. State in portraits.toml"),
        ([], "the part 'validation' is empty. Add [split] to portraits.toml"),
    ):
        assert command.main([*options, *more]) == 2
        error = capsys.readouterr().err.splitlines()[-1]
        assert error.startswith("error: ")
        assert text in error
