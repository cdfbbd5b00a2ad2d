"""The prior of unCLIP in the layout of diffusers, as Karlo was published."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bestiary.spec import EmbeddingDenoiser, own_layers
from bestiary.weights.config import WAIVE, Arguments, Derive, Number, Pin, Row, Size, sizes
from bestiary.weights.dialects.dialect import DIFFUSERS, Dialect, always

KEYS = """
words.{weight,bias} = encoder_hidden_states_proj.{weight,bias}
whole.{weight,bias} = embedding_proj.{weight,bias}
image.{weight,bias} = proj_in.{weight,bias}
time.{up,down}.{weight,bias} = time_embedding.{linear_1,linear_2}.{weight,bias}
last     = prd_embedding | vector
position = positional_embedding | unwrap
stack.layers.{i}.attn.{q,k,v}.weight = transformer_blocks.{i}.attn1.{to_q,to_k,to_v}.weight
stack.layers.{i}.attn.{q,k,v}.bias   = transformer_blocks.{i}.attn1.{to_q,to_k,to_v}.bias
stack.layers.{i}.attn.o.{weight,bias} = transformer_blocks.{i}.attn1.to_out.0.{weight,bias}
stack.layers.{i}.mlp.up.{weight,bias} = transformer_blocks.{i}.ff.net.0.proj.{weight,bias}
stack.layers.{i}.mlp.down.{weight,bias} = transformer_blocks.{i}.ff.net.2.{weight,bias}
stack.layers.{i}.{attn_norm,mlp_norm}.{weight,bias} = transformer_blocks.{i}.{norm1,norm3}.{weight,bias}
stack.norm.{weight,bias} = norm_out.{weight,bias}
output.{weight,bias} = proj_to_clip_embeddings.{weight,bias}
{mean,deviation} = {clip_mean,clip_std} | row
"""

_OTHER = "this is another architecture"

CONFIG: dict[str, Row] = {
    **dict.fromkeys(("_class_name", "_diffusers_version", "_name_or_path"), WAIVE),
    "num_attention_heads": Size("heads", 32),
    "num_layers": Size("depth", 20),
    "embedding_dim": Size("width", 768),
    "num_embeddings": Size("length", 77),
    "dropout": Number("dropout", 0.0),
    "additional_embeddings": Pin((4,), "four more vectors are read: of the text, the time, the image, and a last one"),
    "time_embed_act_fn": Pin(("silu",), _OTHER),
    "encoder_hid_proj_type": Pin(("linear",), _OTHER),
    "added_emb_type": Pin(("prd",), _OTHER),
    **{
        key: Pin((None,), _OTHER)
        for key in (
            "norm_in_type", "embedding_proj_norm_type", "time_embed_dim", "embedding_proj_dim", "clip_embed_dim",
        )
    },
}  # fmt: skip


def _read(config: Mapping[str, Any]) -> Arguments:
    heads = sizes({"num_attention_heads": 32} | dict(config), "num_attention_heads", 1)[0]
    return {"dim": heads * sizes({"attention_head_dim": 64} | dict(config), "attention_head_dim", 1)[0]}


def _arguments(spec: EmbeddingDenoiser) -> Arguments:
    attend: Any = own_layers(spec.stack)[0][0].op
    return {
        "dim": spec.dim,
        "depth": len(own_layers(spec.stack)),
        "heads": attend.heads,
        "width": spec.width,
        "length": spec.length,
        "dropout": attend.dropout,
    }


DIALECT = Dialect(
    name="unclip-prior",
    architecture=always("unclip_prior"),
    architectures=("unclip_prior",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={"PriorTransformer": "denoising"},
    derived=(
        Derive(
            ("attention_head_dim",),
            _read,
            lambda arguments: {"attention_head_dim": arguments["dim"] // arguments["heads"]},
        ),
    ),
    arguments=_arguments,
    model_type="PriorTransformer",
    layout=DIFFUSERS,
)
