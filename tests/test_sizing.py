"""Sizes in closed form against published totals, built modules, the reference library, and counts made by hand."""

from __future__ import annotations

import inspect
import random
import re
from collections import Counter
from collections.abc import Callable
from time import process_time
from typing import Any

import control_models
import feature_map_models
import folding_models
import gguf
import multimodal_models
import pytest
import sound_models
import torch
import transformers
from small_specs import OTHERS, VARIANTS
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from bestiary import nn, spec
from bestiary.architectures import ARCHITECTURES, make, with_task
from bestiary.errors import BestiaryError
from bestiary.nn.blocks import own_blocks
from bestiary.nn.context import Context
from bestiary.nn.masks import self_mask
from bestiary.sizing import GPU_MEMORY, PRECISIONS, cache_bytes, count, fits, flops, memory, weight_bytes
from bestiary.sizing.reach import pairs
from bestiary.spec import (
    Alibi,
    Attention,
    Causal,
    MemorySpan,
    Model,
    Parallel,
    Prefix,
    Sinusoidal,
    T5Bias,
    Window,
    swap,
)

BERT = {"dim": 768, "depth": 12, "heads": 12, "hidden": 3072, "vocab": 30522}
GPT3 = make("gpt3", dim=12288, depth=96, heads=96, hidden=49152)
LLAMA = make("llama", dim=4096, depth=32, heads=32, hidden=11008)
MISTRAL = make("mistral", dim=4096, depth=32, heads=32, kv_heads=8, hidden=14336)
MIXTRAL = make("mixtral", dim=4096, depth=32, heads=32, kv_heads=8, hidden=14336)
GLAM = make("glam", dim=8192, depth=64, heads=128, head_dim=128, hidden=32768)
T5_11B = make("t5", dim=1024, depth=24, heads=128, head_dim=128, hidden=65536)
ALEXATM = make("alexatm", dim=4096, encoder_depth=46, decoder_depth=32, heads=32, hidden=16384, vocab=153600)
VIT = make("vit", dim=768, depth=12, heads=12, hidden=3072)


def gpt2(dim: int, depth: int, heads: int) -> Model:
    return make("gpt2", dim=dim, depth=depth, heads=heads, hidden=4 * dim, vocab=50257)


PUBLISHED = [
    (make("bert", **BERT), 109_482_240),
    (make("bert", dim=1024, depth=24, heads=16, hidden=4096, vocab=30522), 335_141_888),
    (make("roberta", **(BERT | {"vocab": 50265})), 124_645_632),
    (make("albert", dim=4096, depth=12, heads=64, hidden=16384, vocab=30000), 222_595_584),
    (make("megatron_bert", dim=1024, depth=24, heads=16, hidden=4096, vocab=29056), 333_640_704),
    (make("ernie_thu", **BERT), 114_050_244),  # stated as "about 114M" (Zhang et al. 2019, section 4.1)
    (make("deberta", **(BERT | {"vocab": 50265})), 138_601_728),
    (make("deberta_v2", **(BERT | {"vocab": 128100})), 183_831_552),
    (gpt2(768, 12, 12), 124_439_808),
    (gpt2(1024, 24, 16), 354_823_168),
    (gpt2(1280, 36, 20), 774_030_080),
    (gpt2(1600, 48, 25), 1_557_611_200),
    (GPT3, 174_604_259_328),
    (T5_11B, 11_307_321_344),
    (LLAMA, 6_738_415_616),
    (make("gpt_neo", dim=2048, depth=24, heads=16, hidden=8192), 1_315_575_808),
    (make("opt", dim=768, depth=12, heads=12, hidden=3072), 125_239_296),
    (make("opt", dim=1024, depth=24, heads=16, hidden=4096, width=512, placement="post"), 331_196_416),
    (make("bloom", dim=1024, depth=24, heads=16, hidden=4096), 559_214_592),
    (make("bloom", dim=14336, depth=70, heads=112, hidden=57344), 176_247_271_424),
    (make("mpt", dim=4096, depth=32, heads=32, hidden=16384), 6_649_286_656),
    (make("falcon", dim=4544, depth=32, heads=71, hidden=18176), 6_921_720_704),
    (make("falcon_serial", dim=2048, depth=24, heads=32, hidden=8192), 1_311_625_216),
    (make("gptj", dim=4096, depth=28, heads=16, hidden=16384, vocab=50400), 6_050_882_784),
    (make("gpt_neox", dim=6144, depth=44, heads=64, hidden=24576, vocab=50432), 20_554_567_680),
    (VIT, 86_567_656),
    (make("whisper", dim=384, encoder_depth=4, decoder_depth=4, heads=6, hidden=1536, vocab=51864), 37_184_256),
    (make("wav2vec2", dim=768, depth=12, heads=12, hidden=3072), 95_044_608),
    (ALEXATM, 19_751_751_680),  # stated as 19.75B: three tables of 150 x 1024 tokens
    (MISTRAL, 7_241_732_096),
    (make("qwen2", dim=896, depth=24, heads=14, kv_heads=2, hidden=4864, tied=True), 494_032_768),
    (make("qwen3", dim=1024, depth=28, heads=16, kv_heads=8, hidden=3072, tied=True), 596_049_920),
    (make("stablelm", dim=2048, depth=24, heads=32, hidden=5632, vocab=100352, attention_bias=True), 1_644_515_328),
    (MIXTRAL, 46_702_792_704),
    (make("gemma", dim=2048, depth=18, heads=8, kv_heads=1, hidden=16384), 2_506_172_416),
]


