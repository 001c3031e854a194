import json
import math

import numpy as np
import pytest

from export import parity
from export.specs import EXPORT_SPECS
from fau_tf.metrics import agreement

AUS = ["AU01", "AU06", "AU12"]
N = 1000


@pytest.fixture(scope="module")
def faces():
    """Labels, and a float32 model with an error of half an intensity unit; (N, 3) each."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 6, (N, 3)).astype(float)
    return labels, np.clip(labels + rng.normal(0, 0.5, labels.shape), 0, 5)


def compared(faces, intensity):
    return parity.compare(*faces, intensity, AUS)


def reasons(faces, intensity, variant, **limits):
    found = parity.problems(
        compared(faces, intensity), compared(faces, faces[1]), EXPORT_SPECS[variant], **limits
    )
    assert all(": got " in line for line in found), found
    return found


def icc_loop(one, other):
    """2 cov / (var + var), summed face by face: what ICC(3,1) is for two raters."""
    n = len(one)
    mean_one, mean_other = sum(one) / n, sum(other) / n
    covariance = sum((a - mean_one) * (b - mean_other) for a, b in zip(one, other, strict=True))
    spread = sum((a - mean_one) ** 2 for a in one) + sum((b - mean_other) ** 2 for b in other)
    return 2 * covariance / spread


# ---- figures


def test_float32_compared_with_itself_loses_nothing(faces):
    found = compared(faces, faces[1])
    assert found.faces == N
    assert 0.5 < found.icc < 1
    assert (found.icc_to_float, found.bias, found.worst) == (1.0, 0.0, 0.0)
    assert set(parity.icc_lost(found, found).values()) == {0.0}
    for variant in EXPORT_SPECS:
        assert reasons(faces, faces[1], variant) == []


def test_a_constant_offset_is_all_bias(faces):
    found = compared(faces, faces[1] + 0.25)
    assert found.bias == pytest.approx(0.25)
    assert found.worst == pytest.approx(0.25)
    # ICC(3,1) forgives a constant offset
    assert found.icc_to_float == pytest.approx(1.0)
    assert found.icc == pytest.approx(compared(faces, faces[1]).icc)


def test_figures_equal_a_plain_loop(faces):
    labels, floats = faces
    labels = labels.copy()
    labels[:400, 1] = np.nan  # not coded for AU06
    own = np.clip(floats + np.random.default_rng(1).normal(0.02, 0.1, floats.shape), 0, 5)
    found = parity.compare(labels, floats, own, AUS)
    for a, label in enumerate(AUS):
        row = found.per_au[label]
        known = [n for n in range(N) if not math.isnan(labels[n, a])]
        assert row.faces == len(known) == (600 if a == 1 else 1000)
        want = icc_loop([labels[n, a] for n in known], [own[n, a] for n in known])
        assert 0.5 < want < 1
        # float64 sums in another order
        assert row.icc == pytest.approx(want, rel=1e-10)
        assert row.icc_to_float == pytest.approx(icc_loop(floats[:, a], own[:, a]), rel=1e-10)
        mae = sum(abs(own[n, a] - labels[n, a]) for n in known) / len(known)
        assert row.mae == pytest.approx(mae, rel=1e-10)
        bias = sum(own[n, a] - floats[n, a] for n in range(N)) / N
        assert abs(bias) > 1e-3
        assert row.bias == pytest.approx(bias, rel=1e-10)
    for field in ("icc", "mae", "icc_to_float", "bias"):
        want = np.mean([getattr(row, field) for row in found.per_au.values()])
        assert getattr(found, field) == pytest.approx(want)
    assert found.faces == N
    assert found.icc == pytest.approx(agreement.summary(labels, own, AUS)["mean"]["icc"])


def test_the_worst_case_is_found_where_it_was_planted(faces):
    own = faces[1] + 0.01
    own[321, 1] -= 2.01  # 2 units too low
    own[7, 2] += 0.5
    found = compared(faces, own)
    assert (found.worst_face, found.worst_au) == (321, "AU06")
    assert found.worst == pytest.approx(2.0)
    assert found.per_au["AU12"].worst_face == 7
    assert found.per_au["AU12"].worst == pytest.approx(0.51)


def test_a_face_without_any_label_does_not_count(faces):
    labels = faces[0].copy()
    labels[:10] = np.nan
    labels[10:20, :2] = np.nan
    assert parity.compare(labels, faces[1], faces[1], AUS).faces == N - 10


def test_json_holds_every_figure_and_no_nan(faces):
    labels = faces[0].copy()
    labels[:, 0] = np.nan
    found = parity.compare(labels, faces[1], faces[1] + 0.1, AUS)
    written = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert written == found.as_dict()
    assert written["per_au"]["AU01"]["icc"] is None
    assert written["per_au"]["AU06"]["icc"] == found.per_au["AU06"].icc
    assert written["worst_au"] == found.worst_au
    assert list(written["per_au"]) == AUS


# ---- planted faults: each must be refused


def with_icc_lost(faces, wanted, columns=slice(None)):
    """Return intensities with noise that takes just about `wanted` of ICC from some AUs."""
    floats = faces[1]
    noise = np.random.default_rng(2).normal(0, 1, floats.shape)
    low, high = 0.0, 20.0
    for _ in range(20):
        amount = (low + high) / 2
        own = floats.copy()
        own[:, columns] += amount * noise[:, columns]
        lost = parity.icc_lost(compared(faces, own), compared(faces, floats))
        some = np.mean([lost[label] for label in np.array(AUS)[columns]])
        low, high = (amount, high) if some < wanted else (low, amount)
    return own


@pytest.mark.parametrize("variant", [name for name in EXPORT_SPECS if name != "float32"])
def test_each_variant_is_refused_just_beyond_its_gate_and_not_before(variant, faces):
    gate = EXPORT_SPECS[variant].max_icc_loss
    assert gate > 0
    assert reasons(faces, with_icc_lost(faces, 0.9 * gate), variant) == []
    (line,) = reasons(faces, with_icc_lost(faces, 1.1 * gate), variant)
    assert line.startswith(f"mean ICC lost against float32 must be at most {gate:g}: got 0.0")


def test_the_gates_are_the_published_ones():
    gates = {name: (spec.max_icc_loss, spec.max_size) for name, spec in EXPORT_SPECS.items()}
    assert gates == {
        "float32": (0.0, 1.0),
        "float16": (0.001, 0.53),
        "dynamic_int8": (0.005, 0.31),
        "weight_int8": (0.005, 0.31),
        "static_int8": (0.01, 0.31),
        "qat_int8": (0.01, 0.31),
    }
    assert {spec.max_au_icc_loss for spec in EXPORT_SPECS.values()} == {0.03}


def test_one_bad_au_is_refused_although_the_mean_is_good(faces):
    own = with_icc_lost(faces, 0.04, columns=slice(2, 3))
    # The two others gain, so that the mean loses less than the gate.
    own[:, :2] += 0.4 * (faces[0][:, :2] - own[:, :2])
    (line,) = reasons(faces, own, "static_int8")
    assert line.startswith("AU12: ICC lost against float32 must be at most 0.03: got 0.04")
    own = with_icc_lost(faces, 0.02, columns=slice(2, 3))
    own[:, :2] += 0.4 * (faces[0][:, :2] - own[:, :2])
    assert reasons(faces, own, "static_int8") == []


def test_a_gain_is_no_loss(faces):
    better = faces[1] + 0.5 * (faces[0] - faces[1])
    assert compared(faces, better).icc > compared(faces, faces[1]).icc
    assert reasons(faces, better, "float16") == []


def test_swapped_aus_are_refused(faces):
    lines = reasons(faces, faces[1][:, ::-1], "qat_int8")
    assert [line.split()[0] for line in lines] == ["mean", "AU01:", "AU12:"]


def test_too_few_faces_are_refused(faces):
    few = faces[0][:999], faces[1][:999]
    (line,) = reasons(few, few[1], "float32")
    assert "at least 1000 coded faces" in line
    assert "got 999" in line


def test_a_thousand_faces_of_which_one_is_not_coded_are_too_few(faces):
    labels = faces[0].copy()
    labels[0] = np.nan
    (line,) = reasons((labels, faces[1]), faces[1], "float32")
    assert "got 999" in line


def test_a_float32_without_agreement_is_refused(faces):
    noise = np.random.default_rng(3).uniform(0, 5, faces[0].shape)
    (line,) = reasons((faces[0], noise), noise, "float16")
    assert "mean ICC must be at least 0.50" in line


def test_real_faces_may_be_fewer_if_asked_for_and_agree_less(faces):
    few = faces[0][:200], faces[1][:200]
    assert reasons(few, few[1], "float32", min_faces=200) == []
    (line,) = reasons(few, few[1], "float32", min_faces=201)
    assert "at least 201 coded faces: got 200" in line
    rng = np.random.default_rng(3)
    weak = 0.3 * faces[1] + 0.7 * rng.uniform(0, 5, faces[0].shape)
    assert 0.25 < compared(faces, weak).icc < 0.5
    assert len(reasons((faces[0], weak), weak, "float16")) == 1
    assert reasons((faces[0], weak), weak, "float16", min_icc=parity.MIN_REAL_ICC) == []
    noise = rng.uniform(0, 5, faces[0].shape)
    (line,) = reasons((faces[0], noise), noise, "float16", min_icc=parity.MIN_REAL_ICC)
    assert "mean ICC must be at least 0.25" in line


def test_an_au_that_has_no_icc_is_refused(faces):
    labels = faces[0].copy()
    labels[:, 1] = np.nan
    (line,) = reasons((labels, faces[1]), faces[1], "float32")
    assert line.startswith("AU06: ")
    assert "got nan" in line


def test_an_au_whose_labels_never_vary_is_refused_whatever_is_predicted(faces):
    labels = faces[0].copy()
    labels[:, 1] = 0
    (line,) = reasons((labels, faces[1]), faces[1], "float32")
    assert line.startswith("AU06: ")
    assert "got nan" in line
    assert "in which it is coded and varies" in line


def test_labels_that_were_never_coded_are_refused_throughout(faces):
    labels = np.full_like(faces[0], np.nan)
    lines = reasons((labels, faces[1]), faces[1], "float16")
    assert len(lines) == 2 + 1 + 3  # faces, float model, mean, each AU


# ---- wrong arguments


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda y, f, p, names: (y[:5], f, p, names), "arrays of one shape"),
        (lambda y, f, p, names: (y[0], f[0], p[0], names), "arrays of one shape"),
        (lambda y, f, p, names: (y[:0], f[:0], p[:0], names), "not empty"),
        (lambda y, f, p, names: (y, f, p, names[:2]), "3 different AU labels"),
        (lambda y, f, p, _: (y, f, p, ["AU01", "AU01", "AU12"]), "3 different AU labels"),
        (lambda y, f, p, names: (y, f, np.where(p > 4, np.nan, p), names), "of the variant"),
        (lambda y, f, p, names: (y, np.where(f > 4, np.inf, f), p, names), "of float32"),
    ],
    ids=["rows", "rank", "empty", "few names", "twice", "nan", "inf"],
)
def test_arrays_that_do_not_fit_are_refused(change, message, faces):
    with pytest.raises(ValueError, match=message):
        parity.compare(*change(*faces, faces[1], AUS))
