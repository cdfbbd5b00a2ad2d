"""The flat view: a spec unrolled into pseudo-code of its forward pass, so that a model is read in one place."""

from __future__ import annotations

from bestiary.spec.flat.towers import flat

__all__ = ["flat"]
