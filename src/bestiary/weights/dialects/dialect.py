"""What a dialect is: a key table, a config table, and the names of its heads."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bestiary.architectures import make
from bestiary.data.images.settings import Settings
from bestiary.errors import BestiaryError
from bestiary.weights import config as tables
from bestiary.weights.config import WAIVE, Arguments, Derive, Part, Pin, Row, shown
from bestiary.weights.tensorfiles import TensorFiles


@dataclass(frozen=True)
class Layout:
    """How a library lays out a model's folder: the file of its weights, and what its config says of the class."""

    weights: str
    sign: Callable[[str, str], dict[str, Any]]
    """Of the model type and the class."""
    says_dtype: bool = True
    config: str = "config.json"


TRANSFORMERS = Layout("model.safetensors", lambda kind, name: {"model_type": kind, "architectures": [name]})
DIFFUSERS = Layout("diffusion_pytorch_model.safetensors", lambda kind, name: {"_class_name": name}, False)
OPEN_CLIP = Layout("open_clip_model.safetensors", lambda kind, name: {}, False, "open_clip_config.json")


@dataclass(frozen=True)
class Dialect:
    """A family of checkpoints; ``architecture`` may depend on the config."""

    name: str
    architecture: Callable[[Mapping[str, Any]], str]
    architectures: tuple[str, ...]
    """Every architecture that this dialect can say, for writing."""
    keys: Callable[[Any], str]
    """The key table for a spec."""
    config: Mapping[str, Row]
    tasks: Mapping[str, str]
    """Class name in ``architectures`` to the task whose heads it has; the first is what a config without one means."""
    derived: tuple[Derive, ...] = ()
    repeated: Mapping[str, str] = field(default_factory=dict)
    """Tensors that files may hold beside the mapped ones: those that repeat one of ours, or ``""``: nothing learned.

    Where specs differ, ours are several, with ``or`` between them: the first that a model has."""
    renamed: Mapping[str, str] = field(default_factory=dict)
    """Older endings of tensor names, and what they became."""
    told: Mapping[str, str] = field(default_factory=dict)
    """Keys of a config that a head reads, each with the path in the spec where its whole number stands."""
    arguments: Callable[[Any], Arguments] = field(default=lambda spec: {})
    """The architecture's arguments read off a spec: the inverse of the architecture function."""
    model_type: str = ""
    """The ``model_type`` of its configs, where that is not its name: a family may be spelled in two ways."""
    says: Callable[[Mapping[str, Any]], bool] = field(default=lambda config: True)
    """Whether a config of its model type is spelled in this way."""

    layout: Layout = TRANSFORMERS

    implied: Callable[[TensorFiles], Mapping[str, Any] | None] = field(default=lambda tensors: None)
    """The config that a file's tensors imply, of a family whose files come without one; ``None`` for others' files."""
    ids: Callable[[TensorFiles, Any], dict[str, Any]] = field(default=lambda tensors, spec: {})
    """The special tokens of a file that came without a config, under the names that a config.json gives them."""

    pictures: Callable[[Mapping[str, Any], Any, str], Settings] | None = None
    """How pictures are read, of a family whose configs say it themselves: of what a config carries, the spec, and where
    it stands."""

    labels: int = 2
    """How many labels a classifier has whose config does not say."""

    usual: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """What its configs leave out where they stand inside another one."""

    @property
    def kind(self) -> str:
        """The ``model_type`` of its configs."""
        return self.model_type or self.name


def part(argument: str, *dialects: Dialect) -> Part:
    """Return the row of an inner config that one of several dialects reads, by its ``model_type``, else the first."""

    def named(config: Mapping[str, Any]) -> Dialect:
        kind = config.get("model_type", dialects[0].kind)
        found = next((dialect for dialect in dialects if dialect.kind == kind and dialect.says(config)), None)
        if found is None:
            known = ", ".join(dict.fromkeys(dialect.kind for dialect in dialects))
            raise BestiaryError(f"'model_type' is {shown(kind)}, which is no part that we know here; known are {known}")
        return found

    def read(config: Mapping[str, Any], where: str) -> Arguments:
        dialect = named(config)
        config = {**dialect.usual, **config}
        sizes = tables.read(dialect.config, dialect.derived, config, where)
        return {"architecture": dialect.architecture(config), **sizes}

    def write(arguments: Arguments) -> dict[str, Any]:
        dialect = next(d for d in dialects if arguments["architecture"] in d.architectures)
        return {"model_type": dialect.kind, **tables.write(dialect.config, dialect.derived, arguments)}

    return Part(argument, read, write, lambda config: tables.carried(named(config).config, config))


