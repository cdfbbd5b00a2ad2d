"""The flat view of what acts: episodes embedded, and what is told of the next step."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from bestiary.spec.agents import AgentTokens
from bestiary.spec.control import BinScores, NextAction, NextReturn, NextState, Steps, Transitions
from bestiary.spec.embeddings import Embedding
from bestiary.spec.flat.ops import Line, norm_word
from bestiary.spec.heads import Head
from bestiary.spec.robots import ActionBins, Looks


def _steps(embed: Steps, spec: Any, length: str) -> Iterator[Line]:
    yield "t = time[timesteps]", f"a learned vector for each of {embed.length} steps"
    yield "r = returns_to_go @ Wr + br + t", f"1 -> {spec.dim}"
    yield "s, a = states @ Ws + bs + t, actions @ Wa + ba + t", f"{embed.state} and {embed.action} -> {spec.dim}"
    yield f"x = {norm_word(embed.norm)}(interleave(r, s, a))", f"[B, 3 T, {spec.dim}]"
    if embed.position is not None:
        yield "x = x + position[0]", "the same for every place"


def _agent(embed: AgentTokens, spec: Any, length: str) -> Iterator[Line]:
    size = embed.patch
    yield "x = token[input_ids]", f"[B, {length}, {spec.dim}]: texts, numbers, actions"
    yield "p = conv(patches) + b", f"{embed.channels} x {size} x {size} -> {embed.block.width} channels, over 3 x 3"
    yield "h = conv(gelu(group_norm(conv(gelu(group_norm(p))) + b))) + b", f"{embed.block.norm.groups} groups"
    yield "v = mean(p + h) @ W + b + row[middle] + column[middle]", f"one of {embed.intervals} intervals of the picture"
    yield "x = where(patch_mask, v, x) + place[place_ids]", f"{embed.places} for what is seen, one for what is done"


def _transitions(embed: Transitions, spec: Any, length: str) -> Iterator[Line]:
    yield f"i = place % {embed.width}", f"{embed.observation} of a state, {embed.action} of an action, reward, value"
    rows = embed.bins * embed.width
    yield (
        f"x = token[where(bin == {embed.bins}, {rows}, bin + {embed.bins} * i)]",
        "rows for each number, one for the end",
    )
    yield "x = x + position", f"[B, T, {spec.dim}]"


def _looks(embed: Looks, spec: Any, length: str) -> Iterator[Line]:
    net, blocks = embed.net, sum(stage.blocks for stage in embed.net.stages)
    yield (
        "m = net(pixel_values, instruction) @ W",
        f"{blocks} blocks told by {net.context} numbers",
    )
    yield "l = softmax(gelu(layer_norm(m) @ W1 + b1) @ W2 + b2).T @ m", f"{embed.learner.tokens} tokens of each look"
    yield "x = concat(l, zeros) @ W + b", f"{embed.actions} empty tokens behind each of {embed.images} looks"
    yield "x = x + position + offset", f"[B, {embed.position.length}, {spec.dim}]"


EMBEDDINGS: dict[type[Embedding], Callable[[Any, Any, str], Iterator[Line]]] = {
    AgentTokens: _agent,
    Looks: _looks,
    Steps: _steps,
    Transitions: _transitions,
}

GIVEN: dict[type[Embedding], str] = {
    AgentTokens: "input_ids, place_ids, patches, patch_mask, patch_spans",
    Looks: "pixel_values, instruction",
    Steps: "states, actions, returns_to_go, timesteps",
    Transitions: "trajectories",
}


def _told(field: str, at: str) -> Callable[[str, Any, Any], Iterator[Line]]:
    return lambda name, head, spec: iter([(f"{field} = x[{at}] @ W + b", f"head {name}")])


def _action(name: str, head: NextAction, spec: Any) -> Iterator[Line]:
    told = "x[:, states] @ W + b"
    yield f"action_preds = {f'{head.activation}({told})' if head.activation else told}", f"head {name}"


HEADS: dict[type[Head], Callable[[str, Any, Any], Iterator[Line]]] = {
    NextState: _told("state_preds", ":, actions"),
    NextAction: _action,
    NextReturn: _told("return_preds", ":, actions"),
    ActionBins: lambda name, head, spec: iter(
        [
            (
                "logits = x[:, before actions] @ W + b",
                f"head {name}: {spec.embed.bins} bins, one token before each",
            )
        ]
    ),
    BinScores: lambda name, head, spec: iter(
        [("logits = x @ W[i].T", f"head {name}: {spec.embed.bins} bins and the end, a matrix for each place i")]
    ),
}
