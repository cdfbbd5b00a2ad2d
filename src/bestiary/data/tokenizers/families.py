"""How each family of published vocabularies is used: its steps, its special tokens, and what it puts around texts.

A tokenizer.json says all this itself. The older layouts leave it to the code of the family, so it is written here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from bestiary.data.tokenizers.spm import BPE, Pieces, implied_merges
from bestiary.data.tokenizers.tokenizer import PLAIN_INPUTS, TYPED_INPUTS, Side
from bestiary.data.tokenizers.vocabularies import Pair, accepted, check_merges, check_unknown
from bestiary.errors import BestiaryError

Source = TypeVar("Source")
Settings = Mapping[str, Any]
Words = dict[str, int]
BytePairs = tuple[Words, list[Pair]]

SPACE = "▁"  # SentencePiece's sign for a space
SEQUENCE = ("$A", "$A $B:1")
ENCLOSED = ("cls $A sep", "cls $A sep $B:1 sep:1")  # Devlin et al. 2018, figure 2
DOUBLED = ("cls $A sep", "cls $A sep sep $B sep")  # Liu et al. 2019: two separators, and no second type
ENDED = ("$A eos", "$A eos $B eos")


@dataclass(frozen=True)
class Family(Generic[Source]):
    """How one family uses a vocabulary. ``template`` is for one text and for two; a role in it is that token."""

    build: Callable[[Source, Settings, str], Tokenizer]
    specials: Mapping[str, str]
    template: tuple[str, str] = SEQUENCE
    begins: bool = False  # with the bos token, unless add_bos_token says otherwise
    greedy: tuple[str, ...] = ()  # roles whose token takes the space before it into itself
    side: Side = "right"
    inputs: tuple[str, ...] = PLAIN_INPUTS
    spare: Callable[[Settings], list[str]] = field(default=lambda _: [])


def word_pieces(words: Words, settings: Settings, where: str) -> Tokenizer:
    """WordPiece after cleaning, lower-casing and splitting at punctuation and Chinese characters."""
    unknown = settings["unk_token"]
    check_unknown(unknown, words, where)
    tokenizer = Tokenizer(accepted(lambda: models.WordPiece(words, unk_token=unknown), where))
    tokenizer.normalizer = normalizers.BertNormalizer(
        clean_text=True,
        handle_chinese_chars=settings.get("tokenize_chinese_chars", True),
        strip_accents=settings.get("strip_accents"),
        lowercase=settings.get("do_lower_case", True),
    )
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    return tokenizer


def residues(words: Words, settings: Settings, where: str) -> Tokenizer:
    """A token for each letter of a protein; what is no letter of the vocabulary is unknown, a run of it once."""
    unknown = settings["unk_token"]
    check_unknown(unknown, words, where)
    tokenizer = Tokenizer(accepted(lambda: models.WordLevel(words, unk_token=unknown), where))
    letters = Regex("[" + "".join(rf"\x{{{ord(word):x}}}" for word in words if len(word) == 1) + "]")
    cuts = [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Split(letters, behavior="isolated")]
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(cuts)
    tokenizer.add_tokens([AddedToken(word, normalized=False) for word in words if len(word) > 1])
    return tokenizer


def byte_level(source: BytePairs, settings: Settings, where: str) -> Tokenizer:
    """BPE over bytes spelled as printable characters, so that nothing is unknown (Radford et al. 2019, section 2.2)."""
    words, merges = source
    check_merges(words, merges, where)
    tokenizer = Tokenizer(accepted(lambda: models.BPE(words, merges), where))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=settings.get("add_prefix_space", False))
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def word_ends(source: BytePairs, settings: Settings, where: str) -> Tokenizer:
    """BPE whose tokens end in ``</w>`` at the end of a word, over lower-cased words (Radford et al. 2018)."""
    words, merges = source
    unknown = settings["unk_token"]
    check_unknown(unknown, words, where)
    check_merges(words, merges, where)
    model = accepted(lambda: models.BPE(words, merges, unk_token=unknown, end_of_word_suffix="</w>"), where)
    tokenizer = Tokenizer(model)
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.BPEDecoder(suffix="</w>")
    return tokenizer


CLIP_WORDS = r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def clip_pairs(source: BytePairs, settings: Settings, where: str) -> Tokenizer:
    """BPE over bytes, ``</w>`` at the end of a word, over lower-cased words (Radford et al. 2021)."""
    words, merges = source
    unknown = settings["unk_token"]
    check_unknown(unknown, words, where)
    check_merges(words, merges, where)
    model = accepted(lambda: models.BPE(words, merges, unk_token=unknown, end_of_word_suffix="</w>"), where)
    tokenizer = Tokenizer(model)
    spaces = normalizers.Replace(Regex(r"\s+"), " ")
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFC(), spaces, normalizers.Lowercase()])
    cut = pre_tokenizers.Split(Regex(CLIP_WORDS), behavior="removed", invert=True)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([cut, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    steps: list[Any] = [decoders.ByteLevel(), decoders.Replace("</w>", " "), decoders.Strip(" ", 0, 1)]
    tokenizer.decoder = decoders.Sequence(steps)
    return tokenizer


def unigram(pieces: Pieces, settings: Settings, where: str) -> Tokenizer:
    """SentencePiece's unigram model over words that each begin with a space sign, spare tokens at its end."""
    scored = list(zip(pieces.tokens, pieces.scores, strict=True))
    scored += [(f"<extra_id_{n}>", 0.0) for n in reversed(range(settings["extra_ids"]))]
    tokenizer = _unigram(scored, pieces, where)
    if pieces.charsmap:
        tokenizer.normalizer = normalizers.Precompiled(pieces.charsmap)
    return tokenizer


