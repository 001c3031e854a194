"""Export without the package that only int8 variants need."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest

from export import command
from export.__main__ import main as export_main
from export.bundle.__main__ import main as bundle_main
from export.specs import EXPORT_SPECS, VariantUnavailableError
from export.variants import make
from tests.helpers.tiny_run import write_tiny_run

WAY_OUT = r"ai-edge-quantizer, which is not installed. Run pip install -e '\.\[export\]'"


@pytest.fixture(autouse=True)
def _without_the_quantizer(monkeypatch):
    needed_by = ("export.quantize", "export.qat.tuned_run", "export.qat.fine_tune")
    for name in list(sys.modules):
        if name.startswith("ai_edge_quantizer") or name in (*needed_by, "export.qat.describe"):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ai_edge_quantizer", None)


@pytest.mark.parametrize("variant", ["dynamic_int8", "weight_int8", "static_int8", "qat_int8"])
def test_an_int8_variant_is_not_available(variant):
    with pytest.raises(VariantUnavailableError, match=WAY_OUT):
        make(SimpleNamespace(), EXPORT_SPECS[variant])


def test_a_float_variant_is_exported_and_fine_tuning_is_not_available(tmp_path, monkeypatch):
    sources = []
    faces = np.full((1, 64, 64, 3), 90, np.float32)
    test = SimpleNamespace(images=faces, subjects=1, part="test", name="made")
    monkeypatch.setattr(command, "require_shown", lambda *_: None)
    monkeypatch.setattr(command, "representative_faces", lambda *_, **__: test)
    monkeypatch.setattr(command, "load_test_faces", lambda *_, **__: test)
    monkeypatch.setattr(command, "export_network", lambda source, *_, **__: sources.append(source))
    run = write_tiny_run(tmp_path / "run")
    command.export_command(run, [EXPORT_SPECS["float32"]], tmp_path, tmp_path, log=str)
    with pytest.raises(VariantUnavailableError, match=WAY_OUT):
        sources[0].fine_tune()


@pytest.mark.parametrize(
    ("main", "options"),
    [(export_main, ["--spec", "float32", "--run"]), (bundle_main, ["make", "bundle", "--run"])],
)
def test_another_missing_package_is_one_line(main, options, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "export.command", None)
    assert main([*options, str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert "Run pip install -e '.[export]'" in error
    assert error.count("\n") == 1
