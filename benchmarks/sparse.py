"""Sparse attention beside dense: time and peak memory of one attention at 1k, 4k and 16k tokens.

Each run is a fresh interpreter that takes its own processor time, which a busy machine does not change. Runs of all
kinds are interleaved, and medians are reported. Memory is the process's peak over what it held before the first pass.
"""

from __future__ import annotations

import math
import statistics
import subprocess
import sys

TOKENS = (1024, 4096, 16384)
DIM, HEADS = 256, 4

KINDS = {
    "dense": f"spec.Attention({HEADS})",
    "window of 256": f"spec.Attention({HEADS}, mask=(spec.Window(257),))",
    "window and global tokens": f"spec.WindowedAttention({HEADS}, 256)",
    "blocks of 64": f"spec.Attention({HEADS}, mask=(spec.BlockSparse(64, 3, 16384),))",
}

SCRIPT = """
import time, torch
from bestiary import spec
from bestiary.nn.context import Context
from bestiary.nn.stack import op

def peak():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024

torch.manual_seed(0)
torch.set_num_threads(1)
module = op({node}, {dim}).eval()
x = torch.randn(1, {tokens}, {dim})
marked = torch.arange({tokens})[None] < 16
before = peak()
times = []
with torch.inference_mode():
    for _ in range(3):
        start = time.process_time()
        module(x, Context(torch.arange({tokens})[None], {tokens}, everywhere=marked))
        times.append(time.process_time() - start)
print(min(times), peak() - before)
"""


def measure(node: str, tokens: int) -> tuple[float, float]:
    """Return the seconds of a pass, and the MB by which it raised the process's peak."""
    code = SCRIPT.format(node=node, tokens=tokens, dim=DIM)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    seconds, memory = done.stdout.split()
    return float(seconds), float(memory)


def main(rounds: int = 3) -> None:
    """Print the table."""
    found: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for _ in range(rounds):
        for tokens in TOKENS:
            for kind, node in KINDS.items():
                found.setdefault((kind, tokens), []).append(measure(node, tokens))
    medians = {case: [statistics.median(values) for values in zip(*runs, strict=True)] for case, runs in found.items()}
    print(f"one attention, {DIM} wide with {HEADS} heads, float32, one thread; growth is over a quarter of the tokens")
    print(f"{'':<26}{'tokens':>8}{'ms':>10}{'growth':>8}{'MB':>10}{'growth':>8}{'to dense: ms':>14}{'MB':>8}")
    for kind in KINDS:
        for tokens in TOKENS:
            seconds, memory = medians[kind, tokens]
            fewer = medians.get((kind, tokens // 4), [math.inf] * 2)
            growth = [
                f"x{now / old:.1f}" if old < math.inf else ""
                for now, old in zip(medians[kind, tokens], fewer, strict=True)
            ]
            dense = medians["dense", tokens]
            print(
                f"{kind:<26}{tokens:>8}{seconds * 1e3:>10.1f}{growth[0]:>8}{memory:>10.1f}{growth[1]:>8}"
                f"{seconds / dense[0]:>14.2f}{memory / dense[1]:>8.2f}"
            )


if __name__ == "__main__":
    main()
