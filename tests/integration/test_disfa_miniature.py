"""A miniature in DISFA's format through every command, from the folder as distributed to an app.

Ten commands, 18 minutes on a core that a dozen other processes shared. Labels are random and the
network is tiny, so the gates on agreement and size are opened; all others hold.
"""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from export.bundle.__main__ import SHIPPED
from tests.helpers import dataset_trees as trees

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
SUBJECTS = ("SN001", "SN003", "SN004", "SN006")
FRAMES = 6
FOLDS = '[["SN001", "SN004"], ["SN003", "SN006"]]'
TINY = (
    "data.record_size=80", "data.processes=1", "data.protocol=custom", "model.preset=tiny",
    "model.aus=data", "training.epochs=1", "training.batch_size=4", "training.threads=1",
    "training.warmup_steps=0", "run.name=mini", f"data.folds={FOLDS}", "data.neutral_fraction=1.0",
)  # fmt: skip
OPENED = """
import sys
from dataclasses import replace
from export import parity
from export.specs import EXPORT_SPECS
parity.MIN_REAL_ICC = -1.0
for name, spec in EXPORT_SPECS.items():
    EXPORT_SPECS[name] = replace(spec, max_size=1.0, max_icc_loss=2.0, max_au_icc_loss=2.0)
from {module} import main
sys.exit(main(sys.argv[1:]))
"""


class Commands:
    """Commands of a researcher in one folder; `output.txt` keeps what they print."""

    def __init__(self, folder):
        self.folder, self.run = folder, folder / "runs" / "mini"
        self.data = ["--data", str(folder / "data")]
        trees.disfa(folder / "DISFA", subjects=SUBJECTS, frames=FRAMES)
        sets = (*TINY, f"data.root={folder / 'DISFA'}")
        self.sets = [part for one in sets for part in ("--set", one)]

    def __call__(self, *command, code=0):
        """Run Python with arguments; return what it prints."""
        done = subprocess.run(
            [sys.executable, *command],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
        )  # fmt: skip
        shown = " ".join("..." if "\n" in part else part for part in command)
        with (self.folder / "output.txt").open("a") as log:
            log.write(f"$ python {shown}\n{done.stdout}\nexit code {done.returncode}\n\n")
        assert done.returncode == code, done.stdout
        return done.stdout

    def train(self, *more):
        runs = ["--runs", str(self.folder / "runs")]
        return self("train_keras.py", "--config", "configs/disfa.toml", *self.sets, *more, *runs,
                    *self.data)  # fmt: skip

    def export(self, module, *arguments, code=0):
        few = ["--min-faces", "4"]
        script = OPENED.format(module=module)
        return self("-c", script, *arguments, *self.data, *few, code=code)


@pytest.fixture(scope="module")
def commands(tmp_path_factory):
    found = Commands(tmp_path_factory.mktemp("mini"))
    found.checked = found(
        "-m", "fau_tf.cli.data", "check", "configs/disfa.toml", *found.sets, *found.data, code=1
    )
    found("-m", "fau_tf.cli.data", "prepare", "configs/disfa.toml", *found.sets, *found.data)
    found.trained = found.train()
    (found.folder / "DISFA").rename(found.folder / "gone")  # the records suffice from here on
    return found


def read_json(path):
    return json.loads(path.read_text())


def test_check_counts_and_folds_are_evaluated_together(commands):
    assert "24 labeled frames of 4 subjects" in commands.checked
    assert "! subjects: 4 (27 in" in commands.checked
    assert "12 AUs: AU01, AU02, AU04" in commands.trained
    metrics = read_json(commands.run / "metrics.json")
    assert metrics["test"]["per_au"]["AU12"]["frames"] == len(SUBJECTS) * FRAMES
    for fold in ("fold1", "fold2"):
        assert (
            "aus = [1, 2, 4, 5, 6, 9, 12, 15, 17, 20, 25, 26]"
            in (commands.run / fold / "config.toml").read_text()
        )
        assert (commands.run / fold / f"fau_mini_{fold}_float16.tflite").is_file()


def test_a_fold_is_exported_and_read_by_the_demo(commands):
    fold = commands.run / "fold1"
    names = ("float16", "dynamic_int8", "weight_int8", "static_int8")
    specs = [part for name in names for part in ("--spec", name)]
    printed = commands.export("export.__main__", "--run", str(fold), *specs)
    assert "testing on 12 faces of 2 test subjects, disfa" in printed
    card = read_json(fold / "export/fau_mini_fold1_static_int8.json")
    assert card["training_data"]["kind"] == "real faces"
    assert card["training_data"]["subjects"] == ["SN003", "SN006"]
    assert card["parity"]["faces"] == 12
    report = (fold / "export/report.md").read_text()
    assert "12 real faces of 2 test subjects" in report
    assert "- trained_on: SN003, SN006" in report
    model = fold / "export/fau_mini_fold1_static_int8.tflite"
    out = commands.folder / "demo"
    commands("-m", "fau_tf.cli.predict", "docs/sample/astronaut.png", "--model", str(model),
             "--out", str(out))  # fmt: skip
    head, row = (out / "astronaut_au.csv").read_text().splitlines()
    assert "AU12_r" in head
    assert "AU10_r" not in head, "DISFA does not code it"
    assert dict(zip(head.split(","), row.split(","), strict=True))["success"] == "1"


def test_an_app_is_made_of_a_fold(commands):
    app = commands.folder / "app"
    commands.export(
        "export.bundle.__main__", "make", str(app), "--run", str(commands.run / "fold2")
    )
    commands("-m", "export.bundle", "check", str(app))
    names = sorted(path.name for path in app.glob("*.tflite"))
    assert names == [f"fau_mini_fold2_{name}.tflite" for name in SHIPPED]
    card = (app / "MODEL_CARD.md").read_text()
    assert "trained on FACS-coded recordings of real people" in card
    assert "12 faces of 2 test subjects (`disfa`), who were used neither for training" in card


def test_a_run_with_folds_names_them_and_the_way_to_one_network(commands):
    printed = commands.export("export.__main__", "--run", str(commands.run), code=2)
    assert f"{commands.run}/fold1, {commands.run}/fold2" in printed
    assert "--set data.protocol=all --set data.folds=[] --set run.name=mini_all" in printed
    (commands.folder / "gone").rename(commands.folder / "DISFA")
    all_subjects = ("data.protocol=all", "data.folds=[]", "run.name=mini_all")
    sets = [part for one in all_subjects for part in ("--set", one)]
    printed = commands.train(*sets)
    (commands.folder / "DISFA").rename(commands.folder / "gone")
    assert "no test subjects: the accuracy of this network is not known" in printed
    run = commands.folder / "runs" / "mini_all"
    assert read_json(run / "people.json")["test"] == []
    assert (run / "gallery.png").is_file()
    printed = commands.export("export.__main__", "--run", str(run), "--spec", "static_int8")
    assert "testing on 6 faces of 1 validation subjects, disfa" in printed
    report = (run / "export/report.md").read_text()
    assert "6 real faces of 1 validation subjects, who also chose the checkpoint" in report
