"""How published pipelines describe their noise schedules: the config of a scheduler of diffusers.

Many classes step in their own ways through one schedule. The schedule is read off all of these; what says how a sampler
steps is read where it is said, and the rest is carried along.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from bestiary.errors import BestiaryError
from bestiary.spec import CosineBetas, LinearBetas, ScaledLinearBetas, Schedule
from bestiary.weights import config as tables
from bestiary.weights.config import WAIVE, Flag, Number, Pin, Row, Size, Word

Taken = dict[str, Any]
"""What a config says of how steps are taken, as arguments of a sampler."""

_BETAS = {"linear": LinearBetas, "scaled_linear": ScaledLinearBetas, "squaredcos_cap_v2": CosineBetas}
_PREDICTS = {"epsilon": "noise", "sample": "image", "v_prediction": "velocity"}
_SPACINGS = {name: name for name in ("leading", "trailing", "linspace")}

_NAMES = dict.fromkeys(("_class_name", "_diffusers_version", "_name_or_path"), WAIVE)

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
    **_NAMES,
    **dict.fromkeys(
        ("steps_offset", "skip_prk_steps", "variance_type", "dynamic_thresholding_ratio", "sample_max_value"), WAIVE
    ),
}
SCHEDULE = ("num_train_timesteps", "beta_start", "beta_end", "beta_schedule", "prediction_type")

ANCESTRAL_ROWS: dict[str, Row] = {
    "num_train_timesteps": Size("steps", 1000),
    "beta_schedule": Word("betas", {"squaredcos_cap_v2": CosineBetas}, "squaredcos_cap_v2"),
    "prediction_type": Word("predicts", {"epsilon": "noise", "sample": "image"}, "epsilon"),
    "variance_type": Word("learned", {"fixed_small_log": False, "learned_range": True}, "fixed_small_log"),
    "clip_sample": Flag("clips", True),
    "clip_sample_range": Number("clip", 1.0),
    **_NAMES,
}


class Stepping(NamedTuple):
    """What the schedulers of a kind of pipelines may say: their classes, and the rows of their configs."""

    classes: tuple[str, ...]
    rows: Mapping[str, Row]
    schedule: tuple[str, ...]
    """The keys that say the schedule, for writing."""
    taken: Callable[[Mapping[str, Any], Mapping[str, Any], str], Taken]
    """Of what was read, the config, and a name for it in messages."""


def read(stepping: Stepping, config: Mapping[str, Any], where: str) -> tuple[Schedule, Taken]:
    """Return the schedule that a config describes, and how it says that steps are taken."""
    name = config.get("_class_name")
    if name not in stepping.classes:
        known = ", ".join(stepping.classes)
        raise BestiaryError(f"{where}: '_class_name' is {tables.shown(name)}; give one of {known}")
    # PNDM ends as noisy as the schedule begins, and clips nothing, unless it is told otherwise.
    usual = {"set_alpha_to_one": False, "clip_sample": False} if name == "PNDMScheduler" else {}
    found = tables.read(stepping.rows, (), usual | dict(config), where)
    ends = () if found["betas"] is CosineBetas else (found["start"], found["end"])
    schedule = Schedule(found["betas"](*ends), found["steps"], found["predicts"])
    taken = stepping.taken(found, config, where)
    return schedule, {**taken, "clip": found["clip"] if found["clips"] else None}


def write(stepping: Stepping, schedule: Schedule, beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return the config that says a schedule, beside what says how steps are taken."""
    arguments = {
        "steps": schedule.steps,
        "start": getattr(schedule.betas, "start", ROWS["beta_start"].default),  # type: ignore[union-attr]
        "end": getattr(schedule.betas, "end", ROWS["beta_end"].default),  # type: ignore[union-attr]
        "betas": type(schedule.betas),
        "predicts": schedule.predicts,
    }
    try:
        said = tables.write({key: stepping.rows[key] for key in stepping.schedule}, (), arguments)
    except StopIteration:
        raise BestiaryError(f"{stepping.classes[0]} cannot say that the schedule is {schedule}") from None
    return {**beside, **said}


def _spaced(found: Mapping[str, Any], config: Mapping[str, Any], where: str) -> Taken:
    offset = config.get("steps_offset", 0)
    if type(offset) is not int or not 0 <= offset < found["steps"]:
        raise BestiaryError(f"{where}: 'steps_offset' is {tables.shown(offset)}; give a number of steps")
    return {"spacing": found["spacing"], "clean_end": found["clean_end"], "offset": offset}


USUAL = Stepping(
    ("DDIMScheduler", "PNDMScheduler", "DDPMScheduler"),
    ROWS,
    SCHEDULE,
    _spaced,
)
"""Schedulers that are run here as DDIM."""

ANCESTRAL = Stepping(
    ("UnCLIPScheduler",),
    ANCESTRAL_ROWS,
    ("num_train_timesteps", "beta_schedule", "prediction_type"),
    lambda found, config, where: {"learned": found["learned"]},
)
"""Schedulers that add noise again at each step (Ho et al. 2020), as many as a model predicts or as few as can be."""
