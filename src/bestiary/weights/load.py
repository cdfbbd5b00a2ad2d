"""Loading: a published checkpoint becomes a module, its shapes checked before values are read, nothing copied twice."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bestiary.errors import BestiaryError
from bestiary.nn import Model, constants, skeleton
from bestiary.spec import (
    AdaptiveLMHead,
    Experts,
    Layer,
    LMHead,
    PatchMean,
    Pooler,
    Stack,
    check,
    heads_of,
    model_at,
    own_layers,
    walk,
    walk_once,
)
from bestiary.untrusted import listed, quoted
from bestiary.weights.dialects import DIALECTS
from bestiary.weights.folder import CheckpointFolder, open_folder
from bestiary.weights.keys import Transfer, head_patterns, spellings, transfers
from bestiary.weights.tensorfiles import TensorFiles, value_fault
from bestiary.weights.translate import Meaning, understand


@dataclass(frozen=True)
class Checkpoint:
    """Where a model's weights came from, and what of the files it did not need."""

    path: Path
    meaning: Meaning
    left_out: tuple[str, ...] = field(default=())
    metadata: dict[str, Any] = field(default_factory=dict[str, Any])


def load_weights(
    path: str | Path, *, task: str | None = None, dtype: torch.dtype | None = None, device: str | torch.device = "cpu"
) -> tuple[Model, Checkpoint]:
    """Load a checkpoint from a folder or a file into a module in evaluation mode.

    The weights keep the file's dtype unless one is given, and stay mapped from the file where they can. ``task`` asks
    for other heads than the config names. Raises ``BestiaryError`` with every problem of the files in one message.
    """
    folder = open_folder(path)
    meaning = _meaning(folder, task)
    _check_depth(folder.tensors, meaning, folder.path)
    model = skeleton(meaning.spec)
    plan, left_out = plan_transfers(folder.tensors, model, meaning, folder.path)
    state = {name: tensor for transfer in plan for name, tensor in fetch(transfer, folder.tensors, meaning.spec)}
    state |= _unsaid(model, state)
    _check_values(folder.tensors, plan, folder.path)
    model.load_state_dict(state, strict=True, assign=True)
    _check_repeated(folder.tensors, model, meaning, folder.path)
    if dtype is not None or torch.device(device).type != "cpu":
        model = model.to(device=device, dtype=dtype)
    return model.eval(), Checkpoint(folder.path, meaning, left_out, dict(folder.tensors.metadata))


def plan_transfers(
    tensors: TensorFiles, model: Model, meaning: Meaning, where: Path
) -> tuple[list[Transfer], tuple[str, ...]]:
    """Match a file's tensors with a model's: every one is mapped, a repetition, or a head not asked for.

    Raises ``BestiaryError`` listing what is missing, unexpected or of another shape, before any value is read.
    """
    own = dict(model.state_dict(keep_vars=True))
    table = meaning.dialect.keys(meaning.spec)
    plan, faults, used = [], [], set[str]()
    renamed = _renamed(tensors, meaning)
    for transfer in transfers(table, own):
        theirs = tuple(_found(name, renamed) for name in transfer.theirs)
        absent = [spellings(name)[0] for name, found in zip(transfer.theirs, theirs, strict=True) if found is None]
        if absent and not any(isinstance(own[name], torch.nn.Parameter) for name in transfer.ours):
            continue  # constants, which files may leave out
        if absent:
            faults.append(f"{absent[0]} is missing")
            continue
        names = tuple(name for name in theirs if name is not None)
        plan.append(Transfer(transfer.ours, names, transfer.ops))
        used.update(names)
        faults += _misshapen(transfer, names, tensors, own, meaning.spec)
    constant = {name for name, tensor in own.items() if not isinstance(tensor, torch.nn.Parameter)}
    filled = {name for transfer in plan for name in transfer.ours}
    if not faults:
        faults += [f"nothing in the key table fills {name}" for name in own if name not in {*filled, *constant}]
    spare = [name for name in tensors if name not in used]
    known = re.compile("|".join(p.pattern for p in (*head_patterns(table), *_repeated(meaning))) or "(?!)")
    faults += [f"{quoted(name)} is unexpected" for name in spare if not known.fullmatch(name)]
    if faults:
        raise BestiaryError(
            f"{where}: the tensors are not those that the config describes: {listed(faults, '; ')};"
            " correct config.json, or take the checkpoint that it belongs to"
        )
    return plan, tuple(spare)