def part_arguments(spec: Any, *dialects: Dialect) -> Arguments:
    """Return the arguments that make a model which is a part of another, as the first dialect that can says them."""
    for dialect in dialects:
        for architecture in dialect.architectures:
            try:
                arguments = dialect.arguments(spec)
                made: Any = make(architecture, **arguments)
            except (AttributeError, BestiaryError, IndexError, KeyError, TypeError, ValueError):
                continue  # the sizes of this family cannot even be read off the spec
            if made.with_heads(spec.heads) == spec:
                return {"architecture": architecture, **arguments}
    raise BestiaryError(f"{dialects[0].name} cannot say this part")


def always(text: str) -> Callable[[Any], str]:
    """An architecture that does not depend on the config, a key table that does not depend on the spec."""
    return lambda _: text


def label_count(config: Mapping[str, Any], absent: int = 2) -> int:
    """Count a classifier's labels: those that are named, else their number, else what absence means."""
    named = config.get("id2label")
    said = config.get("num_labels", config.get("_num_labels", absent))
    count = len(named) if isinstance(named, dict) and named else said
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= 10_000_000:
        raise BestiaryError(f"'num_labels' is {shown(count)}; give a positive whole number")
    return count


_WAIVED = (
    "architectures model_type transformers_version torch_dtype dtype _name_or_path name_or_path _attn_implementation "
    "attn_implementation use_cache gradient_checkpointing initializer_range initializer_factor init_std use_bfloat16 "
    "return_dict return_dict_in_generate output_past output_attentions output_hidden_states output_scores "
    "tf_legacy_loss torchscript bos_token_id eos_token_id eos_token_ids pad_token_id sep_token_id unk_token_id "
    "mask_token_id decoder_start_token_id forced_bos_token_id forced_eos_token_id begin_suppress_tokens "
    "suppress_tokens bad_words_ids label2id finetuning_task "
    "task_specific_params problem_type prefix do_sample early_stopping max_length min_length num_beams num_beam_groups "
    "num_return_sequences diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty "
    "no_repeat_ngram_size encoder_no_repeat_ngram_size remove_invalid_values exponential_decay_length_penalty "
    "tokenizer_class chunk_size_feed_forward use_return_dict keys_to_ignore_at_inference language directionality "
    "gradient_checkpointing_kwargs auto_map license experts_implementation _attn_implementation_autoset "
    "_flash_attn_2_enabled custom_pipelines transformers.js_config unsloth_version unsloth_fixed"
).split()

COMMON: dict[str, Row] = {
    **dict.fromkeys(_WAIVED, WAIVE),
    "id2label": WAIVE,  # counted beside the translation: it sizes a classifier
    "num_labels": WAIVE,
    "_num_labels": WAIVE,
    "pruned_heads": Pin(({},), "heads pruned from single layers are not supported"),
    "quantization_config": Pin((None,), "quantized weights are not supported here"),
    "is_decoder": Pin((False,), "an encoder run as a decoder is another architecture"),
    "add_cross_attention": Pin((False,), "cross-attention in this family is another architecture"),
    "is_encoder_decoder": Pin((False,), "this family has one tower"),
    "tie_encoder_decoder": Pin((False,), "sharing layers between the towers is another architecture"),
    "cross_attention_hidden_size": Pin((None,), "cross-attention in this family is another architecture"),
    "tie_word_embeddings": Pin((True,), "this family reads its scores off the embedding"),
}
"""Keys that every config of transformers may hold. Dialects override the pins that their families may set."""