def folded_unigram(pieces: Pieces, settings: Settings, where: str) -> Tokenizer:
    """The same after unifying quotes, dropping accents and lower-casing.

    A piece of a digit and a comma is made unlikely, since the original code cuts such pieces (Lan et al. 2019's
    release): "1," is two tokens.
    """
    scored = [
        (token, score - 100 if token.endswith(",") and token[-2:-1].isdigit() else score)
        for token, score in zip(pieces.tokens, pieces.scores, strict=True)
    ]
    tokenizer = _unigram(scored, pieces, where)
    steps: list[Any] = [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    if not settings.get("keep_accents", False):
        steps += [normalizers.NFKD(), normalizers.StripAccents()]
    if settings.get("do_lower_case", True):
        steps.append(normalizers.Lowercase())
    if pieces.charsmap:
        steps.append(normalizers.Precompiled(pieces.charsmap))
    tokenizer.normalizer = normalizers.Sequence(steps)
    return tokenizer


def _unigram(scored: list[tuple[str, float]], pieces: Pieces, where: str) -> Tokenizer:
    if pieces.model == BPE:
        raise BestiaryError(f"{where} is a BPE model, but its family uses unigram models; name its tokenizer_class")
    tokenizer = Tokenizer(accepted(lambda: models.Unigram(scored, pieces.unknown_id, False), where))
    metaspace = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme="always")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), metaspace])
    tokenizer.decoder = decoders.Metaspace(replacement=SPACE, prepend_scheme="always")
    return tokenizer


def sentence_bpe(pieces: Pieces, settings: Settings, where: str) -> Tokenizer:
    """SentencePiece's BPE over a whole text, bytes standing in for what no piece spells (Touvron et al. 2023)."""
    if pieces.model != BPE:
        raise BestiaryError(f"{where} is a unigram model, but its family uses BPE; name its tokenizer_class")
    words = {token: number for number, token in enumerate(pieces.tokens)}
    return spaced_bpe((words, implied_merges(words, dict(words))), settings, where)


