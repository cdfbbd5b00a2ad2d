"""What acts: rows of the harness."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor
from transformers import DecisionTransformerConfig, PretrainedConfig

from references.drawn import TOKENS, kept
from references.recorded import GOLDEN, SEGMENTS, Recorded, RecordedRow
from references.row import ACTIVATIONS, Row, rows


def steps(config: Any, side: str | None) -> dict[str, Tensor]:
    """Draw three pieces of episodes, and where each stands in its own."""
    keep = kept(TOKENS, side)
    start = torch.randint(0, config.max_ep_len - TOKENS, (len(keep), 1))
    given = {
        "states": torch.randn(*keep.shape, config.state_dim, dtype=torch.float64),
        "actions": torch.randn(*keep.shape, config.act_dim, dtype=torch.float64),
        "returns_to_go": torch.randn(*keep.shape, 1, dtype=torch.float64),
        "timesteps": start + torch.arange(TOKENS),
    }
    return given | ({} if side is None else {"attention_mask": keep})


def decision_transformer(random: Random, **changes: Any) -> PretrainedConfig:
    heads = random.choice((1, 2, 3))
    return DecisionTransformerConfig(
        hidden_size=heads * random.choice((6, 10, 14)),
        n_layer=random.choice((2, 3)),
        n_head=heads,
        n_inner=random.choice((None, 31, 57)),
        state_dim=random.randrange(3, 9),
        act_dim=random.randrange(1, 7),
        max_ep_len=random.randrange(23, 40),
        n_positions=random.randrange(35, 60),
        vocab_size=random.choice((1, 2)),
        action_tanh=random.choice((True, False)),
        activation_function=random.choice(ACTIVATIONS),
        layer_norm_epsilon=random.choice((1e-5, 1e-3)),
        scale_attn_weights=random.choice((True, False)),
        scale_attn_by_inverse_layer_idx=random.choice((True, False)),
        **changes,
    )


class RecordedTrajectories(Recorded):
    """Answers what the reference answered on two pieces of trajectories."""

    def inputs(self, side: str | None) -> dict[str, Any]:
        return {"trajectories": self.part(SEGMENTS[side])["trajectories"]}

    def __call__(self, trajectories: Tensor) -> Any:  # type: ignore[override]
        pieces = [self.part(name) for name in ("first", "second")]
        piece = next(piece for piece in pieces if torch.equal(piece["trajectories"], trajectories))
        return SimpleNamespace(logits=piece["logits"].clone().requires_grad_())


@dataclass(frozen=True)
class RecordedTrajectoryRow(RecordedRow):
    def reference(self, seed: int) -> Any:
        return RecordedTrajectories.open(GOLDEN / f"{self.label}.safetensors")


RECORDED = tuple(
    RecordedTrajectoryRow("TrajectoryTransformerModel", lambda random: None, path.stem)  # type: ignore[arg-type, return-value]
    for path in sorted(GOLDEN.glob("trajectory-transformer-*.safetensors"))
)

ROWS: tuple[Row, ...] = (
    *rows(
        decision_transformer,
        "DecisionTransformerModel",
        given=steps,
        idle=("encoder.wte.weight",),  # no token is read
    ),
    *RECORDED,
)
