"""Runs of `fau-demo` in this process, and what they leave."""

import csv

from fau_tf.cli import predict


def run(model, out, *arguments):
    """Return the exit code of `fau-demo ARGUMENTS --model MODEL --out OUT`."""
    return predict.main([*map(str, arguments), "--model", str(model), "--out", str(out)])


def rows(path):
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def results(folder):
    """Return the names of the files in a folder."""
    return sorted(path.name for path in folder.iterdir())