def spaced_bpe(source: BytePairs, settings: Settings, where: str) -> Tokenizer:
    """BPE over a whole text with signs for its spaces, one more put before it unless ``add_prefix_space`` is false."""
    words, merges = source
    prefixed = settings.get("add_prefix_space") is not False
    model = accepted(lambda: models.BPE(words, merges, fuse_unk=True, byte_fallback=True), where)
    tokenizer = Tokenizer(model)
    scheme = "never" if not prefixed else "always" if settings.get("legacy", False) else "first"
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement=SPACE, prepend_scheme=scheme, split=False)
    steps: list[Any] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    tokenizer.decoder = decoders.Sequence([*steps, decoders.Strip(" ", 1, 0)] if prefixed else steps)
    return tokenizer


def split_byte_level(splits: list[str]) -> pre_tokenizers.PreTokenizer:
    """Return the step that cuts a text by each pattern in turn, then spells the bytes."""
    cuts = [pre_tokenizers.Split(Regex(pattern), behavior="isolated") for pattern in splits]
    return pre_tokenizers.Sequence([*cuts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


BERT_SPECIALS = {"unk": "[UNK]", "sep": "[SEP]", "pad": "[PAD]", "cls": "[CLS]", "mask": "[MASK]"}
GPT2_SPECIALS = {"bos": "<|endoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>"}
CLIP_SPECIALS = {
    "bos": "<|startoftext|>", "eos": "<|endoftext|>", "unk": "<|endoftext|>", "pad": "<|endoftext|>",
}  # fmt: skip
ROBERTA_SPECIALS = {
    "bos": "<s>", "eos": "</s>", "unk": "<unk>", "sep": "</s>", "pad": "<pad>", "cls": "<s>", "mask": "<mask>",
}  # fmt: skip
RESIDUE_SPECIALS = {"unk": "<unk>", "pad": "<pad>", "cls": "<cls>", "eos": "<eos>", "mask": "<mask>"}
ALBERT_SPECIALS = {
    "bos": "[CLS]", "eos": "[SEP]", "unk": "<unk>", "sep": "[SEP]", "pad": "<pad>", "cls": "[CLS]", "mask": "[MASK]",
}  # fmt: skip

WORD_LISTS: dict[str, Family[Words]] = {
    "bert": Family(word_pieces, BERT_SPECIALS, ENCLOSED, inputs=TYPED_INPUTS),
    "esm": Family(residues, RESIDUE_SPECIALS, ("cls $A eos", "cls $A eos $B eos")),
}
PAIRED: dict[str, Family[BytePairs]] = {
    "gpt2": Family(byte_level, GPT2_SPECIALS),
    "roberta": Family(byte_level, ROBERTA_SPECIALS, DOUBLED, greedy=("mask",)),
    "clip": Family(clip_pairs, CLIP_SPECIALS, ("bos $A eos", "bos $A eos eos $B eos")),
    "openaigpt": Family(word_ends, {"unk": "<unk>"}),
}
SENTENCE_PIECES: dict[str, Family[Pieces]] = {
    "t5": Family(
        unigram,
        {"eos": "</s>", "unk": "<unk>", "pad": "<pad>"},
        ENDED,
        spare=lambda settings: [f"<extra_id_{number}>" for number in range(settings["extra_ids"])],
    ),
    "albert": Family(folded_unigram, ALBERT_SPECIALS, ENCLOSED, greedy=("mask",), inputs=TYPED_INPUTS),
    "llama": Family(sentence_bpe, {"bos": "<s>", "eos": "</s>", "unk": "<unk>"}, begins=True, side="left"),
}

KIN = {
    "distilbert": "bert", "electra": "bert", "mobilebert": "bert",
    "gptneo": "gpt2", "gptj": "gpt2", "opt": "gpt2",
    "bart": "roberta", "longformer": "roberta", "led": "roberta",
    "longt5": "t5", "mt5": "t5",
    "mistral": "llama", "mixtral": "llama",
}  # fmt: skip
"""Names of tokenizer classes and model types (lower case, bare) whose tokenizer is another family's."""