UNRELEASED = [  # sizes and billions: Chowdhery et al. 2022, table 1 and section 2; Thoppilan et al. 2022, table 27;
    # Shoeybi et al. 2019, table 2; Smith et al. 2022, section 2. LaMDA's figure leaves the embedding out.
    (make("palm", dim=4096, depth=32, heads=16, hidden=16384), 8.63),
    (make("palm", dim=8192, depth=64, heads=32, hidden=32768), 62.50),
    (make("palm", dim=18432, depth=118, heads=48, hidden=73728), 540.35),
    (make("gpt2", dim=3072, depth=72, heads=32, hidden=12288, vocab=51200), 8.3),
    (make("gpt2", dim=20480, depth=105, heads=128, hidden=81920, vocab=51200, length=2048), 530),
]


@pytest.mark.parametrize(("model", "billions"), UNRELEASED)
def test_published_billions(model: Model, billions: float) -> None:
    digits = len(str(billions).partition(".")[2])
    # One unit of the last digit, not half of it: 540.356 is published as 540.35.
    assert abs(count(model).total / 1e9 - billions) < 10**-digits


def test_lamda_without_its_embedding() -> None:
    lamda = count(make("lamda", dim=8192, depth=64, heads=128, hidden=65536))
    assert round(lamda.non_embedding / 1e9) == 137


@pytest.mark.parametrize(("model", "total"), PUBLISHED)
def test_published_totals(model: Model, total: int) -> None:
    assert count(model).total == total


def test_active_parameters_are_those_that_one_token_passes_through() -> None:
    # Jiang et al. 2024, section 2: 47B and 13B; Du et al. 2021, table 4: 1.2T and 96.6B.
    assert count(MIXTRAL).active == 46_702_792_704 - 32 * 6 * 3 * 4096 * 14336 == 12_879_925_248
    assert round(count(GLAM).total, -11) == 1_200_000_000_000
    assert abs(count(GLAM).active / 96.6e9 - 1) < 0.005
    dense = make("glam", dim=8192, depth=64, heads=128, head_dim=128, hidden=65536, experts=None)
    assert count(dense).active == count(dense).total
    assert count(dense).non_embedding // 10**9 == 137
    assert count(make("switch", dim=768, depth=12, heads=12, head_dim=64, hidden=3072)).total == 619_339_008


def test_embedding_and_the_rest() -> None:
    bert = count(make("bert", **BERT))
    assert bert.embedding == (30522 + 512 + 2) * 768
    assert bert.non_embedding == bert.total - bert.embedding
    assert bert.active == bert.total
    assert bert.heads == ("pool",)
    assert count(make("albert", **BERT)).embedding == (30522 + 512 + 2) * 128 + 128 * 768 + 768
    assert count(VIT).embedding == (196 + 1) * 768 + 768  # a position each and the extra token; not the map of patches
    assert count(LLAMA).embedding == 32000 * 4096  # not the output matrix


def test_shows_itself() -> None:
    rows = str(count(make("bert", **BERT))).splitlines()
    assert rows[0].split() == ["embed.tokens", "23,440,896"]
    assert rows[-1].split() == ["total", "109,482,240"]
    assert len({len(row) for row in rows}) == 1
    assert "<td" in count(LLAMA)._repr_html_()


@pytest.mark.slow
def test_counting_is_fast() -> None:
    assert count(GPT3).total  # what is computed at first use is
    times = []
    for _ in range(20):
        start = process_time()
        count(GPT3)
        times.append(process_time() - start)
    assert min(times) < 1e-3


