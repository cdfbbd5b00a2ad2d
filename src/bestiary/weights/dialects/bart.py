"""BART's checkpoints, and what its kin share with them."""

from __future__ import annotations

from bestiary.spec import EncoderDecoder, own_layers
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Flag, Number, Pin, Row, Size, Word
from bestiary.weights.dialects.dialect import COMMON, Dialect, always


def _side(side: str) -> str:
    layer = f"[model.]{side}.layers.{{i}}"
    ours = f"{side}.stack.layers.{{i}}"
    attentions = (("attn", "self_attn"), ("cross", "encoder_attn"))[: 2 if side == "decoder" else 1]
    lines = [
        f"{side}.embed.position.weight = [model.]{side}.embed_positions.weight",
        f"{side}.stack.norm.{{weight,bias}} = [model.]{side}.layer_norm.{{weight,bias}}",
        f"{side}.embed.norm.{{weight,bias}} = [model.]{side}.layernorm_embedding.{{weight,bias}}",
        f"{ours}.mlp.{{up,down}}.weight = {layer}.{{fc1,fc2}}.weight",
        f"{ours}.mlp.{{up,down}}.bias = {layer}.{{fc1,fc2}}.bias",
        f"{ours}.mlp_norm.{{weight,bias}} = {layer}.final_layer_norm.{{weight,bias}}",
    ]
    for mine, theirs in attentions:
        for kind in ("weight", "bias"):
            lines.append(
                f"{ours}.{mine}.{{q,k,v,o}}.{kind} = {layer}.{theirs}.{{q_proj,k_proj,v_proj,out_proj}}.{kind}"
            )
        lines.append(f"{ours}.{mine}_norm.{{weight,bias}} = {layer}.{theirs}_layer_norm.{{weight,bias}}")
    return "\n".join(lines)


KEYS = f"""
encoder.embed.tokens.weight = [model.]shared.weight
{_side("encoder")}
{_side("decoder")}
heads.lm.offset = final_logits_bias | row
heads.classifier.transform.dense.{{weight,bias}} = classification_head.dense.{{weight,bias}}
heads.classifier.output.{{weight,bias}} = classification_head.out_proj.{{weight,bias}}
heads.spans.output.{{weight,bias}} = qa_outputs.{{weight,bias}}
"""


def choices(before: bool = False, embedding: bool = True, fixed: bool = False, early: bool = False) -> dict[str, Row]:
    """Pin the switches of one class that once had all these families in it: norms before, on embeddings, fixed rows.

    Each family is another architecture here, so that each obeys one value.
    """
    reason = "the other choice is another architecture"
    return {
        "add_bias_logits": Pin((False,), "a trained output bias was never published in this family"),
        "add_final_layer_norm": Pin((before,), reason),
        "normalize_before": Pin((before,), reason),
        "normalize_embedding": Pin((embedding,), reason),
        "static_position_embeddings": Pin((fixed,), reason),
        "do_blenderbot_90_layernorm": Pin((early,), reason) if embedding else WAIVE,  # says where that norm stands
        "layernorm_variant": Pin(("prelayernorm",) if before else ("xlm",), reason),
        "extra_pos_embeddings": Pin((2,), "the table of positions has two rows that are never used"),
    }


CONFIG = {
    **COMMON,
    "d_model": Size("dim"),
    "encoder_layers": Size("encoder_depth"),
    "decoder_layers": Size("decoder_depth"),
    "encoder_attention_heads": Size("heads"),
    "decoder_attention_heads": Size("decoder_heads"),
    "encoder_ffn_dim": Size("hidden"),
    "decoder_ffn_dim": Size("decoder_hidden"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 1024),
    "activation_function": Word("activation", ACTIVATIONS, "gelu"),
    "dropout": Number("dropout", 0.1),
    "attention_dropout": Number("attention_dropout", 0.0),
    "activation_dropout": Number("activation_dropout", 0.0),
    "scale_embedding": Flag("scaled", False),
    "is_encoder_decoder": Pin((True,), "one side alone is another architecture"),
    **choices(),
    "force_bos_token_to_be_generated": WAIVE,
    "encoder_layerdrop": WAIVE,
    "decoder_layerdrop": WAIVE,
    "num_hidden_layers": WAIVE,  # repeats encoder_layers
    "classifier_dropout": WAIVE,
    "classif_dropout": WAIVE,
}


def arguments(spec: EncoderDecoder) -> Arguments:
    """Read the sizes of a pair off its spec."""
    encoder, decoder = own_layers(spec.encoder.stack), own_layers(spec.decoder.stack)
    attention, mlp = encoder[0]
    return {
        "dim": spec.dim,
        "encoder_depth": len(encoder),
        "decoder_depth": len(decoder),
        "heads": attention.at("heads"),
        "decoder_heads": decoder[0][0].at("heads"),
        "hidden": mlp.at("hidden"),
        "decoder_hidden": decoder[0][-1].at("hidden"),
        "vocab": spec.at("encoder.embed.vocab"),
        "length": spec.at("encoder.embed.position.length"),
        "activation": mlp.at("activation"),
        "dropout": mlp.dropout,
        "attention_dropout": attention.op.at("dropout"),
        "activation_dropout": mlp.op.at("dropout"),
        "scaled": spec.at("encoder.embed.scaled"),
    }


REPEATED = {
    "[model.]encoder.embed_tokens.weight": "encoder.embed.tokens.weight",
    "[model.]decoder.embed_tokens.weight": "encoder.embed.tokens.weight",
    "lm_head.weight": "encoder.embed.tokens.weight",
    "[model.]encoder.version": "",  # of the format of the files that these were converted from
    "[model.]decoder.version": "",
}

DIALECT = Dialect(
    name="bart",
    architecture=always("bart"),
    architectures=("bart",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "BartForConditionalGeneration": "seq2seq-lm",
        "BartModel": "base",
        "BartForSequenceClassification": "sequence-classification",
        "BartForQuestionAnswering": "question-answering",
    },
    repeated=REPEATED,
    arguments=arguments,
    labels=3,
)
