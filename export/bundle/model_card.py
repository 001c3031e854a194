"""MODEL_CARD.md: data, use, limits and figures, all from what the export measured."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from export.bundle.models import AssetModel
from fau_tf.inference.model_info import Failed

_DATA: Final = {
    "synthetic faces": (
        "It learned from rendered faces only, whose intensities are those that they were rendered "
        "with: no coded recording of anybody. Where the backbone starts from ImageNet's weights "
        "(`NOTICE`), those were learned from photos.",
        "How well it agrees with human FACS coders on real faces has **not been measured**: the "
        "figures above are of rendered people whom it had not seen. They show that the network "
        "learns and how the variants rank, and nothing else.",
    ),
    "real faces": (
        "It learned from coded recordings of real people. The terms of that data set apply to the "
        "use of this model; read them first.",
        "The figures above are of people whom it had not seen, in the same recording conditions. "
        "Other cameras, light, ages and skins may do worse.",
    ),
}
"""Kind of the training data -> what it was, and what the figures therefore say."""

_USE: Final = """\
## Intended use

The intensity, 0 to 5, of {aus} facial action units of FACS in one aligned face, with a heatmap for
each AU center, on a phone: research prototypes, teaching, animation, interfaces that the person
chose to use and can switch off.

## Misuse

- An action unit is a movement of the face, no feeling, intention or truth. Don't infer emotions,
  character, honesty, attention or health from it.
- Not for decisions about people: hiring, school, insurance, credit, police, border or court.
- Not for watching people who don't know of it or didn't agree, and not for telling who somebody is.
- No medical device: not for diagnosis or therapy.
"""
_LIMITS: Final = """\
- One face at a time, near frontal. Glasses, hands, masks, strong shadows, motion blur and small
  faces make it worse; it answers all the same, with no warning of its own.
- A face at rest may read as active: low brows, deep folds, lip corners that point down. Compare a
  person with their own neutral face.
- Left and right centers are sides of the picture. Asymmetric action is averaged in the intensity.
- Errors of the landmarks move the crop, and with it the intensities.
- Quantized variants may move a single intensity by the `worst` of the table.
"""


def model_card(models: Sequence[AssetModel], figures: Mapping[str, Any]) -> str:
    """Return MODEL_CARD.md.

    Args:
        models: From `read_models`.
        figures: The export's parity.json, which says on what machine it was timed.
    """
    card = models[0].entries
    seen, so = _DATA[card["training_data"]["kind"]]
    parts = [
        f"# Model card: {', '.join(model.path.stem for model in models)}",
        f"Written by `make assets` from what the export measured. Preset `{card['preset']}`: "
        f"{card['image_size']} px faces to {len(card['centers'])} heatmaps of "
        f"{card['heatmap_size']} x {card['heatmap_size']}, contract version "
        f"{card['contract_version']}; `fau_metadata.json` has every tensor, the crop and the AUs.",
        "## Variants",
        _variants(models, figures["facts"]["machine"]),
        "## Data",
        "\n".join([seen, "", *(f"- {name}: {_plain(row)}" for name, row in _facts(card))]),
        _USE.format(aus=len(card["aus"])).rstrip(),
        "## Agreement",
        _agreement(models),
        *_reading(card),
        "## Limits",
        f"{so}\n\n{_LIMITS}".rstrip(),
        "## Origin",
        _origin(models),
        "## Licence",
        "Apache-2.0, as all of fau_tf; `NOTICE` says what else is in these files.",
    ]
    return "\n\n".join(parts) + "\n"


def _variants(models: Sequence[AssetModel], machine: Mapping[str, Any]) -> str:
    lines = [
        "| file | MB | runs whole on | mean ICC | MAE | ICC to float32 | worst | ms, 1 thread "
        "| 2 threads |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for model in models:
        parity, times = model.entries["parity"], model.entries["cpu_latency_ms"]
        cells = (
            f"`{model.path.name}`",
            f"{model.entries['bytes'] / 1e6:.2f}",
            ", ".join(name.upper() for name in model.accelerators),
            f"{parity['icc']:.3f}",
            f"{parity['mae']:.3f}",
            f"{parity['icc_to_float']:.4f}",
            f"{parity['worst']:.2f}",
            *(f"{times[threads]['median_ms']:.1f}" for threads in ("1", "2")),
        )
        lines.append(f"| {' | '.join(cells)} |")
    lines += [
        "",
        "`worst` is the one intensity, of all faces and AUs, that is furthest from float32's, in "
        f"grades. Times are medians of one face on {machine['cpu']} ({machine['architecture']}); a "
        "phone has others, and none was measured.",
    ]
    return "\n".join(lines)


def _agreement(models: Sequence[AssetModel]) -> str:
    parities = [model.entries["parity"] for model in models]
    first = parities[0]
    heads = " | ".join(f"{model.variant} ICC | MAE" for model in models)
    lines = [
        f"With the labels of {first['faces']} faces of {first['people']} test people "
        f"(`{first['faces_of']}`), who took no part in training or choosing. ICC is ICC(3,1), MAE "
        "in grades.",
        "",
        f"| AU | name | {heads} |",
        f"|---|---|{'---|---|' * len(models)}",
    ]
    card = models[0].entries
    for label, name in zip(card["au_labels"], card["au_names"], strict=True):
        rows = [parity["per_au"][label] for parity in parities]
        figures = " | ".join(f"{row['icc']:.2f} | {row['mae']:.2f}" for row in rows)
        lines.append(f"| {label} | {name} | {figures} |")
    means = " | ".join(f"**{parity['icc']:.2f}** | **{parity['mae']:.2f}**" for parity in parities)
    return "\n".join([*lines, f"| mean | | {means} |"])


def _reading(card: Mapping[str, Any]) -> list[str]:
    """Return what is said of intervals and of AUs that are read poorly, where the run knew."""
    parts = []
    if "intervals" in card:
        parts += [
            "## Intervals",
            f"`fau_metadata.json` gives each AU an interval for {card['intervals']['level']:.0%} "
            "of the truths, from the errors on validation people. They hold for faces like "
            "those; how far they hold on others is not known.",
        ]
    if card.get("low_reliability"):
        rows = [
            f"- {label}: {'; '.join(str(Failed(**one)) for one in failed)}"
            for label, failed in card["low_reliability"].items()
        ]
        parts += ["## Low-reliability AUs", "\n".join(rows)]
    return parts


def _facts(card: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, row) for name, row in card["training_data"].items() if row]


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
            f"- versions: {versions}",
            *(f"- `{model.path.name}`: sha256 {model.entries['sha256']}" for model in models),
        ]
    )
