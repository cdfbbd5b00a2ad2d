"""The two ops that torchvision's own module wants to find when it is imported.

Its wheel is compiled against the CUDA build of torch, and its compiled ops do not load beside the CPU build. Nothing
here calls one; but torchvision describes these two to torch as it is imported, which fails where torch knows neither.
"""

from __future__ import annotations

import torch

_LIBRARY = torch.library.Library("torchvision", "FRAGMENT")
if torch.version.cuda is None:
    for name in ("nms", "qnms"):
        _LIBRARY.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
