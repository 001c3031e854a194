"""The asset folder: written completely or not at all, described, listed and checked."""

import json

import pytest
from ai_edge_litert.interpreter import Interpreter

from export.bundle import folder as module
from export.bundle import manifest
from export.bundle.__main__ import main
from export.bundle.documents import model_card, notice
from export.bundle.folder import describe, make_assets, relist
from export.bundle.metadata import metadata
from export.bundle.models import AssetError, own_figures, read_models
from export.export import ExportResult
from fau_tf import contract, facs
from fau_tf.utils.files import file_sha256
from tests.helpers.asset_folder import contents, write_by_hand, write_export
from tests.helpers.tiny_model import AUS, HEATMAP, SIZE


@pytest.fixture
def no_golden(monkeypatch):
    """Golden vectors take seconds and have tests of their own."""

    def write(_, folder, *, log):
        folder.mkdir()
        (folder / "index.json").write_text("{}")
        log("golden")

    monkeypatch.setattr(module, "write_golden", write)


def check(folder, capsys):
    """Return the exit code and the faults."""
    code = main(["check", str(folder)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"== {folder}"
    return code, [line.strip() for line in lines[1:-1]]


def change_json(path, change):
    entries = json.loads(path.read_text())
    change(entries)
    path.write_text(json.dumps(entries))


def test_a_described_folder_passes_the_check(described, capsys):
    assert check(described, capsys) == (0, [])
    names = {path for path in contents(described) if "/" not in path}
    assert names == {
        "README.md", "face_landmarker.task", "fau_t_float16.tflite", "fau_t_float16.json",
        "fau_t_static_int8.tflite", "fau_t_static_int8.json", "report.md", "parity.json",
        "labels.txt", "fau_metadata.json", "MODEL_CARD.md", "NOTICE", "LICENSE", "manifest.json",
    }  # fmt: skip


def test_the_manifest_lists_every_other_file(described):
    listed = json.loads((described / "manifest.json").read_text())
    rows = {row["path"]: row for row in listed["files"]}
    present = contents(described)
    assert set(rows) == set(present) - {"manifest.json"}
    assert all(row["bytes"] == len(present[path]) for path, row in rows.items())
    assert all(row["sha256"] == file_sha256(described / path) for path, row in rows.items())
    by_hand = {path for path, row in rows.items() if not row["generated"]}
    assert by_hand == {"README.md", "face_landmarker.task", "kotlin/Reader.kt"}


@pytest.mark.parametrize("path", ["kotlin/Reader.kt", "golden/index.json", "fau_t_float16.tflite"])
def test_a_missing_or_altered_file_is_named(path, folder, capsys):
    content = (folder / path).read_bytes()
    (folder / path).write_bytes(content[:-1] + bytes([content[-1] ^ 1]))  # of the same size
    code, (line,) = check(folder, capsys)
    assert (code, line.partition(" must")[0]) == (2, f"altered: {path}")
    (folder / path).unlink()
    code, (line,) = check(folder, capsys)
    assert (code, line.partition(" is")[0]) == (2, f"missing: {path}")


def test_an_unlisted_file_is_named_and_describe_removes_it(folder, capsys):
    (folder / "golden" / "more.bin").write_bytes(b"1")
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("unknown: golden/more.bin ")
    assert main(["describe", str(folder)]) == 0
    capsys.readouterr()
    assert check(folder, capsys) == (0, [])


@pytest.mark.parametrize(
    "text", [None, "[]", "{}", '{"format": 2, "files": [], "contract_version": 1}']
)
def test_an_unusable_manifest_is_reported(text, folder, capsys):
    (folder / "manifest.json").unlink()
    if text is not None:
        (folder / "manifest.json").write_text(text)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("manifest.json: ")


@pytest.mark.parametrize("name", ["fau_metadata.json", "labels.txt", "MODEL_CARD.md", "NOTICE"])
def test_a_generated_file_that_was_edited_is_stale(name, folder, capsys):
    with (folder / name).open("a") as file:
        file.write("\n")
    relist(folder)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith(f"stale: {name} ")


def test_wrong_golden_vectors_are_reported_though_they_are_listed(folder, capsys):
    path = folder / "golden" / "small.matrix.bin"
    path.write_bytes(path.read_bytes()[::-1])
    relist(folder)
    code, (line,) = check(folder, capsys)
    assert code == 2
    assert line.startswith("small, matrix: golden values must be within 1e-06 crop px")


def test_hand_written_files_may_change_after_relist(folder, capsys):
    before = contents(folder)
    (folder / "kotlin" / "Reader.kt").write_text("class Reader2\n")
    (folder / "kotlin" / "test").mkdir()
    (folder / "kotlin" / "test" / "More.kt").write_text("class More\n")
    assert main(["relist", str(folder)]) == 0
    assert check(folder, capsys) == (0, [])
    after = contents(folder)
    changed = {path for path in after if after[path] != before.get(path)}
    assert changed == {"kotlin/Reader.kt", "kotlin/test/More.kt", "manifest.json"}


def test_a_file_that_does_not_belong_is_refused_before_anything_is_written(folder, capsys):
    (folder / "notes.txt").write_text("mine")
    before = contents(folder)
    for command in ("describe", "relist"):
        assert main([command, str(folder)]) == 2
        assert "Received: notes.txt. Move it out" in capsys.readouterr().err
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["README.md", "face_landmarker.task", "parity.json"])
def test_a_folder_without_a_required_file_is_refused(name, folder, capsys):
    (folder / name).unlink()
    assert main(["describe", str(folder)]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: An asset folder must have ")
    assert name in message


def test_a_missing_folder_and_missing_models_are_refused(tmp_path, capsys):
    assert main(["describe", str(tmp_path / "none")]) == 2
    assert "must be the asset folder" in capsys.readouterr().err
    assert main(["describe", str(write_by_hand(tmp_path / "empty"))]) == 2
    assert "must have a .tflite file with its JSON file" in capsys.readouterr().err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda j: j.update(training_data={"kind": "real faces"}), r"one network.*training_data"),
        (lambda j: j.pop("parity"), r"an evaluated variant\. Received: no parity"),
        (lambda j: j.update(variant="int3"), r"an evaluated variant\. Received: variant 'int3'"),
        (lambda j: j["crop"]["anchors_ibug68"].pop(), "`crop` and `au_names` must be those of"),
        (lambda j: j.update(sha256="0"), "must have the SHA-256"),
    ],
    ids=["two networks", "not evaluated", "unknown variant", "other crop", "other file"],
)
def test_a_model_that_can_not_be_shipped_is_refused(change, message, folder):
    change_json(folder / "fau_t_static_int8.json", change)
    with pytest.raises(AssetError, match=message):
        describe(folder, log=str)