def fetch(transfer: Transfer, tensors: TensorFiles, spec: Any) -> Iterable[tuple[str, Tensor]]:
    """Read one transfer's tensors, under our names and in our layout."""
    values, spec = [tensors.get(name) for name in transfer.theirs], model_at(spec, transfer.ours[0])
    for op in transfer.ops:
        values = list(op.read(values, spec, len(transfer.ours)))
    return zip(transfer.ours, values, strict=True)


def _unsaid(model: Model, state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the constants that the files do not say, in the dtype of what they do."""
    missing = [name for name, _ in model.named_buffers() if name in model.state_dict() and name not in state]
    if not missing:
        return {}
    values, like = constants(model), next(iter(state.values()))
    return {name: values[name].to(like.dtype) for name in missing}


def foreign(transfer: Transfer, ours: list[Tensor], spec: Any) -> list[Tensor]:
    """Return one transfer's tensors in their layout: the inverse of ``fetch``."""
    spec = model_at(spec, transfer.ours[0])
    for op in reversed(transfer.ops):
        ours = list(op.write(ours, spec, len(transfer.ours)))
    return ours


def _meaning(folder: CheckpointFolder, task: str | None) -> Meaning:
    if folder.config is not None:
        meaning = understand(folder.config, str(_config_path(folder.path)), task)
    else:
        meaning = _implied(folder, task)
    return _without_absent_pooler(folder.tensors, meaning)


def _implied(folder: CheckpointFolder, task: str | None) -> Meaning:
    """Return what tensors without a config mean, to the family whose files they are."""
    for dialect in DIALECTS.values():
        try:
            config = dialect.implied(folder.tensors)
        except BestiaryError as error:
            raise BestiaryError(f"{folder.path}: {error}") from None
        except (ArithmeticError, LookupError, ValueError):  # sizes are read off shapes that nobody has checked yet
            raise BestiaryError(
                f"{folder.path} has the names of {dialect.name}'s tensors, but not their shapes; download it again"
            ) from None
        if config is not None:
            meaning = understand(config, str(folder.path), task, dialect.name)
            return replace(meaning, carried=dialect.ids(folder.tensors, meaning.spec))
    raise BestiaryError(f"{folder.path}: config.json is missing beside the weights; download it too")


def _config_path(path: Path) -> Path:
    return (path if path.is_dir() else path.parent) / "config.json"


def _without_absent_pooler(tensors: TensorFiles, meaning: Meaning) -> Meaning:
    """A bare encoder may be published without the pooler that its class would add."""
    spec: Any = meaning.spec
    heads = getattr(spec, "heads", {})
    others = {name: head for name, head in heads.items() if name != "pool"}
    if not isinstance(heads.get("pool"), Pooler | PatchMean):
        return meaning
    ours = [f"heads.pool.{part}.{kind}" for part in ("dense", "norm") for kind in ("weight", "bias")]
    names = [name for transfer in transfers(meaning.dialect.keys(spec), ours) for name in transfer.theirs]
    if any(spelling in tensors for name in names for spelling in spellings(name)):
        return meaning
    try:
        return replace(meaning, spec=check(spec.with_heads(others)))
    except BestiaryError:  # another head reads it
        return meaning


def _renamed(tensors: TensorFiles, meaning: Meaning) -> dict[str, str]:
    """Return the file's names by the names that the key table uses, where older files end them otherwise."""
    names: dict[str, str] = {}
    for name in tensors:
        end = next((old for old in meaning.dialect.renamed if name.endswith(old)), None)
        names[name.removesuffix(end) + meaning.dialect.renamed[end] if end else name] = name
    return names


def _found(name: str, renamed: dict[str, str]) -> str | None:
    return next((renamed[spelling] for spelling in spellings(name) if spelling in renamed), None)


def _misshapen(
    transfer: Transfer, names: tuple[str, ...], tensors: TensorFiles, own: dict[str, Any], spec: Any
) -> list[str]:
    expected = foreign(transfer, [own[name].detach() for name in transfer.ours], spec)
    faults: list[str] = []
    for name, tensor in zip(names, expected, strict=True):
        if tuple(tensors.shape(name)) != tuple(tensor.shape):
            faults.append(f"{name} has shape {list(tensors.shape(name))}, not {list(tensor.shape)}")
        elif not tensors.dtype(name).startswith(("float", "bfloat")):
            faults.append(f"{name} holds {tensors.dtype(name)}, not floating-point numbers")
    return faults


def _repeated(meaning: Meaning) -> list[re.Pattern[str]]:
    return [pattern for name in meaning.dialect.repeated for pattern in _patterns(name)]


def _patterns(name: str) -> list[re.Pattern[str]]:
    return [re.compile(re.escape(s).replace(re.escape("{i}"), r"\d+")) for s in spellings(name)]


def _check_depth(tensors: TensorFiles, meaning: Meaning, where: Path) -> None:
    """Refuse a depth, or experts, that the files cannot fill before so many modules are built or names written out."""
    spec = meaning.spec
    layers = [layer for _, node in walk_once(spec) if isinstance(node, Stack) for layer in own_layers(node)]
    described = {"layers": len(layers)}
    if "{e}" in meaning.dialect.keys(spec):
        distinct = {id(layer): layer for layer in layers}  # equal layers are mostly one object
        experts = {key: _experts(layer) for key, layer in distinct.items()}
        described["experts"] = sum(experts[id(layer)] for layer in layers)
    for what, number in described.items():
        if number > len(tensors):
            raise BestiaryError(
                f"{where}: the config describes {number:,} {what}, but the files hold {len(tensors):,} tensors;"
                " correct config.json, or take the checkpoint that it belongs to"
            )


def _experts(layer: Layer) -> int:
    return sum(op.experts for _, op in walk(layer) if isinstance(op, Experts))


def _check_repeated(tensors: TensorFiles, model: Model, meaning: Meaning, where: Path) -> None:
    """A tensor that the config ties to another must equal it: else the file means more than the config says."""
    own = model.state_dict()
    for name, repeats in meaning.dialect.repeated.items():
        ours = next((name for name in repeats.split(" or ") if name in own), "")
        for found in [n for n in tensors if ours and any(p.fullmatch(n) for p in _patterns(name))]:
            if not _is_mapped(found, meaning, own) and not torch.equal(tensors.get(found), own[ours]):
                raise BestiaryError(
                    f"{where}: {found} differs from the tensor that the config ties it to;"
                    " set 'tie_word_embeddings' to false, or drop the tensor"
                )


def _is_mapped(name: str, meaning: Meaning, own: Any) -> bool:
    """Tell whether a tensor is read for what it is, or is the scoring matrix of a file whose scores are not wanted."""
    table = meaning.dialect.keys(meaning.spec)
    if any(name in spellings(theirs) for transfer in transfers(table, own) for theirs in transfer.theirs):
        return True
    scores = any(isinstance(head, LMHead | AdaptiveLMHead) for head in heads_of(meaning.spec).values())
    return not scores and any(pattern.fullmatch(name) for pattern in head_patterns(table))


def _check_values(tensors: TensorFiles, plan: list[Transfer], where: Path) -> None:
    faults = [
        f"{name} {fault}" for transfer in plan for name in transfer.theirs if (fault := value_fault(tensors.get(name)))
    ]
    if faults:
        raise BestiaryError(f"{where}: {listed(faults, '; ')}")
