"""Scenes that show one thing: without noise and occluders, or with deep wrinkles."""

from dataclasses import replace

from fau_tf import facs
from fau_tf.face.align import crop_matrix
from fau_tf.synthetic import sample
from fau_tf.synthetic.scene.occlusion import Occluders

FRONT = (0.0, 0.0, 0.0)


def clean(scene, **changes):
    """Return the scene without camera noise, blur, compression and occluders."""
    camera = scene.camera.ideal(blur=1e-3)
    return replace(scene, **{"camera": camera, "occluders": Occluders(), **changes})


def clean_scene(rig, person, face, intensity=None, pose=FRONT, **changes):
    """Return a clean scene of a given expression, by default neutral."""
    scene = sample.sample_scene(
        rig, person_seed=person, face_seed=face, intensity=intensity or {}, pose=pose
    )
    return clean(scene, **changes)


def crop_view(scene, size):
    """Return the view of the aligned crop."""
    return crop_matrix(sample.landmarks(scene), size)


def with_deep_wrinkles(scene, **changes):
    """Return the scene of a person whose skin wrinkles as deep as average for the age."""
    variation = replace(scene.person.variation, wrinkle_depth=dict.fromkeys(facs.AUS, 1.0))
    return replace(scene, person=replace(scene.person, variation=variation, **changes))
