"""The folder that an app gets: made at once or not at all, described, listed and checked."""

import json
import shutil

import pytest
from ai_edge_litert.interpreter import Interpreter

from export.bundle import folder as module
from export.bundle import manifest
from export.bundle.__main__ import main
from export.bundle.folder import describe, make_assets, relist
from export.bundle.models import AssetError
from fau_tf import contract, facs
from fau_tf.utils.files import file_sha256
from tests.helpers.asset_folder import contents, write_by_hand, write_described, write_export
from tests.helpers.tiny_model import HEATMAP, SIZE


@pytest.fixture(scope="module")
def described(tmp_path_factory):
    return write_described(tmp_path_factory.mktemp("assets") / "assets")


@pytest.fixture
def folder(described, tmp_path):
    """A copy to change."""
    return shutil.copytree(described, tmp_path / "assets")


@pytest.fixture
def no_golden(monkeypatch):
    """Golden vectors take seconds, and are of another test."""

    def write(_, folder, *, say):
        folder.mkdir()
        (folder / "index.json").write_text("{}")
        say("golden")

    monkeypatch.setattr(module, "write_golden", write)


def check(folder, capsys):
    """Return the exit code and the faults."""
    code = main(["check", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"== {folder}"
    return code, [line.strip() for line in lines[1:-1]]


def test_a_described_folder_is_whole(described, capsys):
    assert check(described, capsys) == (0, [])
    names = {path for path in contents(described) if "/" not in path}
    assert names == {
        "README.md", "face_landmarker.task", "fau_t_float16.tflite", "fau_t_float16.json",
        "fau_t_static_int8.tflite", "fau_t_static_int8.json", "report.md", "parity.json",
        "labels.txt", "fau_metadata.json", "MODEL_CARD.md", "NOTICE", "LICENSE", "manifest.json",
    }  # fmt: skip


def test_the_manifest_has_every_file_but_itself(described):
    listed = json.loads((described / "manifest.json").read_text())
    rows = {row["path"]: row for row in listed["files"]}
    there = contents(described)
    assert set(rows) == set(there) - {"manifest.json"}
    assert all(row["bytes"] == len(there[path]) for path, row in rows.items())
    assert all(row["sha256"] == file_sha256(described / path) for path, row in rows.items())
    by_hand = {path for path, row in rows.items() if not row["generated"]}
    assert by_hand == {"README.md", "face_landmarker.task", "kotlin/Reader.kt"}


def test_the_same_models_give_the_same_bytes(folder):
    before = contents(folder)
    describe(folder, say=str)
    assert contents(folder) == before


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("kotlin/Reader.kt", "kotlin/Reader.kt"),
        ("golden/index.json", "golden/index.json"),
        ("labels.txt", "labels.txt"),
        ("fau_t_float16.tflite", "fau_t_float16.tflite"),
    ],
)
def test_a_file_that_is_missing_or_altered_is_named(path, said, folder, capsys):
    content = (folder / path).read_bytes()
    (folder / path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # as long as before
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith(f"altered: {said}.")
    (folder / path).unlink()
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith(f"missing: {said}.")


def test_a_file_that_nobody_listed_is_named(folder, capsys):
    (folder / "golden" / "more.bin").write_bytes(b"1")
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("unknown: golden/more.bin.")


@pytest.mark.parametrize(
    "text", [None, "[]", "{}", '{"format": 2, "files": [], "contract_version": 1}']
)
def test_a_manifest_that_is_none_is_said(text, folder, capsys):
    (folder / "manifest.json").unlink()
    if text is not None:
        (folder / "manifest.json").write_text(text)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("manifest.json: ")


@pytest.mark.parametrize("name", ["fau_metadata.json", "labels.txt", "MODEL_CARD.md", "NOTICE"])
def test_what_is_generated_and_edited_by_hand_is_stale(name, folder, capsys):
    with (folder / name).open("a") as file:
        file.write("\n")
    relist(folder)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith(f"stale: {name}.")


def test_golden_vectors_that_are_listed_but_wrong_are_said(folder, capsys):
    path = folder / "golden" / "small.matrix.bin"
    path.write_bytes(path.read_bytes()[::-1])
    relist(folder)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("small, matrix: golden values must be within 1e-06 crop px")


def test_what_is_by_hand_may_change_and_is_listed_anew(folder, capsys):
    before = contents(folder)
    (folder / "kotlin" / "Reader.kt").write_text("class Reader2\n")
    (folder / "kotlin" / "test").mkdir()
    (folder / "kotlin" / "test" / "More.kt").write_text("class More\n")
    assert main(["relist", str(folder)]) == 0
    capsys.readouterr()
    assert check(folder, capsys) == (0, [])
    after = contents(folder)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {"kotlin/Reader.kt", "kotlin/test/More.kt", "manifest.json"}


def test_a_stray_file_is_refused_before_anything_is_written(folder, capsys):
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    for command in ("describe", "relist"):
        assert main([command, str(folder)]) == 2
        assert "Received: notes.txt. Move it out" in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["README.md", "face_landmarker.task"])
