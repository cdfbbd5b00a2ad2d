"""DistilBERT's checkpoints."""

from __future__ import annotations

from bestiary.spec import Transformer
from bestiary.weights.config import ACTIVATIONS, WAIVE, Arguments, Number, Size, Word
from bestiary.weights.dialects import bert
from bestiary.weights.dialects.dialect import COMMON, Dialect, always

KEYS = """
embed.tokens.weight                       = [distilbert.]embeddings.word_embeddings.weight
embed.position.weight                     = [distilbert.]embeddings.position_embeddings.weight
embed.norm.{weight,bias}                  = [distilbert.]embeddings.LayerNorm.{weight,bias}
stack.layers.{i}.attn.{q,k,v,o}.weight    = [distilbert.]transformer.layer.{i}.attention.{q_lin,k_lin,v_lin,out_lin}.weight
stack.layers.{i}.attn.{q,k,v,o}.bias      = [distilbert.]transformer.layer.{i}.attention.{q_lin,k_lin,v_lin,out_lin}.bias
stack.layers.{i}.attn_norm.{weight,bias}  = [distilbert.]transformer.layer.{i}.sa_layer_norm.{weight,bias}
stack.layers.{i}.mlp.{up,down}.weight     = [distilbert.]transformer.layer.{i}.ffn.{lin1,lin2}.weight
stack.layers.{i}.mlp.{up,down}.bias       = [distilbert.]transformer.layer.{i}.ffn.{lin1,lin2}.bias
stack.layers.{i}.mlp_norm.{weight,bias}   = [distilbert.]transformer.layer.{i}.output_layer_norm.{weight,bias}
heads.lm.transform.dense.{weight,bias}    = vocab_transform.{weight,bias}
heads.lm.transform.norm.{weight,bias}     = vocab_layer_norm.{weight,bias}
heads.lm.bias                             = vocab_projector.bias
heads.classifier.transform.dense.{weight,bias} = pre_classifier.{weight,bias}
heads.classifier.output.{weight,bias}     = classifier.{weight,bias}
heads.tags.output.{weight,bias}           = classifier.{weight,bias}
heads.spans.output.{weight,bias}          = qa_outputs.{weight,bias}
"""  # noqa: E501

CONFIG = {
    **COMMON,
    "dim": Size("dim"),
    "n_layers": Size("depth"),
    "n_heads": Size("heads"),
    "hidden_dim": Size("hidden"),
    "vocab_size": Size("vocab"),
    "max_position_embeddings": Size("length", 512),
    "activation": Word("activation", ACTIVATIONS, "gelu"),
    "dropout": Number("dropout", 0.1),
    "attention_dropout": Number("attention_dropout", 0.1),
    "sinusoidal_pos_embds": WAIVE,  # how the position table was initialized; files carry it either way
    "qa_dropout": WAIVE,
    "seq_classif_dropout": WAIVE,
    "tie_weights_": WAIVE,
}


def _arguments(spec: Transformer) -> Arguments:
    sizes = bert.encoder_arguments(spec)
    return {key: value for key, value in sizes.items() if key not in ("types", "eps")}


DIALECT = Dialect(
    name="distilbert",
    architecture=always("distilbert"),
    architectures=("distilbert",),
    keys=always(KEYS),
    config=CONFIG,
    tasks={
        "DistilBertModel": "base",
        "DistilBertForMaskedLM": "masked-lm",
        "DistilBertForSequenceClassification": "sequence-classification",
        "DistilBertForTokenClassification": "token-classification",
        "DistilBertForQuestionAnswering": "question-answering",
    },
    repeated={
        "[distilbert.]embeddings.position_ids": "",
        "vocab_projector.weight": "embed.tokens.weight",
    },
    renamed=bert.DIALECT.renamed,
    arguments=_arguments,
)
