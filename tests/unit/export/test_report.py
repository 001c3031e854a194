import json
import zlib

import numpy as np
import pytest
from PIL import Image

from export import parity, report
from export.report import Entry, au_table, compressed_size, variant_table, write_report

AUS = ["AU01", "AU06", "AU12"]
FACTS = {"name": "trial", "kind": "synthetic faces", "test_subjects": 200, "seeds": [1, 2]}
TIMES = {1: {"median_ms": 8.0, "p90_ms": 9.5}, 2: {"median_ms": 5.0, "p90_ms": 6.0}}


@pytest.fixture(scope="module")
def entries():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, (1000, 3)).astype(float)
    floats = np.clip(labels + rng.normal(0, 0.5, labels.shape), 0, 5)
    rough = np.clip(floats + rng.normal(0, 0.6, labels.shape), 0, 5)
    rough[17, 1] = floats[17, 1] + 4.25
    tested = [parity.compare(labels, floats, own, AUS) for own in (floats, floats + 0.25, rough)]
    return [
        Entry(
            variant="float32",
            size=4_000_000,
            compressed_size=3_600_000,
            parity=tested[0],
            latency=TIMES,
        ),
        Entry(
            variant="float16",
            size=2_040_000,
            compressed_size=1_800_000,
            parity=tested[1],
            latency={1: {"median_ms": 7.0, "p90_ms": 7.5}},
        ),
        Entry(
            variant="static_int8",
            size=1_100_000,
            compressed_size=900_000,
            parity=tested[2],
            latency=TIMES,
            refused=["mean ICC lost is too much", "AU06: so is this"],
        ),
        Entry(variant="qat_int8", latency={}, refused=["it could not be made"]),
    ]


@pytest.fixture(scope="module")
def written(entries, tmp_path_factory):
    folder = tmp_path_factory.mktemp("export")
    write_report(folder, FACTS, entries)
    return folder


def rows(text):
    """Return the first table of a Markdown text as {first cell: {title: cell}}."""
    lines = text.splitlines()
    start = next(n for n, line in enumerate(lines) if line.startswith("|"))
    table = []
    for line in lines[start:]:
        if not line.startswith("|"):
            break
        table.append([cell.strip() for cell in line.strip("|").split("|")])
    titles, _, *body = table
    assert {len(row) for row in body} == {len(titles)}
    return {row[0]: dict(zip(titles, row, strict=True)) for row in body}


def test_three_files_are_written_and_nothing_is_left_over(written):
    assert {path.name for path in written.iterdir()} == {"report.md", "parity.json", "parity.png"}


def test_test_faces_are_not_edited_portraits():
    facts = FACTS | {"kind": "synthetic faces and edited portraits", "faces": 1000}
    assert report.faces(facts) == "1000 synthetic faces of 200 test subjects"


def test_json_holds_the_figures_of_every_variant(written, entries):
    found = json.loads((written / "parity.json").read_text())
    assert found == report.report_figures(FACTS, entries) | {"facts": found["facts"]}
    assert list(found["variants"]) == [entry.variant for entry in entries]
    assert found["facts"]["kind"] == "synthetic faces"
    assert found["facts"]["faces"] == 1000
    assert found["facts"]["machine"]["cores"] >= 1
    row = found["variants"]["static_int8"]
    assert row["parity"] == entries[2].parity.as_dict()
    assert row["icc_lost"]["mean"] == entries[0].parity.icc - entries[2].parity.icc > 0.05
    assert row["icc_lost"]["per_au"]["AU06"] > 0.05
    assert row["size_ratio"] == 0.275
    assert row["latency"]["2"] == TIMES[2]
    assert row["refused"] == list(entries[2].refused)
    assert row["gates"] == {"size_ratio": 0.31, "icc_lost": 0.01, "au_icc_lost": 0.03}
    assert found["variants"]["qat_int8"]["parity"] is None


def test_the_report_has_a_row_a_variant(written, entries):
    text = (written / "report.md").read_text()
    table = rows(text)
    assert list(table) == [entry.variant for entry in entries]
    assert [row["written"] for row in table.values()] == ["yes", "yes", "no", "no"]
    half = table["float16"]
    assert half["MB"] == "2.04"
    assert half["zip MB"] == "1.80"
    assert half["of float32"] == "0.510"
    assert half["bias"] == "0.250"
    assert half["lost"].startswith("0.0000 (AU")  # an offset costs no ICC, nor shows as -0.0000
    assert half["ms, 1 thread (p90)"] == "7.00 (7.50)"
    assert half["ms, 2 threads (p90)"] == "-"
    worst = entries[2].parity
    assert (worst.worst_face, worst.worst_au) == (17, "AU06")
    assert table["static_int8"]["worst"] == "4.25 (AU06, face 17)"
    assert set(table["qat_int8"].values()) == {"qat_int8", "no", "-"}