SMALL = {"dim": 16, "depth": 3, "heads": 4, "hidden": 24, "vocab": 50}
T5 = {**SMALL, "head_dim": 8}
BANDS = {"cutoffs": (11, 30)}
RELATIVE = spec.RelativeAttention(4, kv_heads=2, memory=spec.ZeroMemory(5), mask=(Causal(),), bias="qo")
PARALLEL = Parallel((spec.Normed(spec.MLP(8), spec.RMSNorm()), spec.GLU(9)))
JOINT = spec.JointNorm(spec.LayerNorm())
BUILT: dict[str, Model] = {
    "transformer": with_task(make("transformer", **SMALL), "transformer", "seq2seq-lm"),
    **{f"bert for {task}": with_task(make("bert", **SMALL), "bert", task) for task in (
        "base", "pretraining", "sequence-classification", "question-answering")},
    "roberta": with_task(make("roberta", **SMALL), "roberta", "sequence-classification", 5),
    "megatron_bert": with_task(make("megatron_bert", **SMALL), "megatron_bert", "pretraining"),
    "xlm_roberta_xl": make("xlm_roberta_xl", **SMALL),
    "ernie": make("ernie", **SMALL, tasks=5),
    **{f"ernie_thu for {task}": with_task(make("ernie_thu", **SMALL, entity_width=6, entity_heads=2), "ernie_thu", task)
       for task in ("base", "pretraining")},
    "ernie_thu, fused throughout": make("ernie_thu", **SMALL, fused_depth=3),
    "electra": with_task(make("electra", **SMALL, width=4), "electra", "replaced-token-detection"),
    "electra_generator": make("electra_generator", dim=32, depth=2, heads=8, hidden=48, vocab=50, divisor=2),
    **{f"longformer for {task}": with_task(make("longformer", **SMALL, window=4), "longformer", task) for task in (
        "base", "sequence-classification", "question-answering")},
    **{f"big_bird for {task}": with_task(make("big_bird", **SMALL, block=2, length=64), "big_bird", task) for task in (
        "base", "sequence-classification", "question-answering")},
    **{f"modernbert for {task}": with_task(make("modernbert", **SMALL), "modernbert", task) for task in (
        "masked-lm", "sequence-classification", "question-answering")},
    "modernbert with biases": make(
        "modernbert", **SMALL, norm_bias=True, head_bias=True, attention_bias=True, mlp_bias=True, tied=False),
    "deberta": with_task(make("deberta", **SMALL, types=2, absolute=True), "deberta", "masked-lm"),
    "deberta of few distances": make("deberta", **SMALL, span=3, scores=("c2p",)),
    "deberta_v2": make("deberta_v2", **SMALL, buckets=6, kernel=3, groups=2),
    "deberta_v2 of own maps": make("deberta_v2", **SMALL, buckets=None, shared_maps=False, scores=("p2c",)),
    **{f"esm2 for {task}": with_task(make("esm2", **SMALL, mask=4), "esm2", task) for task in ("masked-lm", "base")},
    "esm1b": make("esm1b", **SMALL, mask=4, drops_masks=False),
    "albert": with_task(make("albert", **SMALL, width=4), "albert", "masked-lm"),
    "albert of two groups": make("albert", **SMALL, width=4, groups=2),
    "gpt": make("gpt", **SMALL),
    "gpt2": with_task(make("gpt2", **SMALL), "gpt2", "sequence-classification"),
    "gpt3": make("gpt3", **SMALL, window=4),
    "t5": make("t5", **T5),
    "t5_1_1": make("t5_1_1", **T5, decoder_depth=2),
    "umt5": make("umt5", **T5),
    "t5_encoder": make("t5_encoder", **T5),
    "bart": make("bart", dim=16, encoder_depth=3, decoder_depth=2, heads=4, hidden=24, vocab=50),
    **{name: make(name, dim=16, encoder_depth=3, decoder_depth=2, heads=4, hidden=24, vocab=50) for name in (
        "mbart", "pegasus", "blenderbot_small", "m2m_100", "marian", "alexatm")},
    "bart for sequence-classification": with_task(
        make("bart", dim=16, encoder_depth=1, decoder_depth=1, heads=4, hidden=24, vocab=50), "bart",
        "sequence-classification"),
    "marian of two tables": make("marian", dim=16, encoder_depth=1, decoder_depth=1, heads=4, hidden=24, vocab=50,
                                 decoder_vocab=40),
    "llama": make("llama", **SMALL, kv_heads=2, attention_bias=True, mlp_bias=True),
    "gopher": make("gopher", **SMALL, head_dim=6),
    "transfo_xl": make("transfo_xl", **SMALL, **BANDS, divisor=2, memory=5),
    "transfo_xl of one table": make("transfo_xl", **SMALL, **BANDS, tied=False),
    "transfo_xl, untied": make("transfo_xl", **SMALL, **BANDS, width=9, divisor=3, tied=False, own=(0, 2)),
    "transfo_xl, one pair of biases": make("transfo_xl", **SMALL, head_dim=6, own_biases=False),
    "transfo_xl, one band as it is": make("transfo_xl", **SMALL, **BANDS, divisor=4, own=(1,), square=False),
    "transfo_xl, one band": make("transfo_xl", **SMALL, divisor=2),
    "xlnet": make("xlnet", **SMALL),
    "xlnet for sequence-classification": with_task(make("xlnet", **SMALL), "xlnet", "sequence-classification"),
    "a memory of zeros": make("xlnet", **SMALL).at("stack.layers[*].attn", RELATIVE),
    "mistral": make("mistral", **SMALL, kv_heads=2, window=4),
    "qwen2": make("qwen2", **SMALL, window=4, windowed=(1,)),
    "qwen3": make("qwen3", **SMALL, kv_heads=2, head_dim=6),
    "stablelm": make("stablelm", **SMALL, fraction=0.5, qk_norm=True, kv_heads=2),
    "stablelm in parallel": make("stablelm", **SMALL, fraction=0.5, parallel=True),
    "gemma": make("gemma", **SMALL, head_dim=8),
    "mixtral": make("mixtral", **SMALL, kv_heads=2, experts=5),
    "switch": make("switch", **T5, router_bias=True),
    "glam": make("glam", **T5, experts=6),
    "bounded": make("mpt", **SMALL, bound=6.0, halvings=16.0),
    "joint norms": make("qwen3", **SMALL, head_dim=6, kv_heads=2).at("stack.layers[*].attn.qk_norm", JOINT),
    "gptj": with_task(make("gptj", **SMALL, rotated=2), "gptj", "question-answering"),
    "gpt_neox": make("gpt_neox", **SMALL, fraction=0.5),
    "gpt_neox_serial": make("gpt_neox_serial", **SMALL, fraction=0.5, attention_bias=False),
    "gpt_neo": make("gpt_neo", **SMALL, window=4),
    "opt": make("opt", **SMALL),
    "narrow opt": with_task(make("opt", **SMALL, width=8, placement="post"), "opt", "sequence-classification"),
    "bloom": with_task(make("bloom", **SMALL), "bloom", "token-classification"),
    "mpt": make("mpt", **SMALL),
    "falcon": make("falcon", **SMALL),
    "falcon_two_norms": make("falcon_two_norms", **SMALL, kv_heads=2, alibi=True),
    "falcon_serial": make("falcon_serial", **SMALL),
    "ctrl": make("ctrl", **SMALL),
    "glm": make("glm", **SMALL),
    "palm": make("palm", **SMALL, head_dim=6),
    "lamda": make("lamda", **SMALL, head_dim=6),
    "vit": make("vit", dim=16, depth=2, heads=4, hidden=24, image=32, patch=8, labels=7),
    "own scores": make("gpt2", **SMALL).at("stack.layers[1].attn.position", T5Bias()),
    "parallel": make("gpt2", **SMALL).at("stack.layers[*].mlp", PARALLEL),
    "both norms": make("llama", **SMALL).at("stack.layers[*].attn.placement", "both"),
    "no bias in norms": swap(make("bert", **SMALL), spec.LayerNorm, spec.LayerNorm(bias=False)),
    "alibi": make("gpt2", **SMALL).at("stack.position", Alibi()),
    "sinusoids": make("bert", **SMALL).at("embed.position", Sinusoidal()),
    "own output with a bias": make("bert", **SMALL).with_heads({"lm": spec.LMHead(tied=False, bias=True)}),
    **feature_map_models.BUILT,
    **feature_map_models.PARTED,
    **multimodal_models.BUILT,
    **OTHERS,
    **VARIANTS,
    **control_models.BUILT,
    **sound_models.BUILT,
    **folding_models.BUILT,
}  # fmt: skip


