"""How much memory a GPU has: a small table, each figure with the place that states it."""

from __future__ import annotations

from typing import Any, NamedTuple

from bestiary.errors import BestiaryError, nearest


class Gpu(NamedTuple):
    """A GPU by name, and the gigabytes that its maker states, powers of ten; drivers report a little more or less."""

    name: str
    gigabytes: int
    source: str
    aliases: tuple[str, ...] = ()

    @property
    def memory(self) -> int:
        """Bytes."""
        return self.gigabytes * 10**9

    def to_json(self) -> dict[str, Any]:
        """Return it as plain values."""
        return {"name": self.name, "bytes": self.memory, "aliases": list(self.aliases), "source": self.source}


_NIM = "docs.nvidia.com/nim/large-language-models/1.13.0/supported-models.html"
_NIM_2 = "docs.nvidia.com/nim/vision-language-models/2.0.11-variant/support-matrix.html"
_LAMBDA = "huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator, data/gpu_specs.csv"
_GOOGLE = "cloud.google.com/compute/docs/gpus, as copied in huggingface.co/spaces/Elfsong/gcp_allocator"
_MLPERF = "github.com/mlcommons/inference_results_{}, closed/{}.json"

GPUS: tuple[Gpu, ...] = (
    Gpu("RTX 3060", 12, "cpu-gpu.alldbin.com, GeForce RTX 4090 and GeForce RTX 3060 12 GB", ("3060",)),
    Gpu("T4", 16, _GOOGLE, ("Tesla T4",)),
    Gpu("V100 16GB", 16, _LAMBDA, ("Tesla V100 16GB", "V100-SXM2-16GB")),
    Gpu("RTX 4080", 16, _NIM, ("4080", "RTX 4080 16GB")),
    Gpu("RTX 5080", 16, _NIM, ("5080",)),
    Gpu("L4", 24, _GOOGLE, ("L4 24GB",)),
    Gpu("A10", 24, _LAMBDA, ("A10G", "A10 24GB")),
    Gpu("RTX 3090", 24, "huggingface.co/hardware/rtx-3090", ("3090",)),
    Gpu("RTX 4090", 24, _NIM, ("4090",)),
    Gpu("V100 32GB", 32, _LAMBDA, ("V100S", "Tesla V100 32GB")),
    Gpu("RTX 5090", 32, _NIM, ("5090",)),
    Gpu("A100 40GB", 40, _NIM_2, ("A100-PCIE-40GB", "A100-SXM4-40GB")),
    Gpu("RTX A6000", 48, _LAMBDA, ("A6000",)),
    Gpu("RTX 6000 Ada", 48, _NIM, ("6000 Ada", "RTX 6000 Ada Generation")),
    Gpu("L40S", 48, _NIM, ("L40S 48GB",)),
    Gpu("A100 80GB", 80, _NIM, ("A100-SXM4-80GB", "A100-PCIE-80GB")),
    Gpu("H100 80GB", 80, _NIM, ("H100", "H100 SXM", "H100 PCIe")),
    Gpu("RTX PRO 6000", 96, _NIM, ("RTX PRO 6000 Blackwell",)),
    Gpu("H200", 141, _MLPERF.format("v4.1", "NVIDIA/systems/H200-SXM-141GBx8_TRT_MaxQ"), ("H200 141GB", "H200 SXM")),
    # NVIDIA's own pages say 192 too; the systems that are measured say B200-SXM-180GB.
    Gpu("B200", 180, _MLPERF.format("v6.0", "Nebius/systems/nebius_b200_n1"), ("B200 180GB", "B200 SXM")),
    Gpu("MI300X", 192, _MLPERF.format("v4.1", "AMD/systems/8xMI300X_2xEPYC-9374F"), ("MI300X 192GB",)),
)
"""By memory."""

GPU_MEMORY: dict[str, int] = {gpu.name: gpu.memory for gpu in GPUS}

_MAKERS = ("nvidia", "geforce", "amd", "instinct")


def gpu(name: str) -> Gpu:
    """Return a GPU by its name or an alias, spaces and case aside; raises ``BestiaryError`` with the nearest names."""
    asked = _plain(name)
    found = [one for one in GPUS if asked in {_plain(known) for known in (one.name, *one.aliases)}]
    if not found:
        alike = [one.name for one in GPUS if asked and _plain(one.name).startswith(asked)]
        hint = f"; say {' or '.join(alike)}" if len(alike) > 1 else nearest(name, GPU_MEMORY)
        raise BestiaryError(f"'{name}' is no GPU that is known{hint or '; known are ' + ', '.join(GPU_MEMORY)}")
    return found[0]


def _plain(name: str) -> str:
    words = name.lower().replace("-", " ").replace("_", " ").split()
    return "".join(word for word in words if word not in _MAKERS)
