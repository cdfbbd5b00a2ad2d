"""Every test runs offline, on its share of the cores, with a hub cache of its own."""

from __future__ import annotations

import atexit
import os
import tempfile
from importlib import import_module

from hypothesis import settings

# Read by torch and the hub library when they are first imported, and by every process that a test starts.
WORKERS = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
THREADS = max(1, min(2, os.cpu_count() or 1) // WORKERS)
HUB = tempfile.TemporaryDirectory(prefix="bestiary-hub-")
atexit.register(HUB.cleanup)
os.environ.update(
    HF_HOME=HUB.name,
    HF_HUB_OFFLINE="1",
    OMP_NUM_THREADS=str(THREADS),
    MKL_NUM_THREADS=str(THREADS),
    TOKENIZERS_PARALLELISM="false",  # or each worker would start a thread for every core
)

import_module("torchvision_ops")  # before any reference imports torchvision

# The same draws every time, so that a red run stays red; no deadline, for a shared machine stalls now and then.
settings.register_profile("house", derandomize=True, deadline=None, database=None)
settings.load_profile("house")
