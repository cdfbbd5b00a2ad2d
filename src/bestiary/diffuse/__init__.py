"""Images out of noise: schedules, the DDIM sampler, guidance."""

from __future__ import annotations

from bestiary.diffuse.ancestral import Ancestral, ancestral, ancestral_step
from bestiary.diffuse.by_vector import Pace, draw_by_vector
from bestiary.diffuse.cascades import draw_cascade
from bestiary.diffuse.classes import draw_class
from bestiary.diffuse.draw import draw, draw_any, shown
from bestiary.diffuse.guidance import guided
from bestiary.diffuse.sampler import Sampler, ddim, ddim_step, sampler_of
from bestiary.diffuse.schedule import noised, signal
from bestiary.diffuse.shared_text import draw_shared
from bestiary.diffuse.thresholds import Percentile, held

__all__ = [
    "Ancestral",
    "Pace",
    "Percentile",
    "Sampler",
    "ancestral",
    "ancestral_step",
    "ddim",
    "ddim_step",
    "draw",
    "draw_any",
    "draw_by_vector",
    "draw_cascade",
    "draw_class",
    "draw_shared",
    "guided",
    "held",
    "noised",
    "sampler_of",
    "shown",
    "signal",
]
