"""How published pipelines describe their noise schedules: the config of a scheduler of diffusers.

Many classes step in their own ways through one schedule. The schedule is read off all of these; what says how DDIM
steps is read where it is said, and the rest is carried along.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import CosineBetas, LinearBetas, ScaledLinearBetas, Schedule
from bestiary.weights import config as tables
from bestiary.weights.config import WAIVE, Flag, Number, Pin, Row, Size, Word

CLASSES = ("DDIMScheduler", "PNDMScheduler", "DDPMScheduler")

_BETAS = {"linear": LinearBetas, "scaled_linear": ScaledLinearBetas, "squaredcos_cap_v2": CosineBetas}
_PREDICTS = {"epsilon": "noise", "sample": "image", "v_prediction": "velocity"}
_SPACINGS = {name: name for name in ("leading", "trailing", "linspace")}

ROWS: dict[str, Row] = {
    "num_train_timesteps": Size("steps", 1000),
    "beta_start": Number("start", 0.0001),
    "beta_end": Number("end", 0.02),
    "beta_schedule": Word("betas", _BETAS, "linear"),
    "prediction_type": Word("predicts", _PREDICTS, "epsilon"),
    "timestep_spacing": Word("spacing", _SPACINGS, "leading"),
    "set_alpha_to_one": Flag("clean_end", True),
    "clip_sample": Flag("clips", True),
    "clip_sample_range": Number("clip", 1.0),
    "trained_betas": Pin((None,), "a schedule of its own was never published in this family"),
    "thresholding": Pin((False,), "thresholds that follow the image were never published in this family"),
    "rescale_betas_zero_snr": Pin((False,), "a schedule rescaled to end in noise is another one"),
    **dict.fromkeys(
        (
            "_class_name", "_diffusers_version", "_name_or_path", "steps_offset", "skip_prk_steps", "variance_type",
            "dynamic_thresholding_ratio", "sample_max_value",
        ),
        WAIVE,
    ),
}  # fmt: skip
USUAL = {"_class_name": "DDIMScheduler", "clip_sample": False, "set_alpha_to_one": False, "steps_offset": 1}
"""What the published files of latent diffusion say of DDIM's steps."""
SCHEDULE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")


def read(config: Mapping[str, Any], where: str) -> tuple[Schedule, dict[str, Any]]:
    """Return the schedule that a config describes, and how it says that steps are taken."""
    name = config.get("_class_name")
    if name not in CLASSES:
        raise BestiaryError(f"{where}: '_class_name' is {tables.shown(name)}; give one of {', '.join(CLASSES)}")
    # PNDM ends as noisy as the schedule begins, and clips nothing, unless it is told otherwise.
    usual = {"set_alpha_to_one": False, "clip_sample": False} if name == "PNDMScheduler" else {}
    found = tables.read(ROWS, (), usual | dict(config), where)
    offset = config.get("steps_offset", 0)
    if type(offset) is not int or not 0 <= offset < found["steps"]:
        raise BestiaryError(f"{where}: 'steps_offset' is {tables.shown(offset)}; give a number of steps")
    ends = () if found["betas"] is CosineBetas else (found["start"], found["end"])
    schedule = Schedule(found["betas"](*ends), found["steps"], found["predicts"])
    taken = {key: found[key] for key in ("spacing", "clean_end")}
    return schedule, {**taken, "offset": offset, "clip": found["clip"] if found["clips"] else None}


def write(schedule: Schedule, carried: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that says a schedule; ``carried`` is the one that it came with, if it did."""
    arguments = {
        "steps": schedule.steps,
        "start": getattr(schedule.betas, "start", ROWS["beta_start"].default),  # type: ignore[union-attr]
        "end": getattr(schedule.betas, "end", ROWS["beta_end"].default),  # type: ignore[union-attr]
        "betas": type(schedule.betas),
        "predicts": schedule.predicts,
    }
    said = tables.write({key: ROWS[key] for key in SCHEDULE}, (), arguments)
    return {**(carried or USUAL), **said}
