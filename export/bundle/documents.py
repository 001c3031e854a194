"""The documents of an asset folder: MODEL_CARD.md and NOTICE."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from export.bundle.golden.vectors import FOLDER
from export.bundle.models import AssetModel, own_figures
from export.report import PARTS, markdown
from fau_tf import contract
from fau_tf.face.bundle import BUNDLE_NAME

ROOT: Final = Path(__file__).resolve().parents[2]
NOTICE: Final = "NOTICE"

_DATA: Final = {
    "synthetic faces": (
        "The network was trained on rendered faces only. The labels are the intensities that the "
        "faces were rendered with; no recording of a person was used. Where the backbone starts "
        "from ImageNet weights (see `NOTICE`), those were trained on photos.",
        "Agreement with human FACS coders on real faces has **not been measured**. The figures "
        "above are for synthetic test subjects: they show that the network learned and how the "
        "variants compare, and nothing else.",
    ),
    "synthetic faces and edited portraits": (
        "The network was trained on rendered faces and on photos of real people into which AUs "
        "were edited. The labels are the intensities that faces were rendered with and the changes "
        "that were edited; no person coded a face. The photos, their licenses and whom to credit "
        "are listed below.",
        "Agreement with human FACS coders on real faces has **not been measured**. The figures "
        "above are for synthetic test subjects.",
    ),
    "real faces": (
        "The network was trained on FACS-coded recordings of real people. The terms of that data "
        "set apply to the use of this model; read them first.",
        "The figures above are for test subjects recorded under the same conditions. Expect lower "
        "agreement with other cameras, lighting, ages and skin tones.",
    ),
    "real faces and edited portraits": (
        "The network was trained on FACS-coded recordings of real people, whose terms apply to the "
        "use of this model, and on photos of real people into which AUs were edited. The photos, "
        "their licenses and whom to credit are listed below.",
        "The figures above are for test subjects recorded under the same conditions. Expect lower "
        "agreement with other cameras, lighting, ages and skin tones.",
    ),
}
"""Kind of the training data -> what it is, and what the figures therefore mean."""

_USE: Final = """\
## Intended use

The model estimates the intensity, 0 to 5, of {aus} facial action units (AUs) of FACS in one aligned
face, with a heatmap for each AU center, on a phone. It is meant for research prototypes, teaching,
animation, and interfaces that the user has chosen and can switch off.

## Misuse

- An action unit is a movement of the face, not a feeling, an intention or the truth. Don't infer
  emotions, character, honesty, attention or health from it.
- Don't use it for decisions about people: hiring, school, insurance, credit, police, border, court.
- Don't use it to watch people who don't know or haven't agreed, or to identify anyone.
- It is not a medical device: don't use it for diagnosis or therapy.
"""
_PRIVACY: Final = """\
The files of this folder are networks, tables and pictures; none of them reaches out. fau_tf on a
computer opens no connection and looks up no name: a test runs each of its commands where both are
refused. The Android code finds the landmarks by the same networks on LiteRT, without MediaPipe's
runtime, and the app has no permission for the network.
"""
_LIMITS: Final = """\
- One near-frontal face at a time. Glasses, hands, masks, strong shadows, motion blur and small
  faces lower the accuracy, and the model gives no warning of its own.
- A face at rest may appear active: low brows, deep folds, lip corners that point down. Compare a
  person with their own neutral face.