def test_a_fine_tuned_variant_may_have_intervals_of_its_own(folder):
    path = folder / "fau_t_static_int8.json"
    change_json(path, lambda j: j.update(coverage={"covered": 0.5}))
    with pytest.raises(AssetError, match=r"one network.*coverage"):
        read_models(folder)
    change_json(path, lambda j: j.update(variant="qat_int8"))
    models = read_models(folder)
    assert [model.variant for model in models] == ["float16", "qat_int8"]
    assert own_figures(models) == "Those of the fine-tuned variant are in `fau_t_static_int8.json`."
    assert own_figures(models[:1]) == ""


def test_a_model_of_recordings_has_their_terms_and_not_the_packages_license(folder):
    for path in folder.glob("fau_t_*.json"):
        change_json(path, lambda j: j.update(training_data={"name": "own", "kind": "real faces"}))
    models = read_models(folder)
    found = metadata(models, folder / "face_landmarker.task")
    assert found["license"] == "the terms of the training data"
    said = notice(models)
    assert "trained on real faces (own). The terms of that data set apply.\n" in said
    assert "trained by this project" not in said.partition("----")[0]
    own = model_card(models, {"cpu": "x", "architecture": "y"}).partition("## License")[2]
    assert own.strip().startswith("The models: the terms of the training data. All other files")


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("_disk", lambda path: len(path.parts), "is a disk or volume of its own: name a folder"),
        ("_is_writable", lambda _: False, "must be writable.*Name a folder in another place"),
    ],
)
def test_a_folder_that_can_not_be_moved_into_is_refused_before_the_export(
    folder, monkeypatch, name, value, message
):
    monkeypatch.setattr(module, name, value)
    with pytest.raises(AssetError, match=message):
        make_assets(folder, lambda _: pytest.fail("exported"), log=str)


