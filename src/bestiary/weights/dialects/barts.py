"""The checkpoints of BART's kin: its key table, other choices of norms and positions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bestiary.errors import BestiaryError
from bestiary.spec import EncoderDecoder, SharedTokens
from bestiary.weights.config import WAIVE, Arguments, Derive, Row, Size, optional_size, shown
from bestiary.weights.dialects import bart
from bestiary.weights.dialects.dialect import Dialect, always


def _kin(name: str, architecture: str, family: str, config: Mapping[str, Row], **others: Any) -> Dialect:
    """Return BART's dialect under other names, with other pins."""
    named = {
        "name": name,
        "architecture": always(architecture),
        "architectures": (architecture,),
        "config": {**bart.CONFIG, **config},
        "tasks": {f"{family}ForConditionalGeneration": "seq2seq-lm", f"{family}Model": "base"},
    }
    return replace(bart.DIALECT, **named | others)


# Older configs of these families count rows of the positions' table that it does not have.
_NO_EXTRA_ROWS: dict[str, Row] = {"extra_pos_embeddings": WAIVE}
_BARE = {**bart.choices(before=True, embedding=False), **_NO_EXTRA_ROWS}
_FIXED = {**bart.choices(before=True, embedding=False, fixed=True), **_NO_EXTRA_ROWS}

MBART = _kin("mbart", "mbart", "MBart", bart.choices(before=True))
MBART = replace(MBART, tasks={f"M{name}": task for name, task in bart.DIALECT.tasks.items()}, labels=2)
PEGASUS = _kin("pegasus", "pegasus", "Pegasus", _FIXED)
BLENDERBOT = _kin("blenderbot", "blenderbot", "Blenderbot", {**_BARE, "max_position_embeddings": Size("length", 128)})
BLENDERBOT_SMALL = _kin(
    "blenderbot-small",
    "blenderbot_small",
    "BlenderbotSmall",
    {**bart.choices(early=True), **_NO_EXTRA_ROWS, "max_position_embeddings": Size("length", 512)},
)


def _read_pad(config: Mapping[str, Any]) -> Arguments:
    pad = config.get("pad_token_id", 1)
    if type(pad) is not int or pad < 0:
        raise BestiaryError(f"'pad_token_id' is {shown(pad)}; give a whole number, for positions are counted from it")
    return {"pad": pad}


M2M_100 = _kin(
    "m2m_100",
    "m2m_100",
    "M2M100",
    {
        **_FIXED,
        "activation_function": replace(bart.CONFIG["activation_function"], default="relu"),  # type: ignore[type-var]
        "attention_dropout": replace(bart.CONFIG["attention_dropout"], default=0.1),  # type: ignore[type-var]
        "scale_embedding": replace(bart.CONFIG["scale_embedding"], default=True),  # type: ignore[type-var]
    },
    derived=(Derive(("pad_token_id",), _read_pad, lambda arguments: {"pad_token_id": arguments["pad"]}),),
    repeated={
        **bart.REPEATED,
        "[model.]encoder.embed_positions.weights": "",  # sinusoids, which the first releases wrote down
        "[model.]decoder.embed_positions.weights": "",
    },
    arguments=lambda spec: {**bart.arguments(spec), "pad": spec.at("encoder.embed.position.pad")},
)


def _keys(spec: EncoderDecoder) -> str:
    """Return the key table: tables of positions are written beside a bare model only, one token table or two."""
    table = bart.KEYS
    for side in ("encoder", "decoder"):
        if spec.heads:
            table = table.replace(f"{side}.embed_positions.weight", f"{side}.embed_positions.weight | implied")
    if isinstance(spec.decoder.embed, SharedTokens):
        return table
    own = "\n".join(
        f"{side}.embed.tokens.weight = [model.]{side}.embed_tokens.weight" for side in ("encoder", "decoder")
    )
    return table.replace("encoder.embed.tokens.weight = [model.]shared.weight", own)


def _read_tables(config: Mapping[str, Any]) -> Arguments:
    shared, vocab = config.get("share_encoder_decoder_embeddings", True), config["vocab_size"]
    decoder_vocab = optional_size(config, "decoder_vocab_size") or vocab
    if not isinstance(shared, bool):
        raise BestiaryError(f"'share_encoder_decoder_embeddings' is {shown(shared)}; give true or false")
    if shared and decoder_vocab != vocab:
        raise BestiaryError(
            f"'decoder_vocab_size' is {decoder_vocab}, but the decoder reads the encoder's table of {vocab};"
            " set 'share_encoder_decoder_embeddings' to false"
        )
    return {"decoder_vocab": None if shared else decoder_vocab}


def _write_tables(arguments: Arguments) -> dict[str, Any]:
    own = arguments["decoder_vocab"]
    return {"share_encoder_decoder_embeddings": own is None, "decoder_vocab_size": own or arguments["vocab"]}


def _decoder_vocab(spec: EncoderDecoder) -> int | None:
    return None if isinstance(spec.decoder.embed, SharedTokens) else spec.at("decoder.embed.vocab")


MARIAN = _kin(
    "marian",
    "marian",
    "Marian",
    {**bart.choices(embedding=False, fixed=True), **_NO_EXTRA_ROWS},
    tasks={"MarianMTModel": "seq2seq-lm", "MarianModel": "base"},
    keys=_keys,
    derived=(Derive(("share_encoder_decoder_embeddings", "decoder_vocab_size"), _read_tables, _write_tables),),
    repeated={**bart.REPEATED, "lm_head.weight": "decoder.embed.tokens.weight or encoder.embed.tokens.weight"},
    arguments=lambda spec: {**bart.arguments(spec), "decoder_vocab": _decoder_vocab(spec)},
)

DIALECTS = (MBART, PEGASUS, BLENDERBOT, BLENDERBOT_SMALL, M2M_100, MARIAN)
