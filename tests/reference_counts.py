"""Parameters as the reference implementation counts them, from the same sizes, built on the meta device.

Run as a program, this records them all in the catalog, where ``bestiary verify`` reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.metadata import version
from typing import Any

import diffusers
import msgspec
import torch
import torchvision_ops  # noqa: F401  # before a reference imports torchvision
import transformers
from diffusers.pipelines.deprecated.unclip.text_proj import UnCLIPTextProjModel

from bestiary import spec
from bestiary.catalog.find import entry, list_models
from bestiary.catalog.missing import LISTS
from bestiary.catalog.reference import NAME, Reference
from bestiary.catalog.resolve import spec_of
from bestiary.catalog.schema import HOME
from bestiary.cli.names import sizes_of
from bestiary.errors import BestiaryError
from bestiary.weights.pipeline_kinds import KINDS
from bestiary.weights.pipelines import is_pipeline_kind
from bestiary.weights.translate import spell

REGISTRY = f"transformers {transformers.__version__}"
LIBRARY = f"{REGISTRY}, diffusers {diffusers.__version__}, open_clip {version('open_clip_torch')}"


def names() -> list[str]:
    """Return every size of every entry whose architecture is known, ``tiny`` included."""
    return [f"{slug}:{size}" for slug in list_models(runnable=True) for size in sizes_of(entry(slug))]


def counted(name: str) -> Reference | None:
    """Return what the reference counts for one size, or ``None`` where no format or no library of today has it."""
    slug, _, size = name.partition(":")
    try:
        node = spec_of(name)
        usual = piped if is_pipeline_kind(node) else spelled
        return ADJUSTED.get(slug, usual)(node, _format(slug, size))
    except Unsayable:
        return None


class Unsayable(Exception):
    """No published format can say a spec."""


def _format(slug: str, size: str) -> str | None:
    """Return the format that a size is published in, or its entry's first where it was not: families overlap."""
    formats = {point.size: point.dialect for point in reversed(entry(slug).checkpoints)}
    return formats.get(size, next(reversed(formats.values()), None))


def built(config: dict[str, Any], class_name: str) -> list[tuple[str, int]]:
    """Return the parameters of the reference built on the meta device: names and sizes, a shared one once.

    Frozen ones are tables of sinusoids."""
    kind = config.pop("model_type")
    sizes = transformers.AutoConfig.for_model(kind, **config)
    if (getattr(sizes, "pad_token_id", None) or 0) >= getattr(sizes, "vocab_size", 1 << 31):
        sizes.pad_token_id = 0  # a twin's vocabulary does not reach as far as the usual padding
    with torch.device("meta"):
        model = getattr(transformers, class_name)(sizes)
    return [(name, parameter.numel()) for name, parameter in model.named_parameters() if parameter.requires_grad]


def open_clip_total(sizes: dict[str, Any]) -> int:
    """Count the parameters of open_clip's own module, the only one that has CLIP's residual networks."""
    import open_clip

    with torch.device("meta"):
        return sum(parameter.numel() for parameter in open_clip.CLIP(**sizes).parameters())


def of_timm(config: dict[str, Any]) -> int:
    """Count a model of timm's, built by its name on the meta device."""
    import timm

    with torch.device("meta"):
        model = timm.create_model(config["architecture"], **config["model_args"])
    return sum(parameter.numel() for parameter in model.parameters())


def of_diffusers(config: dict[str, Any], class_name: str) -> int:
    """Count a part of a pipeline, built by diffusers on the meta device."""
    kind = UnCLIPTextProjModel if class_name == "UnCLIPTextProjModel" else getattr(diffusers, class_name)
    with torch.device("meta"):
        return sum(p.numel() for p in kind(**{k: v for k, v in config.items() if k != "_class_name"}).parameters())


def piped(node: Any, prefer: str | None = None) -> Reference:
    """Count a pipeline part by part."""
    kind = next(kind for kind in KINDS.values() if kind.model is type(node))
    try:
        parts = [node.at(part.ours) for part in kind.parts.values()]
    except BestiaryError as error:
        raise Unsayable from error
    counts = [spelled(part, prefer) for part in parts]
    made = " and ".join(dict.fromkeys(count.made for count in counts))
    return Reference(sum(count.parameters for count in counts), made)


def spelled(node: Any, prefer: str | None = None, adjusted: str | None = None) -> Reference:
    """Count the reference that opens what we save."""
    try:
        _, class_name, config = spell(node, prefer)
    except BestiaryError as error:
        raise Unsayable from error
    if "model_cfg" in config:
        return Reference(open_clip_total(config["model_cfg"]), "open_clip.CLIP")
    if "pretrained_cfg" in config:
        return Reference(of_timm(config), f"timm's {config['architecture']}")
    if "_class_name" in config:
        return Reference(of_diffusers(config, class_name), f"diffusers.{class_name}")
    if not hasattr(transformers, class_name):
        raise Unsayable  # Transformer-XL left the library with its fifth version
    kinds = spec.Classifier | spec.DistilledClassifier | spec.MeanClassifier
    labels = [head.labels for head in node.heads.values() if isinstance(head, kinds)]
    total = sum(size for _, size in built(config | ({"num_labels": labels[0]} if labels else {}), class_name))
    text: Any = spec.text_side(node)
    if node.heads.get("lm") == spec.LMHead(tied=False) and isinstance(text, spec.EncoderDecoder):
        # transformers 5 ties the head of T5 1.1 whatever the config says, so its own output matrix is missing there.
        total += text.dim * text.encoder.embed.vocab
        adjusted = "its head counted untied, as published"
    return Reference(total, class_name, adjusted)


