"""The path-traced renderer, on Mitsuba 3: soft shadows, bounced light, single hairs.

Scene, meshes, atlas, background and camera noise are the fast renderer's. Needs the extra `render`.
"""

from functools import lru_cache
from typing import Any, Final

import numpy as np

from fau_tf.synthetic.render.geometry import LOOK_AT, Surface, surface
from fau_tf.synthetic.render.path_traced import hair
from fau_tf.synthetic.render.path_traced.denoise import TracedImage, denoise
from fau_tf.synthetic.render.path_traced.environment_map import environment_map
from fau_tf.synthetic.render.path_traced.material import material, texture_coordinates
from fau_tf.synthetic.rigs.rig import Floats
from fau_tf.synthetic.scene.background import background
from fau_tf.synthetic.scene.camera_noise import Image, capture
from fau_tf.synthetic.scene.scene import NOMINAL, Scene
from fau_tf.synthetic.textures import uv_atlas
from fau_tf.synthetic.textures.albedo import appearance, wrinkled_atlas

SAMPLES: Final = 9
BOUNCES: Final = 3
"""Mitsuba's max_depth: light that was reflected once or twice."""
_LAYERS: Final = "albedo:albedo,normal:sh_normal,place:uv"


def path_traced(scene: Scene, size: int, view: Floats) -> Image:
    """Return the (size, size, 3) uint8 RGB picture of a scene.

    Args:
        scene: what to show.
        size: side of the picture in px.
        view: (2, 3) similarity from px of the nominal photo to px of the picture.

    Raises:
        ImportError: if Mitsuba is missing.
        ValueError: if the view shears or reflects.
    """
    turn, scale = _similarity(view)
    mi = mitsuba()
    look = appearance(scene.rig, scene.person)
    body = hair.add_hair(scene, surface(scene, look))
    atlas = wrinkled_atlas(look, scene.wrinkle_depth)
    behind = background(scene, size, view)
    lights = environment_map(scene, behind.mean((0, 1)))
    content = mi.load_dict(
        {
            "type": "scene",
            "light": {"type": "envmap", "bitmap": mi.Bitmap(lights)},
            "head": _mesh(mi, body, material(mi, atlas, scene.light)),
            "sensor": _camera(mi, scene, size, view, turn, scale),
        }
    )
    traced = _trace(mi, content, scene.camera.seed % 2**31)
    head = denoise(traced, atlas, lights, body.turn)
    photo = head + (1 - traced.alpha[..., None]) * behind
    return capture(scene.camera, photo.astype(np.float32))


@lru_cache(maxsize=1)
def mitsuba() -> Any:
    """Return Mitsuba, set to the variant that needs neither LLVM nor a GPU.

    Raises:
        ImportError: if it isn't installed.
    """
    try:
        import drjit
        import mitsuba as mi
    except ImportError as error:
        raise ImportError(
            f"The path tracer needs Mitsuba: {error}. Run `pip install '.[render]'` in the "
            "checkout of fau_tf, or leave `path` out of data.renderers."
        ) from error
    mi.set_variant("scalar_rgb")
    drjit.set_thread_count(1)  # every core has a process already
    return mi


def _trace(mi: Any, content: Any, seed: int) -> TracedImage:
    """Return the picture and its auxiliary layers.

    Both passes sample the same points of each pixel, since they have the same seed and number of
    samples. A single pass for everything would take twice as long.
    """
    path = mi.load_dict({"type": "path", "max_depth": BOUNCES, "hide_emitters": True})
    aov = mi.load_dict({"type": "aov", "aovs": _LAYERS})
    light = np.array(mi.render(content, integrator=path, spp=SAMPLES, seed=seed), np.float32)
    layers = np.array(mi.render(content, integrator=aov, spp=SAMPLES, seed=seed), np.float32)
    alpha = np.clip(light[..., 3], 0, 1)
    # the mean of a pixel counts the background as 0
    share = np.maximum(alpha, 1e-3)[..., None]
    return TracedImage(
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
    content["vertex_normals"] = _facing_camera(body.normals).ravel()
    content["vertex_texcoords"] = texture_coordinates(body.uv).ravel()
    content["faces"] = body.faces.astype(np.uint32).ravel()
    content.update()
    return mesh


def _facing_camera(normals: Floats) -> Floats:
    """Return normals; those of two-sided sheets cancel out, and are turned to the camera."""
    short = np.sqrt((normals**2).sum(1, keepdims=True)) < 0.5
    return np.asarray(np.where(short, [0.0, 0.0, 1.0], normals), np.float32)


def _camera(
    mi: Any, scene: Scene, size: int, view: Floats, turn: Floats, scale: float
) -> dict[str, Any]:
    """Return the camera whose picture is the nominal photo seen through the view."""
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
            f"The path tracer needs a view without shear and reflection, not {view.tolist()}. Use "
            "fau_tf.face.align.crop_matrix."
        )
    return np.array([a, c]) / scale, scale