def test_every_kind_of_node_is_among_them() -> None:
    sized = (spec.Op, spec.Head, spec.Norm, spec.Embedding, spec.EmbeddingPosition, spec.ScorePosition, spec.Model)
    kinds = {kind for kind in vars(spec).values() if inspect.isclass(kind) and issubclass(kind, sized)}
    abstract = {*sized, spec.DistanceVectors, spec.Summary, spec.Embedded, spec.Grid}
    abstract |= {spec.AlignmentOp, spec.PairOp, spec.TriangleProduct, spec.TriangleAttention, spec.FoldHead}
    assert kinds - {type(node) for model in BUILT.values() for _, node in spec.walk(model)} == abstract


@pytest.mark.parametrize("name", BUILT)
def test_every_part_is_what_is_built(name: str) -> None:
    counted = count(BUILT[name])
    built: Counter[str] = Counter()
    for parameter, tensor in nn.build(BUILT[name], device="meta").named_parameters():
        folded = feature_map_models.folded(parameter)
        modules = [part for part in counted.parts if f"{folded}.".startswith(f"{part}.")]
        built[max(modules, key=len)] += tensor.numel()
    assert dict(built) == dict(counted.parts)


def reference(name: str, s: dict[str, int]) -> Any:
    """Build the reference library's model of a family at some sizes, on the meta device."""
    t: Any = transformers
    plain = {"vocab_size": s["vocab"]}
    wide = {"hidden_size": s["dim"], "num_attention_heads": s["heads"], "intermediate_size": s["hidden"]}
    deep = {**wide, "num_hidden_layers": s["depth"]}
    gpt = {"n_embd": s["dim"], "n_layer": s["depth"], "n_head": s["heads"], "n_positions": s["length"]}
    t5 = {
        "d_model": s["dim"],
        "num_layers": s["depth"],
        "num_heads": s["heads"],
        "d_kv": s["head_dim"],
        "d_ff": s["hidden"],
    }
    bart = {f"{side}_{key}": s[value] for side in ("encoder", "decoder") for key, value in (
        ("layers", "depth"), ("attention_heads", "heads"), ("ffn_dim", "hidden"))}  # fmt: skip
    long = {"max_position_embeddings": s["length"]}
    llama = {"num_key_value_heads": s["kv_heads"], "head_dim": s["head_dim"]}
    apart = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"], "position_biased_input": False}
    v3 = {"share_att_key": True, "norm_rel_ebd": "layer_norm", "position_buckets": 256}
    makers: dict[str, Callable[[], Any]] = {
        "bert": lambda: t.BertModel(t.BertConfig(**plain, **deep, **long)),
        "roberta": lambda: t.RobertaModel(
            t.RobertaConfig(**plain, **deep, max_position_embeddings=s["length"] + 2, type_vocab_size=1)
        ),
        "albert": lambda: t.AlbertModel(t.AlbertConfig(**plain, **deep, **long, embedding_size=s["width"])),
        "distilbert": lambda: t.DistilBertModel(
            t.DistilBertConfig(
                **plain, dim=s["dim"], n_layers=s["depth"], n_heads=s["heads"], hidden_dim=s["hidden"], **long
            )
        ),
        "megatron_bert": lambda: t.MegatronBertModel(t.MegatronBertConfig(**plain, **deep, **long)),
        "xlm_roberta_xl": lambda: t.XLMRobertaXLModel(
            t.XLMRobertaXLConfig(**plain, **deep, max_position_embeddings=s["length"] + 2)
        ),
        "ernie": lambda: t.ErnieModel(
            t.ErnieConfig(**plain, **deep, **long, use_task_id=True, task_type_vocab_size=s["tasks"])
        ),
        "electra": lambda: t.ElectraModel(t.ElectraConfig(**plain, **deep, **long, embedding_size=s["width"])),
        "deberta": lambda: t.DebertaModel(t.DebertaConfig(**plain, **deep, **long, **apart)),
        "deberta_v2": lambda: t.DebertaV2Model(t.DebertaV2Config(**plain, **deep, **long, **apart, **v3)),
        "gpt": lambda: t.OpenAIGPTLMHeadModel(t.OpenAIGPTConfig(**plain, **gpt)),
        "gpt2": lambda: t.GPT2LMHeadModel(t.GPT2Config(**plain, **gpt, n_inner=s["hidden"])),
        "t5": lambda: t.T5ForConditionalGeneration(t.T5Config(**plain, **t5)),
        "t5_1_1": lambda: t.T5ForConditionalGeneration(
            t.T5Config(**plain, **t5, feed_forward_proj="gated-gelu", tie_word_embeddings=False)
        ),
        "bart": lambda: t.BartForConditionalGeneration(t.BartConfig(**plain, **bart, **long, d_model=s["dim"])),
        "llama": lambda: t.LlamaForCausalLM(t.LlamaConfig(**plain, **deep, **long, **llama, tie_word_embeddings=False)),
        "mixtral": lambda: t.MixtralForCausalLM(
            t.MixtralConfig(**plain, **deep, **long, **llama, num_local_experts=s["experts"])
        ),
        "switch": lambda: t.SwitchTransformersForConditionalGeneration(
            t.SwitchTransformersConfig(
                **plain,
                **t5,
                num_decoder_layers=s["depth"],
                num_experts=s["experts"],
                encoder_sparse_step=2,
                decoder_sparse_step=2,
            )
        ),
        "xlnet": lambda: t.XLNetLMHeadModel(
            t.XLNetConfig(**plain, d_model=s["dim"], n_layer=s["depth"], n_head=s["heads"], d_inner=s["hidden"])
        ),
        "mistral": lambda: t.MistralForCausalLM(t.MistralConfig(**plain, **deep, **long, **llama)),
        "qwen2": lambda: t.Qwen2ForCausalLM(t.Qwen2Config(**plain, **deep, **long, **llama)),
        "qwen3": lambda: t.Qwen3ForCausalLM(t.Qwen3Config(**plain, **deep, **long, **llama)),
        "gemma": lambda: t.GemmaForCausalLM(t.GemmaConfig(**plain, **deep, **long, **llama)),
        "vit": lambda: t.ViTForImageClassification(
            t.ViTConfig(**deep, image_size=s["image"], patch_size=s["patch"], num_labels=s["labels"])
        ),
    }
    with torch.device("meta"):
        return makers[name]()