def test_a_folder_without_what_is_by_hand_is_refused(name, folder, capsys):
    (folder / name).unlink()
    assert main(["describe", str(folder)]) == 2
    assert f"Assets must have {name}" in capsys.readouterr().err


def test_no_folder_and_no_models_are_refused(tmp_path, capsys):
    assert main(["describe", str(tmp_path / "none")]) == 2
    assert "must be the folder of assets" in capsys.readouterr().err
    assert main(["describe", str(write_by_hand(tmp_path / "empty"))]) == 2
    assert "must hold a .tflite file with its JSON. Received: none" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_models_of_two_networks_are_refused(folder):
    path = folder / "fau_t_static_int8.json"
    entries = json.loads(path.read_text())
    path.write_text(json.dumps(entries | {"training_data": {"kind": "synthetic faces"}}))
    with pytest.raises(AssetError, match=r"variants of one network.*training_data"):
        describe(folder, say=str)


def test_a_model_that_was_not_judged_is_refused(folder):
    path = folder / "fau_t_float16.json"
    entries = json.loads(path.read_text())
    del entries["parity"]
    path.write_text(json.dumps(entries))
    with pytest.raises(AssetError, match=r"judged\. Received: no parity"):
        describe(folder, say=str)


@pytest.mark.usefixtures("no_golden")
def test_new_models_take_the_place_of_all_old_ones(folder):
    def export(stage):
        write_export(stage, ("float16",), name="new")
        return []

    assert make_assets(folder, export, say=str) == []
    models = [path.name for path in sorted(folder.glob("*.tflite"))]
    assert models == ["fau_new_float16.tflite"]
    assert not list(folder.glob("fau_t_*"))
    assert [path.name for path in (folder / "golden").iterdir()] == ["index.json"]
    assert (folder / "kotlin" / "Reader.kt").read_text() == "class Reader\n"
    assert manifest.manifest_problems(folder) == []


def refuses(stage):
    write_export(stage, ("float16",), name="new")
    return ["static_int8"]


def is_stopped(stage):
    write_export(stage, ("float16",), name="new")
    raise KeyboardInterrupt


def is_unusable(stage):
    write_export(stage, ("float16",), name="new")
    (stage / "fau_new_float16.tflite").write_bytes(b"no model")


@pytest.mark.parametrize(
    ("export", "error"),
    [(refuses, None), (is_stopped, KeyboardInterrupt), (is_unusable, AssetError)],
    ids=["refused", "stopped", "unusable"],
)
def test_where_it_can_not_be_made_whole_the_folder_stays(export, error, folder):
    before = contents(folder)
    if error:
        with pytest.raises(error):
            make_assets(folder, export, say=str)
    else:
        assert make_assets(folder, export, say=str) == ["static_int8"]
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_golden_vectors_that_fail_leave_the_folder(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "there")

    monkeypatch.setattr(module, "write_golden", full)
    before = contents(folder)
    assert main(["describe", str(folder)]) == 2
    assert contents(folder) == before


def test_the_metadata_is_that_of_the_files(described):
    told = json.loads((described / "fau_metadata.json").read_text())
    assert told["contract_version"] == contract.CONTRACT_VERSION
    tensors = {row["name"]: row for row in [*told["inputs"], *told["outputs"]]}
    for variant, row in told["variants"].items():
        path = described / row["file"]
        assert (path.stat().st_size, file_sha256(path)) == (row["bytes"], row["sha256"]), variant
        run = Interpreter(model_path=str(path)).get_signature_runner(told["signature"])
        found = run.get_input_details() | run.get_output_details()
        assert {name: detail["shape"].tolist() for name, detail in found.items()} == {
            name: tensor["shape"] for name, tensor in tensors.items()
        }
        assert set(row["tolerances"]) == set(row["accelerators"])
    assert (told["image_size"], told["heatmap_size"]) == (SIZE, HEATMAP)
    assert told["landmarks"]["sha256"] == file_sha256(described / told["landmarks"]["file"])
    assert len(told["landmarks"]["ibug68_from_mesh"]) == 68


def test_the_metadata_names_each_center_of_each_au_once(described):
    told = json.loads((described / "fau_metadata.json").read_text())
    assert [row["label"] for row in told["aus"]] == (described / "labels.txt").read_text().split()
    assert {row["number"]: row["name"] for row in told["aus"]} == {
        au: unit.name for au, unit in facs.AUS.items()
    }
    channels = {
        center["channel"]: center["name"] for row in told["aus"] for center in row["centers"]
    }
    assert [channels[i] for i in range(len(channels))] == told["centers"]
    assert len(told["centers"]) == told["outputs"][1]["shape"][-1]