- Left and right centers are sides of the picture. Asymmetric action is averaged in the intensity.
- Landmark errors move the crop, and with it the intensities.
- A quantized variant may change a single intensity by the table's `worst`.
"""


def model_card(models: Sequence[AssetModel], machine: Mapping[str, Any]) -> str:
    """Return MODEL_CARD.md.

    Args:
        models: From `read_models`.
        machine: `cpu` and `architecture` on which the export measured latency.
    """
    card = models[0].entries
    data, meaning = _DATA[card["training_data"]["kind"]]
    facts = [f"- {name}: {_plain(value)}" for name, value in card["training_data"].items() if value]
    size = card["heatmap_size"]
    parts = [
        f"# Model card: {', '.join(model.path.stem for model in models)}",
        "`python -m export.bundle` writes this page from the export's measurements. Preset "
        f"`{card['preset']}`: faces of {card['image_size']} px to {len(card['centers'])} heatmaps "
        f"of {size} x {size}; contract version {card['contract_version']}. `fau_metadata.json` "
        "describes every tensor, the crop and the AUs.",
        "## Variants",
        _variants(models, machine),
        "## Training data",
        "\n".join([data, "", *facts]),
        _USE.format(aus=len(card["aus"])).rstrip(),
        "## Privacy",
        _PRIVACY.rstrip(),
        "## Agreement",
        _agreement(models),
        *_real_faces(card),
        *_intervals(models),
        *_low_reliability(card),
        "## Limits",
        f"{meaning}\n\n{_LIMITS}".rstrip(),
        "## Origin",
        _origin(models),
        "## License",
        f"{_license(card['training_data'])}; `NOTICE` lists what else these files contain.",
    ]
    return "\n\n".join(parts) + "\n"


def notice(models: Sequence[AssetModel]) -> str:
    """Return NOTICE: the project's, preceded by the part of it that applies to this folder.

    Args:
        models: From `read_models`.
    """
    data = models[0].entries["training_data"]
    names = ", ".join(model.path.name for model in models)
    own = contract.model_license(data) == contract.LICENSE
    trained = "trained by this project on" if own else "trained on"
    terms = "Apache-2.0" if own else "The terms of that data set apply"
    return (
        "Of the notice of fau_tf, which follows below, these parts apply to this folder:\n\n"
        f"- {BUNDLE_NAME}: MediaPipe Face Landmarker, by Google. Apache-2.0.\n"
        f"- {names}: {trained} {data['kind']} ({data['name']}). {terms}.\n"
        "  Where the backbone is EfficientNet-Lite0, the weights derive from the start below.\n"
        f"- {FOLDER}/: pictures that this project rendered from the canonical face mesh, and what\n"
        "  its code and models compute from them. Apache-2.0.\n"
        "- gradlew, gradlew.bat, gradle/wrapper/gradle-wrapper.jar: the wrapper of Gradle, by its\n"
        "  authors. Apache-2.0.\n"
        "- all other files: by this project. Apache-2.0.\n\n"
        "----\n\n" + (ROOT / NOTICE).read_text(encoding="utf-8")
    )


def _license(training_data: Mapping[str, Any]) -> str:
    found = contract.model_license(training_data)
    if found == contract.LICENSE:
        return "Apache-2.0, as all of fau_tf"
    return f"The models: {found}. All other files: Apache-2.0, as all of fau_tf"


def _variants(models: Sequence[AssetModel], machine: Mapping[str, Any]) -> str:
    rows = []
    for model in models:
        parity, times = model.entries["parity"], model.entries["cpu_latency_ms"]
        rows.append(
            [
                f"`{model.path.name}`",
                f"{model.entries['bytes'] / 1e6:.2f}",
                ", ".join(name.upper() for name in model.accelerators),
                f"{parity['icc']:.3f}",
                f"{parity['mae']:.3f}",
                f"{parity['icc_to_float']:.4f}",
                f"{parity['worst']:.2f}",
                *(f"{times[threads]['median_ms']:.1f}" for threads in ("1", "2")),
            ]
        )
    titles = ["file", "MB", "runs entirely on", "mean ICC", "MAE", "ICC to float32", "worst"]
    return (
        _table([*titles, "ms, 1 thread", "2 threads"], rows) + "\n\n`worst` is the largest "
        "difference of one intensity from float32's, over all faces and AUs, in intensity units. "
        f"Times are medians for one face on {machine['cpu']} ({machine['architecture']}); no phone "
        "was measured."
    )


def _agreement(models: Sequence[AssetModel]) -> str:
    parities = [model.entries["parity"] for model in models]
    first, card = parities[0], models[0].entries
    rows = [
        [
            label,
            name,
            *(
                f"{parity['per_au'][label][key]:.2f}"
                for parity in parities
                for key in ("icc", "mae")
            ),
        ]
        for label, name in zip(card["au_labels"], card["au_names"], strict=True)
    ]
    means = [f"**{parity[key]:.2f}**" for parity in parities for key in ("icc", "mae")]
    titles = [title for model in models for title in (f"{model.variant} ICC", "MAE")]
    part, who = PARTS[first.get("part", "test")]
    return (
        f"Measured against the labels of {first['faces']} faces of {first['test_subjects']} {part} "
        f"(`{first['dataset']}`), {who}. ICC is ICC(3,1); MAE is in intensity units.\n\n"
        + _table(["AU", "name", *titles], [*rows, ["mean", "", *means]])
    )


def _real_faces(card: Mapping[str, Any]) -> list[str]:
    if "real_faces" not in card:
        return []
    found = card["real_faces"]
    parts = [
        "## Real faces",
        f"Photos of {found['subjects']} people ({found['part']} part) who were not used for "
        "training. Nobody coded them: the figures say how seldom a neutral face is read as active, "
        "how well a smile is told from it, and whether an AU edited into the photo rises. "
        f"{found['credit']}",
        _table(found["heads"], found["rows"]),
    ]
    if found["groups"]:
        parts.append(_table(found["group_heads"], found["groups"]))
    return parts


def _intervals(models: Sequence[AssetModel]) -> list[str]:
    card = models[0].entries
    if "intervals" not in card:
        return []
    return [
        "## Prediction intervals",
        "`fau_metadata.json` gives each AU a conformal prediction interval of nominal coverage "
        f"{card['intervals']['level']:.0%}, from the errors on validation subjects. "
        f"{_coverage(card)} On other faces the coverage is unknown. {own_figures(models)}".rstrip(),
    ]


def _coverage(card: Mapping[str, Any]) -> str:
    if "coverage" not in card:
        return "The coverage on test subjects was not measured."
    found = card["coverage"]
    kind = "synthetic " if card["training_data"]["kind"].startswith("synthetic") else ""
    return (
        f"Coverage measured on {found['test_subjects']} {kind}test subjects "
        f"(`{found['dataset']}`): {found['covered']:.1%}."
    )


def _low_reliability(card: Mapping[str, Any]) -> list[str]:
    if not card.get("low_reliability"):
        return []
    rows = [
        [label, contract.LOW_RELIABILITY[row["criterion"]].text]
        + [f"{row[key]:.2f}" for key in ("value", "limit")]
        for label, failed in card["low_reliability"].items()
        for row in failed
    ]
    return [
        "## Low-reliability AUs",
        "Don't rely on the intensities of these AUs: each is below the limit of a criterion "
        "(figures are rounded).\n\n" + _table(["AU", "criterion", "value", "limit"], rows),
    ]


def _table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    return "\n".join(markdown(titles, rows))


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _origin(models: Sequence[AssetModel]) -> str:
    entries = models[0].entries
    changed = ", with uncommitted changes" if entries["dirty"] else ""
    versions = ", ".join(
        f"{name} {version}"
        for name, version in entries["versions"].items()
        if version and name not in ("contract_version", "machine")
    )
    return "\n".join(
        [
            f"- commit: {entries['commit']}{changed}",
            f"- exported with: {versions}",
            *(f"- `{model.path.name}`: sha256 {model.entries['sha256']}" for model in models),
        ]
    )
