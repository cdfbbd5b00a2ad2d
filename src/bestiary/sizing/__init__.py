"""What a model weighs and costs, in closed form over its spec: parameters, FLOPs, bytes, and what a change is worth."""

from bestiary.sizing.count import Count, count
from bestiary.sizing.difference import Change, Difference, diff
from bestiary.sizing.flops import Flops, flops
from bestiary.sizing.gpus import GPU_MEMORY, GPUS, Gpu, gpu
from bestiary.sizing.lines import PRECISIONS, Line, Variable
from bestiary.sizing.memory import Memory, cache_bytes, fits, memory, weight_bytes
from bestiary.sizing.plan import TASKS, Plan, plan
from bestiary.sizing.quantized import quantized_bytes

__all__ = [
    "GPUS", "GPU_MEMORY", "PRECISIONS", "TASKS", "Change", "Count", "Difference", "Flops", "Gpu", "Line", "Memory",
    "Plan", "Variable", "cache_bytes", "count", "diff", "fits", "flops", "gpu", "memory", "plan", "quantized_bytes",
    "weight_bytes",
]  # fmt: skip
