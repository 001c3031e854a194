"""The second renderer: a scene path-traced by Mitsuba 3, with true shadows and many bounces.

Scene, meshes, atlas, background and sensor are the fast renderer's; light and skin are not.
Needs the extra `render`.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np

from fau_tf.synthetic.render.path_traced import hair
from fau_tf.synthetic.render.path_traced import lights as path_light
from fau_tf.synthetic.render.path_traced.finish import Traced, finished
from fau_tf.synthetic.render.path_traced.material import material, texture_places
from fau_tf.synthetic.render.project import LOOK_AT, Surface, surface
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.background import behind
from fau_tf.synthetic.scene.camera_noise import Image, exposed
from fau_tf.synthetic.scene.scene import NOMINAL, Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import appearance, creased

SAMPLES: Final = 9
BOUNCES: Final = 3
"""Surfaces of a path, the eye's and the light's ends included: light reflected once and twice."""
_KNOWN: Final = "albedo:albedo,normal:sh_normal,place:uv"


def path_traced(scene: Scene, size: int, view: Floats) -> Image:
    """Return the (size, size, 3) uint8 RGB picture of a scene.

    Args:
        scene: what to show.
        size: side of the picture in px.
        view: (2, 3) similarity from px of the nominal photo to px of the picture.

    Raises:
        ImportError: without Mitsuba.
        ValueError: if the view shears or reflects.
    """
    turn, scale = _similarity(view)
    mi = mitsuba()
    look = appearance(scene.rig, scene.person)
    body = hair.grown(scene, surface(scene, look))
    skin = creased(look, scene.creases)
    backdrop = behind(scene, size, view)
    lights = path_light.panorama(scene, backdrop.mean((0, 1)))
    made = mi.load_dict(
        {
            "type": "scene",
            "light": {"type": "envmap", "bitmap": mi.Bitmap(lights)},
            "head": _mesh(mi, body, material(mi, skin, scene.light)),
            "sensor": _camera(mi, scene, size, view, turn, scale),
        }
    )
    traced = _traced(mi, made, scene.camera.seed % 2**31)
    face = finished(traced, skin, lights, body.turn)
    photo = face + (1 - traced.alpha[..., None]) * backdrop
    return exposed(scene, photo.astype(np.float32))


@lru_cache(maxsize=1)
def mitsuba() -> Any:
    """Return the module of Mitsuba, set to the variant that needs neither LLVM nor a GPU.

    Raises:
        ImportError: if it isn't installed.
    """
    try:
        import drjit
        import mitsuba as mi
    except ImportError as error:
        raise ImportError(
            f"The path tracer needs Mitsuba. Received: {error}. Run pip install 'fau_tf[render]', "
            "or leave `path` out of data.renderers."
        ) from error
    mi.set_variant("scalar_rgb")
    drjit.set_thread_count(1)  # every core has a process already
    return mi


def _traced(mi: Any, made: Any, seed: int) -> Traced:
    """Return the picture and what is known of its surfaces.

    Both passes draw the same places in each pixel, since they have the same seed and number of
    samples. One pass that yields everything would take twice as long.
    """
    path = mi.load_dict({"type": "path", "max_depth": BOUNCES, "hide_emitters": True})
    known = mi.load_dict({"type": "aov", "aovs": _KNOWN})
    light = np.array(mi.render(made, integrator=path, spp=SAMPLES, seed=seed), np.float32)
    layers = np.array(mi.render(made, integrator=known, spp=SAMPLES, seed=seed), np.float32)
    alpha = np.clip(light[..., 3], 0, 1)
    # the passes' means count the background as 0
    share = np.maximum(alpha, 1e-3)[..., None]
    return Traced(
        np.nan_to_num(light[..., :3], posinf=0, neginf=0), alpha, layers[..., :3],
        layers[..., 3:6] / share, layers[..., 6:8] / share * uv_atlas.SIZE - 0.5,
    )  # fmt: skip


def _mesh(mi: Any, body: Surface, bsdf: dict[str, Any]) -> Any:
    props = mi.Properties()
    props["bsdf"] = mi.load_dict(bsdf)
    mesh = mi.Mesh(
        "head", len(body.points), len(body.faces), has_vertex_normals=True,
        has_vertex_texcoords=True, props=props,
    )  # fmt: skip
    content = mi.traverse(mesh)
    content["vertex_positions"] = body.points.astype(np.float32).ravel()
    content["vertex_normals"] = _upright(body.normals).ravel()
    content["vertex_texcoords"] = texture_places(body.uv).ravel()
    content["faces"] = body.faces.astype(np.uint32).ravel()
    content.update()
    return mesh


def _upright(normals: Floats) -> Floats:
    """Return normals; those of sheets with two sides cancel out, and turn to the camera."""
    short = np.sqrt((normals**2).sum(1, keepdims=True)) < 0.5
    return np.asarray(np.where(short, [0.0, 0.0, 1.0], normals), np.float32)


def _camera(
    mi: Any, scene: Scene, size: int, view: Floats, turn: Floats, scale: float
) -> dict[str, Any]:
    """Return the camera whose picture is the nominal photo under the view."""
    camera = scene.camera
    focal = scale * NOMINAL * camera.distance / camera.span
    middle = (NOMINAL - 1) / 2 + NOMINAL * np.array(camera.shift)
    axis = (view[:, :2] @ middle + view[:, 2] + 0.5) / size - 0.5  # where the optical axis meets it
    origin = [LOOK_AT[0], LOOK_AT[1], camera.distance]
    return {
        "type": "perspective",
        "fov": float(2 * np.degrees(np.arctan(size / 2 / focal))),
        "fov_axis": "x",
        "principal_point_offset_x": float(-axis[0]),
        "principal_point_offset_y": float(-axis[1]),
        "near_clip": 1.0,
        "to_world": mi.ScalarTransform4f().look_at(
            origin=origin, target=[*origin[:2], 0.0], up=[-turn[1], turn[0], 0.0]
        ),
        "film": {
            "type": "hdrfilm", "width": size, "height": size, "pixel_format": "rgba",
            "rfilter": {"type": "box"}, "component_format": "float32",
        },
        "sampler": {"type": "multijitter", "sample_count": SAMPLES},
    }  # fmt: skip


def _similarity(view: Floats) -> tuple[Floats, float]:
    """Return (cosine, sine) and scale of a view."""
    (a, b), (c, d) = view[:, :2]
    scale = float(np.hypot(a, c))
    if not np.allclose([a - d, b + c], 0, atol=1e-6 * scale):
        raise ValueError(
            "The path tracer's camera can turn, zoom and shift, so view must be a similarity. "
            f"Received: {view.tolist()}. Use fau_tf.face.align.crop_matrix."
        )
    return np.array([a, c]) / scale, scale