def drawn(seed: int) -> dict[str, int]:
    """Draw sizes that go together."""
    draw = random.Random(seed)
    kv_heads = draw.choice([1, 2, 3])
    heads = kv_heads * draw.choice([1, 2, 4])
    patch = draw.choice([4, 7])
    return {
        "dim": heads * 2 * draw.randint(2, 20),
        "depth": draw.randint(1, 5),
        "heads": heads,
        "kv_heads": kv_heads,
        "head_dim": 2 * draw.randint(2, 20),
        "hidden": draw.randint(5, 300),
        "vocab": draw.randint(50, 5000),
        "length": draw.randint(8, 600),
        "width": draw.randint(4, 30),
        "tasks": draw.randint(1, 9),
        "patch": patch,
        "image": patch * draw.randint(1, 9),
        "labels": draw.randint(3, 40),
        "experts": draw.randint(2, 9),
    }


REFERENCES = [
    "bert", "roberta", "albert", "distilbert", "megatron_bert", "xlm_roberta_xl", "ernie", "electra",
    "deberta", "deberta_v2",
    "gpt", "gpt2", "t5", "t5_1_1", "bart", "llama", "mistral", "qwen2", "qwen3", "gemma", "mixtral", "switch", "xlnet",
    "vit",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", REFERENCES)
def test_counts_as_the_reference(name: str, seed: int) -> None:
    sizes = drawn(seed)
    if name == "gpt":
        sizes["hidden"] = 4 * sizes["dim"]  # the reference knows no other
    theirs = sum(parameter.numel() for parameter in reference(name, sizes).parameters())
    known = inspect.signature(ARCHITECTURES[name].make).parameters
    ours = {**sizes, "encoder_depth": sizes["depth"], "decoder_depth": sizes["depth"]}
    model = make(name, **{key: value for key, value in ours.items() if key in known})
    own_output = sizes["vocab"] * sizes["dim"] if name == "t5_1_1" else 0  # the reference ties it whatever it is told
    assert count(model).total - own_output == theirs


BANDED = [name for name in BUILT if name.startswith("longformer")]


# Products of groups, which torch's counter passes over: each vector is multiplied by one matrix.
GROUPS = {torch.ops.aten._grouped_mm: lambda x, matrices, *others, **more: 2 * x[0] * matrices[-2] * matrices[-1]}


@pytest.mark.parametrize("name", sorted(BUILT.keys() - BANDED - feature_map_models.PARTED.keys()))
def test_operations_are_those_that_run(name: str) -> None:
    # What torch runs takes every pair of query and key and hides some later, so the masks are taken out.
    model = BUILT[name]
    for kind in (Attention, spec.RelativeAttention, spec.TwoStreamAttention):
        model = swap(model, kind, lambda op: op.replace(mask=()))
    module = nn.build(model, seed=0).requires_grad_(False)
    ids = torch.arange(9)[None] % 7 + 2
    if name in sound_models.BUILT:
        inputs, expected = sound_models.given(model)
    elif isinstance(model, spec.FoldingModel):
        inputs, expected = folding_models.given(model), flops(model, 9)
    elif isinstance(model, spec.EncoderDecoder):
        tokens = 9 if name == "bart for sequence-classification" else 5  # reads its source twice
        inputs, expected = {"input_ids": ids, "decoder_input_ids": ids[:, :tokens]}, flops(model, tokens, 9)
    elif name in feature_map_models.BUILT:
        inputs, expected = feature_map_models.given(model)
    elif name in multimodal_models.BUILT:
        context = 9 if isinstance(model, spec.Interleaved) else None
        inputs, expected = multimodal_models.given(model), flops(model, context)
    elif isinstance(embed := model.at("embed"), spec.Patches):
        inputs, expected = {"pixel_values": torch.zeros(1, embed.channels, embed.image, embed.image)}, flops(model)
    elif name in control_models.BUILT:
        inputs = control_models.given(model)
        expected = flops(model, 9 if "input_ids" in inputs else None)
    else:
        inputs, expected = {"input_ids": ids}, flops(model, 9)
    # torch counts no operations inside its fused kernels for CPUs, hence the plain one.
    with (
        torch.no_grad(),
        sdpa_kernel(SDPBackend.MATH),
        FlopCounterMode(display=False, custom_mapping=GROUPS) as counter,
    ):
        module(**inputs)
        if isinstance(model, spec.LatentDiffusion | spec.PatchDiffusion):
            module.decode(inputs["sample"])  # type: ignore[operator]
    assert expected.sequence == counter.get_total_flops()
    assert expected.forward == expected.sequence / (expected.tokens if expected.per == "token" else 1)
    assert expected.training == 3 * expected.forward


@pytest.mark.parametrize("tokens", [64, 512])
def test_operations_of_a_band_are_nearly_those_that_run(tokens: int) -> None:
    # Products are made for whole chunks, half of whose corners no query sees: three chunks for each, where two count.
    model = make("longformer", **SMALL, window=8)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        nn.build(model, seed=0)(input_ids=torch.full((1, tokens), 5))
    scores = sum(4 * 16 * pairs((Window(9),), tokens) for _ in range(3))
    assert 0 < counter.get_total_flops() - flops(model, tokens).sequence < 0.6 * scores
    assert flops(model, 512).sequence < 8.2 * flops(model, 64).sequence


def test_operations_of_a_decoder_are_those_of_the_scaling_laws() -> None:
    # Kaplan et al. 2020, table 1: 2 N + 2 layers context width, with N = 12 layers width^2, and 2 width vocabulary.
    dim, depth, context = 768, 12, 1024
    expected = 2 * 12 * depth * dim**2 + 2 * depth * (context + 1) * dim + 2 * dim * 50257
    assert flops(gpt2(dim, depth, 12)).forward == expected


def test_shared_layers_cost_as_often_as_they_run() -> None:
    shared = make("albert", **SMALL, width=16)
    apart = make("bert", **SMALL)
    projected = 2 * 9 * 16 * SMALL["dim"]  # a narrow table's vectors are projected up
    assert flops(shared, 9).sequence == flops(apart, 9).sequence + projected


@pytest.mark.parametrize(
    "masks",
    [
        (),
        (Causal(),),
        (Causal(), MemorySpan()),
        (Window(3),),
        (Causal(), Window(3)),
        (Causal(), Window(99)),
        (Prefix(),),
    ],
)
@pytest.mark.parametrize("tokens", [1, 2, 7])
def test_pairs_are_those_of_the_mask(masks: tuple[spec.Mask, ...], tokens: int) -> None:
    seen = self_mask(masks, Context(torch.arange(tokens)[None], tokens))
    assert pairs(masks, tokens) == (tokens**2 if seen is None else int(seen.expand(1, 1, tokens, tokens).sum()))


@pytest.mark.parametrize("tokens", [1, 27, 28, 29, 33, 64])
@pytest.mark.parametrize("random", [0, 1, 2])
def test_pairs_of_blocks_are_those_that_are_read(tokens: int, random: int) -> None:
    mask, expected = spec.BlockSparse(3, random, 64), tokens**2
    if tokens > (5 + 2 * random) * 3:
        number = -(-tokens // 3)
        index, once = own_blocks(number, torch.device("cpu"))
        sizes = torch.full((number,), 3)
        sizes[-1] = tokens - 3 * (number - 1)
        inner = 3 * int((sizes[index] * once).sum() + 3 * random * (number - 2))
        expected = tokens * int(sizes[0] + sizes[-1]) + inner
    assert pairs((mask,), tokens) == expected


def test_operations_and_pairs_of_sparse_attention_are_linear() -> None:
    sizes = {"dim": 16, "depth": 2, "heads": 2, "hidden": 32, "vocab": 20}
    for model in (make("big_bird", **sizes, length=65536), make("modernbert", **sizes, local=(True, True))):
        assert flops(model, 65536).sequence < 4.2 * flops(model, 16384).sequence


def test_blocks_are_those_of_gguf() -> None:
    kinds = {"int8": gguf.GGMLQuantizationType.Q8_0, "int4": gguf.GGMLQuantizationType.Q4_0}
    for name, kind in kinds.items():
        assert gguf.GGML_QUANT_SIZES[kind] == (PRECISIONS[name].values, PRECISIONS[name].bytes)


def test_bytes_of_weights() -> None:
    total = 6_738_415_616
    assert weight_bytes(LLAMA, "float32") == 4 * total
    assert weight_bytes(LLAMA, "bfloat16") == weight_bytes(LLAMA, "float16") == 2 * total
    assert weight_bytes(LLAMA, "int8") == total * 17 // 16
    assert weight_bytes(LLAMA, "int4") == total * 9 // 16


def test_bytes_of_the_cache() -> None:
    assert cache_bytes(LLAMA, 1) == 2 * 32 * 4096 * 2
    assert cache_bytes(LLAMA, 2048, batch=3) == 3 * 2048 * cache_bytes(LLAMA, 1)
    grouped = make("llama", dim=64, depth=2, heads=8, kv_heads=2, hidden=8)
    assert cache_bytes(grouped, 10, precision="float32") == 10 * 2 * 2 * (2 * 8) * 4
    banded = make("gpt3", **SMALL, window=4)  # layers 0 and 2 see all, layer 1 four
    assert cache_bytes(banded, 10) == (10 + 4 + 10) * 2 * 16 * 2
    assert cache_bytes(make("bert", **BERT), 512) == 0
    shared = make("gpt2", **SMALL)
    shared = shared.replace(stack=spec.Stack((spec.Repeat(spec.own_layers(shared.stack)[:1], 3),)))
    assert cache_bytes(shared, 10) == cache_bytes(make("gpt2", **SMALL), 10)  # each run has keys of its own
    t5 = make("t5", **T5)
    assert cache_bytes(t5, 0, source=1) == cache_bytes(t5, 1) == 3 * 2 * 32 * 2


@pytest.mark.parametrize("name", ["gpt2", "llama", "bart", "t5_1_1"])
def test_the_cache_holds_what_generation_keeps(name: str) -> None:
    model = BUILT[name]
    module, cache, ids = nn.build(model, seed=0), nn.Cache(5), torch.arange(5)[None] + 2
    if isinstance(model, spec.EncoderDecoder):
        module(input_ids=torch.arange(9)[None] + 2, decoder_input_ids=ids, past_key_values=cache)
        assert cache.nbytes() == cache_bytes(model, 5, 9, precision="float32")
    else:
        module(input_ids=ids, past_key_values=cache)
        assert cache.nbytes() == cache_bytes(model, 5, precision="float32")


def test_what_fits() -> None:
    assert fits(LLAMA, GPU_MEMORY["A100 40GB"], "float16", 2048, 16)
    assert fits(LLAMA, GPU_MEMORY["T4"], "float16", 2048)
    assert not fits(LLAMA, GPU_MEMORY["T4"], "float32", 2048)
    assert not fits(GPT3, GPU_MEMORY["H100 80GB"], "int4")
    needed = memory(LLAMA, "int4", 2048, 2)
    assert needed.total == weight_bytes(LLAMA, "int4") + cache_bytes(LLAMA, 2048, batch=2, precision="float16")
    assert fits(LLAMA, needed.total, "int4", 2048, 2)
    assert not fits(LLAMA, needed.total - 1, "int4", 2048, 2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: flops(gpt2(768, 12, 12), 1025), "context is 1025, more than the 1024 positions of this model"),
        (lambda: flops(LLAMA, 0), "context is 0; give at least one token"),
        (lambda: flops(T5_11B), "say how many tokens"),
        (lambda: flops(VIT, 5), "what is seen is always 197 tokens"),
        (lambda: flops(T5_11B, 5, -1), "source is -1"),
        (lambda: memory(LLAMA, "int5"), "did you mean 'int"),
        (lambda: memory(LLAMA, batch=0), "batch is 0"),
        (lambda: memory(T5_11B, context=5, source=0), "source is 0"),
        (lambda: cache_bytes(LLAMA, -1), "context is -1"),
    ],
)
def test_what_cannot_be_is_refused(call: Callable[[], Any], message: str) -> None:
    with pytest.raises(BestiaryError, match=re.escape(message)):
        call()
