"""How long `bestiary list` takes as a process, beside a bare interpreter and the import of torch alone."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

COMMANDS = {
    "python -c pass": [sys.executable, "-c", "pass"],
    "bestiary list": [sys.executable, "-m", "bestiary.cli", "list"],
    "bestiary show bert": [sys.executable, "-m", "bestiary.cli", "show", "bert"],
    "python -c 'import torch'": [sys.executable, "-c", "import torch"],
}


def main(rounds: int = 15) -> None:
    """Print the medians of interleaved runs, and each as a ratio to the bare interpreter."""
    runs: dict[str, list[float]] = {name: [] for name in COMMANDS}
    for _ in range(rounds + 1):
        for name, command in COMMANDS.items():
            start = time.perf_counter()
            subprocess.run(command, stdout=subprocess.DEVNULL, check=True)
            runs[name].append(time.perf_counter() - start)
    medians = {name: statistics.median(seconds[1:]) for name, seconds in runs.items()}
    bare = medians["python -c pass"]
    print(f"start-up as a whole process, median of {rounds} interleaved rounds")
    for name, seconds in medians.items():
        print(f"{name:26} {seconds:6.3f} s  {seconds / bare:6.1f}x")


if __name__ == "__main__":
    main()