@pytest.mark.usefixtures("no_golden")
def test_new_models_replace_all_old_ones(folder):
    def export(stage):
        write_export(stage, ("float16",), name="new")
        return []

    assert make_assets(folder, export, log=str) == []
    assert [path.name for path in folder.glob("fau_*.tflite")] == ["fau_new_float16.tflite"]
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


def fills_the_disk(*_, **__):
    raise OSError(28, "No space left on device", "there")


@pytest.mark.parametrize(
    ("export", "error"),
    [(refuses, None), (is_stopped, KeyboardInterrupt), (is_unusable, AssetError)],
    ids=["refused", "stopped", "unusable"],
)
def test_after_a_failed_make_the_folder_is_unchanged(export, error, folder):
    before = contents(folder)
    if error:
        with pytest.raises(error):
            make_assets(folder, export, log=str)
    else:
        assert make_assets(folder, export, log=str) == ["static_int8"]
    assert contents(folder) == before
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_new_golden_writes_anew_and_a_failed_describe_leaves_the_folder(folder, monkeypatch):
    monkeypatch.setattr(module, "write_golden", fills_the_disk)
    before = contents(folder)
    assert main(["describe", str(folder), "--new-golden"]) == 2
    assert contents(folder) == before


def test_what_android_studio_writes_is_no_part_of_the_folder(folder, capsys):
    for path in ("local.properties", ".gradle/9/x.bin", "app/build/out.apk", ".idea/x.xml"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(b"1")
    assert check(folder, capsys) == (0, [])
    relist(folder)
    assert check(folder, capsys) == (0, [])


@pytest.mark.usefixtures("no_golden")
@pytest.mark.parametrize("name", ["new", "a/b/new", "empty"])
def test_a_new_folder_gets_the_project_of_this_checkout(name, tmp_path):
    (tmp_path / "empty").mkdir()
    folder = tmp_path / name
    assert make_assets(folder, lambda stage: write_export(stage) or [], log=str) == []
    shipped = {path for path in manifest.files(module.SHIPPED) if not manifest.is_generated(path)}
    present = contents(folder)
    assert {path for path in present if not manifest.is_generated(path)} == shipped
    assert {"settings.gradle.kts", "app/build.gradle.kts", "kotlin/FauReader.kt"} <= shipped
    assert all(present[path] == (module.SHIPPED / path).read_bytes() for path in shipped)
    assert (folder / "gradlew").stat().st_mode & 0o111
    assert manifest.manifest_problems(folder) == []
    assert {"fau_t_float16.tflite", "fau_metadata.json", "MODEL_CARD.md"} <= set(present)
    assert list(tmp_path.rglob(".assets-*")) == []


def test_a_new_folder_is_not_made_if_a_variant_is_refused(tmp_path):
    assert make_assets(tmp_path / "new", lambda _: ["float16"], log=str) == ["float16"]
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_files_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(AssetError, match=r"Received: thesis\.txt"):
        make_assets(tmp_path, lambda _: pytest.fail("too late"), log=str)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


def test_the_metadata_agrees_with_the_files(described):
    found = json.loads((described / "fau_metadata.json").read_text())
    assert found["contract_version"] == contract.CONTRACT_VERSION
    tensors = {row["name"]: row for row in [*found["inputs"], *found["outputs"]]}
    for variant, row in found["variants"].items():
        path = described / row["file"]
        assert (path.stat().st_size, file_sha256(path)) == (row["bytes"], row["sha256"]), variant
        run = Interpreter(model_path=str(path)).get_signature_runner(found["signature"])
        details = run.get_input_details() | run.get_output_details()
        assert {name: detail["shape"].tolist() for name, detail in details.items()} == {
            name: tensor["shape"] for name, tensor in tensors.items()
        }
        assert set(row["tolerances"]) == set(row["accelerators"])
    assert (found["image_size"], found["heatmap_size"]) == (SIZE, HEATMAP)
    assert found["landmarks"]["sha256"] == file_sha256(described / found["landmarks"]["file"])
    assert len(found["landmarks"]["ibug68_from_mesh"]) == 68


def test_the_metadata_names_each_center_of_each_au_once(described):
    found = json.loads((described / "fau_metadata.json").read_text())
    assert [row["label"] for row in found["aus"]] == (described / "labels.txt").read_text().split()
    assert {row["number"]: row["name"] for row in found["aus"]} == {
        au: facs.AUS[au].name for au in AUS
    }
    channels = {
        center["channel"]: center["name"] for row in found["aus"] for center in row["centers"]
    }
    assert [channels[i] for i in range(len(channels))] == found["centers"]
    assert len(found["centers"]) == found["outputs"][1]["shape"][-1]


def test_intervals_and_low_reliability_are_in_metadata_and_model_card(described):
    found = json.loads((described / "fau_metadata.json").read_text())
    assert found["intervals"]["level"] == 0.9
    by_label = {row["label"]: row for row in found["aus"]}
    assert by_label["AU06"]["interval"] == {"below": [-0.5] * 6, "above": [0.25] * 6}
    failed = {label: row["low_reliability"] for label, row in by_label.items()
              if "low_reliability" in row}  # fmt: skip
    assert failed == {"AU10": [{"criterion": "edited_photo_rise", "value": 0.1, "limit": 0.5}]}
    text = found["low_reliability_criteria"]["edited_photo_rise"]
    card = (described / "MODEL_CARD.md").read_text()
    assert "interval of nominal coverage 90%" in card
    measured = "Coverage measured on 120 synthetic test subjects (`synthetic-canonical`): 87.6%."
    assert measured in card
    assert f"| AU10 | {text} | 0.10 | 0.50 |" in card


def test_the_model_card_has_the_figures_on_real_faces_and_the_credit(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    part = card[card.index("## Real faces") :]
    assert "34 people (test part)" in part
    assert "Jane Doe, 2024. CC BY 4.0." in part
    assert part.index("| neutral alarms | 1.5% |") < part.index("| under 25 | 1.0% |")


def test_the_model_card_has_the_figures_of_the_export(folder):
    card = (folder / "MODEL_CARD.md").read_text()
    table = [line for line in card.splitlines() if line.startswith("| AU06")]
    assert table == ["| AU06 | Cheek Raiser | 0.81 | 0.38 | 0.44 | 0.38 |"]
    assert "70 faces of 7 test subjects (`synthetic-canonical`)" in card
    assert "A CPU of tests" in card
    assert "**not been measured**" in card


@pytest.mark.parametrize("content", ["{", "[]", "{}", '{"contract_version": null}'])
def test_metadata_that_cannot_be_read_is_one_line_and_describe_mends_it(folder, capsys, content):
    manifest_before = (folder / "manifest.json").read_bytes()
    (folder / "fau_metadata.json").write_text(content)
    assert main(["relist", str(folder)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: fau_metadata.json: must be readable and state `contract_ver")
    assert error.count("\n") == 1
    assert (folder / "manifest.json").read_bytes() == manifest_before
    assert main(["describe", str(folder)]) == 0
    assert (folder / "manifest.json").read_bytes() == manifest_before


def test_sizes_are_limited(folder, capsys, monkeypatch):
    monkeypatch.setattr(manifest, "MAX_FOLDER", 1000)
    monkeypatch.setattr(manifest, "MAX_APP", 1000)
    code, lines = check(folder, capsys)
    assert code == 2
    assert "The folder must have at most 1000 bytes" in lines[0]
    assert [line.split(" ")[0] for line in lines[1:]] == [
        "fau_t_float16.tflite",
        "fau_t_static_int8.tflite",
    ]


def stub_export(monkeypatch, refused):
    """Replace `export_command`; return the list of what it is called with."""
    calls = []

    def command(run, variants, out, data, *, name, min_faces, log):
        calls.append((str(run), [row.name for row in variants], str(data), name, min_faces))
        write_export(out, [row.name for row in variants], name=name)
        log("exported")
        return ExportResult([], {variant: ["a gate"] for variant in refused})

    monkeypatch.setattr("export.command.export_command", command)
    return calls


@pytest.mark.usefixtures("no_golden")
def test_make_ships_one_variant_for_each_accelerator(folder, monkeypatch):
    calls = stub_export(monkeypatch, [])
    more = ["--data", "d", "--min-faces", "300"]
    assert main(["make", str(folder), "--run", "r", "--name", "small_mesh", *more]) == 0
    assert calls == [("r", ["float16", "static_int8"], "d", "small_mesh", 300)]
    found = json.loads((folder / "fau_metadata.json").read_text())["variants"]
    assert {row["file"] for row in found.values()} == {
        "fau_small_mesh_float16.tflite",
        "fau_small_mesh_static_int8.tflite",
    }
    assert {name for row in found.values() for name in row["accelerators"]} == {"cpu", "gpu"}
    assert "gpu" in found["float16"]["accelerators"]


def test_make_misses_packages_of_the_fine_tuning_before_the_export(folder, monkeypatch, capsys):
    calls = stub_export(monkeypatch, [])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    given = ["--run", "r", "--spec", "float16", "--spec", "qat_int8"]
    assert main(["make", str(folder), *given]) == 2
    assert "or omit qat_int8" in capsys.readouterr().err
    assert calls == []


def test_make_names_a_refused_variant_and_exits_with_2(folder, monkeypatch, capsys):
    stub_export(monkeypatch, ["static_int8"])
    before = contents(folder)
    assert main(["make", str(folder), "--run", "r", "--name", "n", "--spec", "float16"]) == 2
    assert "unchanged because static_int8 failed the gates" in capsys.readouterr().err
    assert contents(folder) == before


def test_make_refuses_an_incomplete_folder_before_the_export(folder, monkeypatch, capsys):
    calls = stub_export(monkeypatch, [])
    (folder / "README.md").unlink()
    assert main(["make", str(folder), "--run", "r", "--name", "n"]) == 2
    assert "An asset folder must have README.md" in capsys.readouterr().err
    assert calls == []


def test_ctrl_c_exits_with_130(folder, monkeypatch, capsys):
    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("export.command.export_command", stopped)
    assert main(["make", str(folder), "--run", "r"]) == 130
    assert capsys.readouterr().err == "error: stopped. Run it again.\n"


def test_a_missing_run_is_one_error_line(folder, tmp_path, capsys):
    assert main(["make", str(folder), "--run", str(tmp_path / "none")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    "given", [[], ["make", "x"], ["check"]], ids=["none", "no run", "no folder"]
)
def test_usage_errors_exit_with_2(given, capsys):
    with pytest.raises(SystemExit) as end:
        main(given)
    assert end.value.code == 2
    assert "python -m export.bundle" in capsys.readouterr().err
