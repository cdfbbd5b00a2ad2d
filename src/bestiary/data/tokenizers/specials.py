"""Special tokens: what the files say of them, their place in the vocabulary, and the templates that put them in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tokenizers import AddedToken, Tokenizer, processors

from bestiary.data.tokenizers.tokenizer import ROLES
from bestiary.data.tokenizers.vocabularies import LARGEST_ID
from bestiary.errors import BestiaryError
from bestiary.untrusted import quoted

Settings = Mapping[str, Any]

TRAITS = ("lstrip", "rstrip", "single_word", "normalized", "special")


def added(value: Any, field: str, where: str, *, special: bool = True, lstrip: bool = False) -> AddedToken:
    """Return the token that ``value`` describes: its text, or an object with the text and what it swallows."""
    text = value.get("content") if isinstance(value, Mapping) else value
    if not isinstance(text, str) or not text:
        raise BestiaryError(f"{where}: '{field}' is {quoted(value)}; it must be the text of a token")
    if not isinstance(value, Mapping):
        return AddedToken(text, special=special, normalized=not special, lstrip=lstrip)
    traits = {"special": special, "normalized": not special}
    traits |= {trait: bool(value[trait]) for trait in TRAITS if trait in value}
    return AddedToken(text, **traits)


def roles_of(
    settings: Settings, defaults: Mapping[str, str], where: str, greedy: Iterable[str] = ()
) -> dict[str, AddedToken]:
    """Return the token of each role: as ``settings`` say, else the family's; a role set to null has none."""
    named = {role: settings.get(f"{role}_token", defaults.get(role)) for role in ROLES}
    return {
        role: added(value, f"{role}_token", where, lstrip=role in greedy)
        for role, value in named.items()
        if value is not None
    }


def listed_tokens(settings: Settings, where: str) -> dict[str, tuple[AddedToken, int | None]]:
    """Return the tokens that ``settings`` add to the vocabulary beside the roles, with the ids said of them."""
    said = _table(settings, "added_tokens_decoder", where)
    ids = {number: _whole(number, "added_tokens_decoder", where) for number in said}
    found: dict[str, tuple[AddedToken, int | None]] = {}
    for number in sorted(said, key=lambda number: ids[number]):
        token = added(said[number], "added_tokens_decoder", where, special=False)
        found[token.content] = (token, ids[number])
    later = _table(settings, "added_tokens", where)
    for text in sorted(later, key=lambda text: _whole(later[text], "added_tokens", where)):
        found.setdefault(text, (added(text, "added_tokens", where, special=False), int(later[text])))
    extra = settings.get("extra_special_tokens") or settings.get("additional_special_tokens") or []
    for value in extra.values() if isinstance(extra, Mapping) else extra if isinstance(extra, list) else [extra]:
        token = added(value, "additional_special_tokens", where)
        found.setdefault(token.content, (token, None))
    return found


def put_in(backend: Tokenizer, tokens: Iterable[tuple[AddedToken, int | None]], where: str) -> None:
    """Make ``tokens`` whole tokens of ``backend``: at their ids in its vocabulary, or after its end in this order."""
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    for token, said in tokens:
        if token.content not in known:
            backend.add_tokens([token])
            known.add(token.content)
        number = backend.token_to_id(token.content)
        if said is not None and number != said:
            raise BestiaryError(
                f"{where} says that {quoted(token.content)} has id {said:,}, but in the vocabulary it has "
                f"{number if number is None else f'{number:,}'}; take all files from one checkpoint"
            )


def template(
    single: str, pair: str, specials: Mapping[str, str], backend: Tokenizer, where: str
) -> processors.PostProcessor:
    """Return the step that lays out one text (``"cls $A sep"``) or two, each word with its type after a colon."""

    def spelled(layout: str) -> list[str]:
        words = [word.partition(":") for word in layout.split()]
        return [f"{specials.get(word, word)}:{kind or 0}" for word, _, kind in words]

    roles = {word.partition(":")[0] for word in f"{single} {pair}".split() if not word.startswith("$")}
    if missing := roles - specials.keys():
        raise BestiaryError(f"{where}: the model puts {min(missing)}_token around its texts, so it cannot be null")
    numbers = [(specials[role], backend.token_to_id(specials[role])) for role in sorted(roles)]
    return processors.TemplateProcessing(single=spelled(single), pair=spelled(pair), special_tokens=numbers)


def with_ends(single: str, pair: str, begins: bool, ends: bool) -> tuple[str, str]:
    """Return the two layouts with the bos token before and the eos token after each text, where asked for."""
    if not (begins or ends):
        return single, pair
    first = " ".join(["bos"] * begins + ["$A"] + ["eos"] * ends)
    second = " ".join(["bos:1"] * begins + ["$B:1"] + ["eos:1"] * ends)
    return first, f"{first} {second}"


def _table(settings: Settings, field: str, where: str) -> Mapping[str, Any]:
    table = settings.get(field) or {}
    if not isinstance(table, Mapping):
        raise BestiaryError(f"{where}: '{field}' is {quoted(table)}; it must be an object")
    return table


def _whole(number: Any, field: str, where: str) -> int:
    text = str(number)
    if not (text.isascii() and text.isdigit() and len(text) < 10 and int(text) < LARGEST_ID):
        raise BestiaryError(f"{where}: '{field}' holds {quoted(number)}, which is not a token id")
    return int(text)