def test_the_report_says_on_which_faces(written):
    text = (written / "report.md").read_text()
    assert "1000 synthetic faces of 200 test subjects" in text
    assert "- seeds: 1, 2" in text
    assert "- machine: cpu " in text


@pytest.mark.parametrize(("part", "used"), [("validation", "chose"), ("train", "no accuracies")])
def test_the_report_says_what_its_faces_were_used_for(entries, part, used):
    figures = report.report_figures(FACTS | {"part": part}, entries)
    (line,) = [one for one in report.report_text(figures).splitlines() if one.startswith("Tested")]
    assert line.startswith(f"Tested on 1000 synthetic faces of 200 {report.PARTS[part][0]}, ")
    assert used in line.partition(". ICC")[0]


def test_refused_variants_are_listed_with_their_reasons(written):
    text = (written / "report.md").read_text()
    listed = text.split("## Refused, and not written")[1].split("##")[0].strip().splitlines()
    assert listed == [
        "- static_int8: mean ICC lost is too much",
        "- static_int8: AU06: so is this",
        "- qat_int8: it could not be made",
    ]


def test_without_a_refusal_there_is_no_such_part(entries, tmp_path):
    write_report(tmp_path, FACTS, entries[:2])
    assert "Refused" not in (tmp_path / "report.md").read_text()


def test_the_report_has_a_row_an_au(written, entries):
    figures = json.loads((written / "parity.json").read_text())
    text = (written / "report.md").read_text()
    for title, field, digits in (
        ("ICC(3,1) against labels", "icc", 3),
        ("Bias to float32, intensity units", "bias", 3),
        ("Largest difference to float32, intensity units", "worst", 2),
    ):
        part = text.split(f"## {title}")[1].split("##")[0]
        assert part.strip().splitlines() == au_table(figures, field, digits)
        table = rows(part)
        assert list(table)[:-1] == AUS
        want = getattr(entries[2].parity.per_au["AU06"], field)
        assert table["AU06"]["static_int8"] == f"{want:.{digits}f}"
        assert "qat_int8" not in table["AU06"]
    assert "\n".join(variant_table(figures)) in text


def test_an_au_without_labels_is_a_dash(tmp_path):
    rng = np.random.default_rng(0)
    labels = rng.uniform(0, 5, (50, 3))
    labels[:, 0] = np.nan
    read = rng.uniform(0, 5, (50, 3))
    found = parity.compare(labels, read, read, AUS)
    entry = Entry(variant="float32", size=1000, compressed_size=None, parity=found, latency=TIMES)
    write_report(tmp_path, FACTS, [entry])
    text = (tmp_path / "report.md").read_text()
    assert rows(text.split("## ICC(3,1) against labels")[1])["AU01"]["float32"] == "-"
    assert rows(text)["float32"]["zip MB"] == "-"


def test_the_picture_is_not_blank(written):
    with Image.open(written / "parity.png") as picture:
        pixels = np.asarray(picture.convert("L"))
    assert pixels.shape[1] > 1000
    assert 0.02 < (pixels < 250).mean() < 0.9


def test_a_failure_leaves_the_old_report_as_it_was(entries, tmp_path, monkeypatch):
    (tmp_path / "report.md").write_text("old")

    def fail(*_):
        raise RuntimeError("no text")

    monkeypatch.setattr(report, "report_text", fail)
    with pytest.raises(RuntimeError, match="no text"):
        write_report(tmp_path, FACTS, entries)
    assert (tmp_path / "report.md").read_text() == "old"
    assert not list(tmp_path.glob(".partial*"))


def test_compressed_size_is_deflate_at_level_9():
    rng = np.random.default_rng(0)
    noise, text = rng.bytes(50_000), rng.integers(0, 4, 50_000, np.uint8).tobytes()
    # zlib's container is 6 bytes around the same deflate stream
    assert compressed_size(text) == len(zlib.compress(text, 9)) - 6
    assert compressed_size(text) < len(zlib.compress(text, 1)) - 6
    assert compressed_size(text) < 0.4 * len(text)  # 2 of 8 bits, and some to say so
    assert compressed_size(noise) >= len(noise)  # nothing to find