def dense(node: Any, prefer: str | None = None) -> Reference:
    """Count GPT-3 as if all its layers looked everywhere: no library has its bands, and masks have no weights."""
    everywhere = spec.swap(node, spec.Attention, lambda attention: attention.replace(mask=(spec.Causal(),)))
    return spelled(everywhere, prefer, "with dense masks, which have no weights either")


def first_transformer(node: Any, prefer: str | None = None) -> Reference:
    """Count Marian, the nearest: its attentions have biases, and its sinusoids are stored."""
    attention, mlp = node.at("encoder.stack.layers[0].attn"), node.at("encoder.stack.layers[0].mlp")
    depth = len(node.encoder.stack.layers)
    side = {"layers": depth, "attention_heads": attention.heads, "ffn_dim": mlp.hidden}
    config = {f"{name}_{key}": value for name in ("encoder", "decoder") for key, value in side.items()}
    config |= {"model_type": "marian", "d_model": node.dim, "vocab_size": node.encoder.embed.vocab, "pad_token_id": 0}
    biased = ("q_proj.bias", "k_proj.bias", "v_proj.bias", "out_proj.bias", "embed_positions.weight")
    total = sum(size for name, size in built(config, "MarianMTModel") if not name.endswith(biased))
    return Reference(total, "MarianMTModel", "less the biases in its attentions and its stored sinusoids")


def with_copies(node: Any, prefer: str | None = None) -> Reference:
    """Count DiT in diffusers, whose layers each hold a copy of what embeds time steps and classes."""
    _, _, config = spell(node.at("time.waves", spec.TimeRange()), "dit")  # waves have no weights
    with torch.device("meta"):
        model = diffusers.DiTTransformer2DModel(**{key: config[key] for key in config if not key.startswith("_")})
    copies = [block.norm1.emb for block in model.transformer_blocks[1:]]
    total = sum(parameter.numel() for parameter in model.parameters())
    total -= sum(parameter.numel() for copy in copies for parameter in copy.parameters())
    return Reference(total, "diffusers.DiTTransformer2DModel", "less the copies in all layers but the first")


def without_units(node: Any, prefer: str | None = None) -> Reference:
    """Count HuBERT's body: the library leaves out what pretraining adds."""
    found = spelled(node.with_heads({}), prefer)
    units = node.heads["units"]
    added = (node.dim + 1) * units.width + units.units * units.width
    return Reference(
        found.parameters + added, found.made, "with the map and the units of its pretraining, left out there"
    )


def with_frozen(node: Any, prefer: str | None = None) -> Reference:
    """Count DETR with the first layers of its network, which the library freezes."""
    _, class_name, config = spell(node, prefer)
    sizes = transformers.AutoConfig.for_model(config.pop("model_type"), **config)
    sizes.num_labels = node.heads["classes"].labels
    with torch.device("meta"):
        model = getattr(transformers, class_name)(sizes)
    return Reference(sum(parameter.numel() for parameter in model.parameters()), class_name, "what is frozen included")


def one_map(node: Any, prefer: str | None = None) -> Reference:
    """Count the first LLaVA as if a second map stood behind its only one, as in later ones and in the library."""
    if not isinstance(node.connector, spec.LinearConnector):
        return spelled(node, prefer)
    found = spelled(node.replace(connector=spec.MLPConnector()), prefer)
    return Reference(found.parameters - node.dim * (node.dim + 1), found.made, "less its connector's second map")


ADJUSTED: dict[str, Callable[[Any, str | None], Reference]] = {
    "detr": with_frozen,
    "dit": with_copies,
    "gpt-3": dense,
    "hubert": without_units,
    "llava": one_map,
    "transformer": first_transformer,
}
"""Entries that no published format says as they are."""


def _lines() -> Iterator[str]:
    yield "# What the reference counts at each size: written by `make record`, held to the living library by a test."
    yield f'library = "{LIBRARY}"\n\n[counts]'
    for name in names():
        found = counted(name)
        if found is not None:
            fields = ", ".join(f"{key} = {_toml(value)}" for key, value in msgspec.to_builtins(found).items())
            yield f'"{name}" = {{ {fields} }}'


def _toml(value: int | str) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)


def registry() -> list[str]:
    """Return the model types that the reference library registers."""
    return sorted(transformers.models.auto.configuration_auto.CONFIG_MAPPING_NAMES)


if __name__ == "__main__":
    (HOME / NAME).write_text("\n".join(_lines()) + "\n", encoding="utf-8")
    listed = [f"# The registry of {REGISTRY}: its model types. Written by `make record`.", *registry()]
    (LISTS / "transformers.txt").write_text("\n".join(listed) + "\n", encoding="utf-8")