def test_intervals_and_weak_aus_are_in_the_metadata_and_the_card(described):
    told = json.loads((described / "fau_metadata.json").read_text())
    assert told["intervals"]["level"] == 0.9
    by_label = {row["label"]: row for row in told["aus"]}
    assert by_label["AU06"]["interval"] == {"below": [-0.5] * 6, "above": [0.25] * 6}
    assert [label for label, row in by_label.items() if "low_reliability" in row] == ["AU10"]
    card = (described / "MODEL_CARD.md").read_text()
    assert "an interval for 90% of the truths" in card
    assert "- AU10: it rises by 0.10 only" in card


def test_the_card_has_the_figures_of_the_export_and_no_others(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    table = [line for line in card.splitlines() if line.startswith("| AU06")]
    assert table == ["| AU06 | Cheek Raiser | 0.81 | 0.38 | 0.44 | 0.38 |"]
    assert "70 faces of 7 test people (`synthetic-canonical`)" in card
    assert "A CPU of tests" in card
    assert "**not been measured**" in card
    path = folder / "fau_t_float16.json"
    entries = json.loads(path.read_text())
    entries["parity"]["per_au"]["AU06"]["icc"] = 0.123
    path.write_text(json.dumps(entries))
    assert (
        "| AU06 | Cheek Raiser | 0.12 |"
        in module._texts(module.read_models(folder), folder, folder)["MODEL_CARD.md"]
    )


def test_sizes_have_limits(folder, capsys, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_FOLDER", 1000)
    monkeypatch.setattr(manifest, "MAX_APP", 1000)
    code, lines = check(folder, capsys)
    assert code == 2
    assert "The folder must be at most 1000 bytes" in lines[0]
    assert [line.split(":")[0] for line in lines[1:]] == [
        "fau_t_float16.tflite",
        "fau_t_static_int8.tflite",
    ]


def a_command(refused):
    """Return a stand-in for `export.command.export_command`, and what it was asked for."""
    asked = []

    def command(run, variants, out, data, *, name, may_skip, say):
        asked.append((str(run), [row.name for row in variants], str(data), name, may_skip))
        write_export(out, [row.name for row in variants], name=name)
        say("exported")
        return refused

    return command, asked


@pytest.mark.usefixtures("no_golden")
def test_a_run_becomes_the_folder_with_a_variant_for_each_accelerator(folder, monkeypatch):
    command, asked = a_command([])
    monkeypatch.setattr("export.command.export_command", command)
    assert main(["make", str(folder), "--run", "r", "--name", "small", "--data", "d"]) == 0
    assert asked == [("r", ["float16", "static_int8"], "d", "small", False)]
    told = json.loads((folder / "fau_metadata.json").read_text())["variants"]
    assert {row["file"] for row in told.values()} == {
        "fau_small_float16.tflite",
        "fau_small_static_int8.tflite",
    }
    assert {place for row in told.values() for place in row["accelerators"]} == {"cpu", "gpu"}
    assert "gpu" in told["float16"]["accelerators"]


def test_a_refused_variant_is_exit_code_2_and_named(folder, monkeypatch, capsys):
    command, _ = a_command(["static_int8"])
    monkeypatch.setattr("export.command.export_command", command)
    before = contents(folder)
    assert main(["make", str(folder), "--run", "r", "--name", "n", "--spec", "float16"]) == 2
    assert "gates refuse static_int8" in capsys.readouterr().err
    assert contents(folder) == before


def test_a_folder_that_can_not_be_made_is_refused_before_the_export(folder, monkeypatch, capsys):
    command, asked = a_command([])
    monkeypatch.setattr("export.command.export_command", command)
    (folder / "README.md").unlink()
    assert main(["make", str(folder), "--run", "r", "--name", "n"]) == 2
    assert "Assets must have README.md" in capsys.readouterr().err
    assert asked == []


def test_ctrl_c_is_exit_code_130(folder, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("export.command.export_command", stopped)
    before = contents(folder)
    assert main(["make", str(folder), "--run", "r"]) == 130
    assert capsys.readouterr().err == "error: stopped. Run it again.\n"
    assert contents(folder) == before


def test_a_run_that_is_none_is_one_line(folder, tmp_path, capsys):
    assert main(["make", str(folder), "--run", str(tmp_path / "none")]) == 2
    assert "a finished run must hold" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given", [[], ["make", "x"], ["check"]], ids=["none", "no run", "no folder"]
)
def test_usage_errors_are_exit_code_2(given, capsys):
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 2
    assert "python -m export.bundle" in capsys.readouterr().err
