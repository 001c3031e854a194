"""People whose skin shows what an AU leaves in it."""

from dataclasses import replace

from fau_tf import facs


def folding(scene, **changes):
    """Return the scene of a person whose skin folds as deep as others' of that age."""
    skin = replace(scene.person.habits, folds=dict.fromkeys(facs.AUS, 1.0))
    return replace(scene, person=replace(scene.person, habits=skin, **changes))
