"""Whole processes: load a 440 MB BERT checkpoint and give its first output, beside transformers and bare torch.

Each run is a fresh interpreter; runs of the three are interleaved, medians are reported, and every figure is also a
ratio to transformers in the same run.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

IDS = "[[101, 7592, 2088, 1012, 102]]"

SCRIPTS = {
    "transformers": f"""
import torch, transformers
model = transformers.BertModel.from_pretrained(FOLDER)
with torch.inference_mode(): model(torch.tensor({IDS}))
""",
    "bestiary": f"""
import torch, bestiary
model = bestiary.load(FOLDER)
with torch.inference_mode(): model(torch.tensor({IDS}))
""",
    "torch and safetensors": """
import torch
from safetensors import safe_open
with safe_open(FOLDER + "/model.safetensors", "pt") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys()}
torch.stack([tensor.sum() for tensor in tensors.values()]).sum()
""",
}

# The kernel's high-water mark of this very process: what getrusage tells is inherited from the parent, which is larger.
MEASURED = """
{script}
print(next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM")) / 1024)
"""


def measure(script: str, folder: Path) -> tuple[float, float]:
    """Return the seconds of a whole process, and the peak memory in MB that it reports."""
    code = MEASURED.format(script=f"FOLDER = {str(folder)!r}\n{script}")
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return time.perf_counter() - start, float(done.stdout.split()[-1])


def main(rounds: int = 7) -> None:
    """Print the table."""
    import bestiary

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bestiary.save(bestiary.build("bert:base", seed=0), folder)
        size = (folder / "model.safetensors").stat().st_size / 1e6
        runs: dict[str, list[tuple[float, float]]] = {key: [] for key in SCRIPTS}
        for _ in range(rounds + 1):
            for key, script in SCRIPTS.items():
                runs[key].append(measure(script, folder))
    print(f"load {size:.0f} MB and give the first output, whole process, median of {rounds} interleaved rounds")
    medians = {
        key: tuple(statistics.median(column) for column in zip(*rows[1:], strict=True)) for key, rows in runs.items()
    }
    theirs = medians["transformers"]
    for key, (seconds, peak) in medians.items():
        print(f"{key:24} {seconds:6.2f} s  {seconds / theirs[0]:5.2f}x   peak {peak:6.0f} MB  {peak / theirs[1]:5.2f}x")


if __name__ == "__main__":
    main()
