"""Models that act: trajectories of our own, discretization, planning, and real environments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from command_line import bestiary
from PIL import Image
from references.recorded import GOLDEN
from safetensors import safe_open
from safetensors.numpy import save_file

from bestiary.architectures import make
from bestiary.data.episodes import (
    Bins,
    Environment,
    Scale,
    Trajectory,
    collect,
    piece,
    read_trajectories,
    returns_to_go,
    save_trajectories,
)
from bestiary.data.episodes.bins import transitions
from bestiary.errors import BestiaryError
from bestiary.generate.act import StepAgent, fits
from bestiary.generate.plan import Search, plan
from bestiary.nn import build
from bestiary.objectives.trajectories import action_loss, transition_loss


def balanced(environment: Environment, state: Any) -> Any:
    """Push the cart to where the pole falls: a policy that holds it up."""
    return np.eye(2, dtype=np.float32)[int(state[2] + 0.5 * state[3] > 0)]


@pytest.fixture(scope="module")
def cartpole() -> list[Trajectory]:
    return list(collect(Environment("CartPole-v1"), 4))


def test_the_same_seed_gives_the_same_trajectories(cartpole: list[Trajectory]) -> None:
    again = list(collect(Environment("CartPole-v1"), 4))
    for one, other in zip(cartpole, again, strict=True):
        assert np.array_equal(one.states, other.states) and np.array_equal(one.actions, other.actions)
    assert len({len(trajectory) for trajectory in cartpole}) > 1


def test_a_scripted_policy_earns_more(cartpole: list[Trajectory]) -> None:
    (held,) = collect(Environment("CartPole-v1"), 1, balanced)
    assert held.rewards.sum() > 4 * max(trajectory.rewards.sum() for trajectory in cartpole)
    assert held.states.shape == (len(held), 4) and held.actions.shape == (len(held), 2)


def test_numbers_as_actions_stay_within_bounds() -> None:
    environment = Environment("Pendulum-v1")
    (trajectory,) = collect(environment, 1)
    assert len(trajectory) == 200 and np.abs(trajectory.actions).max() <= 2
    assert environment.meant(np.asarray([5.0], np.float32)) == 2.0
    with pytest.raises(BestiaryError, match="not a number"):
        environment.meant(np.asarray([np.nan], np.float32))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("CartPol-v1", "'CartPol-v1' is no environment of gymnasium's; did you mean 'CartPole-v1'"),
        ("os:CartPole-v1", "names a module to run"),
        ("FrozenLake-v1", "the states of 'FrozenLake-v1' are Discrete"),
        ("", "is no environment|cannot be made"),
    ],
)
def test_environments_that_do_not_fit(name: str, sentence: str) -> None:
    with pytest.raises(BestiaryError, match=sentence):
        Environment(name)


def test_returns_to_go_by_hand() -> None:
    assert returns_to_go(np.asarray([1.0, 2.0, 4.0], np.float32)).tolist() == [7.0, 6.0, 4.0]
    assert returns_to_go(np.asarray([1.0, 2.0, 4.0], np.float32), 0.5).tolist() == [3.0, 4.0, 4.0]


def test_pieces_are_normalized_and_padded_on_the_left(cartpole: list[Trajectory]) -> None:
    trajectory, scale = cartpole[0], Scale.of(cartpole, returns=10.0)
    start = len(trajectory) - 3
    cut = piece(trajectory, start, 5, scale, length=start + 2)
    assert cut["attention_mask"].tolist() == [0, 0, 1, 1, 1]
    assert cut["timesteps"].tolist() == [0, 0, start, start + 1, start + 1]  # the model knows no later step
    assert cut["returns_to_go"][:, 0].tolist() == pytest.approx([0, 0, 0.3, 0.2, 0.1])
    assert cut["actions"][:2].tolist() == [[-10.0, -10.0]] * 2 and cut["states"][:2].tolist() == [[0.0] * 4] * 2
    whole = np.concatenate([scale.states(each.states) for each in cartpole])
    assert np.abs(whole.mean(0)).max() < 1e-4 and np.abs(whole.std(0) - 1).max() < 1e-3
    model = build(make("decision_transformer", dim=16, depth=1, heads=2, hidden=16, state=4, action=2), seed=0)
    batch = {name: torch.from_numpy(rows)[None] for name, rows in cut.items()}
    answer = model(**batch)
    assert answer.action_preds.shape == (1, 5, 2)
    expected = (answer.action_preds[0, 2:] - batch["actions"][0, 2:]).square().mean()
    assert torch.allclose(action_loss(answer.action_preds, batch["actions"], batch["attention_mask"]), expected)


def test_trajectories_come_back_from_a_file(cartpole: list[Trajectory], tmp_path: Path) -> None:
    path = save_trajectories(cartpole, tmp_path / "t.safetensors")
    for one, other in zip(cartpole, read_trajectories(path), strict=True):
        assert all(
            np.array_equal(getattr(one, part), getattr(other, part)) for part in ("states", "actions", "rewards")
        )
    good = {"0.states": np.zeros((2, 3), "f4"), "0.actions": np.zeros((2, 1), "f4"), "0.rewards": np.zeros(2, "f4")}
    bad: dict[str, dict[str, Any]] = {
        "no trajectories": {"0.states": good["0.states"]},
        "no finite number": {**good, "0.rewards": np.asarray([np.nan, 0], "f4")},
        "do not fit": {**good, "0.rewards": np.zeros(3, "f4")},
        "float32": {**good, "0.actions": np.zeros((2, 1), "i4")},
    }
    for sentence, held in bad.items():
        save_file(held, path)
        with pytest.raises(BestiaryError, match=sentence):
            read_trajectories(path)
    path.write_bytes(b"\x80\x04pickle")
    with pytest.raises(BestiaryError, match="no readable file"):
        read_trajectories(path)


def test_bins_by_hand() -> None:
    rows = np.asarray([[0.0], [1.0], [2.0], [10.0]], np.float32)
    uniform, quantile = Bins.uniform(rows, 2), Bins.quantile(rows, 2)
    assert uniform.edges[:, 0].tolist() == [0, 5, 10] and quantile.edges[:, 0].tolist() == [0, 2, 10]
    assert uniform.cut(rows)[:, 0].tolist() == [0, 0, 0, 1] and quantile.cut(rows)[:, 0].tolist() == [0, 0, 1, 1]
    assert quantile.cut(np.asarray([[-5.0], [99.0]]))[:, 0].tolist() == [0, 1]
    assert quantile.middle(np.asarray([[0], [1]]))[:, 0].tolist() == [1, 6]
    assert quantile.expected(np.asarray([[0.25, 0.75]]), 0).tolist() == [0.25 * 1 + 0.75 * 6]


@pytest.mark.parametrize("made", [Bins.uniform, Bins.quantile])
def test_what_is_cut_comes_back_as_near_as_bins_are_wide(made: Any, cartpole: list[Trajectory]) -> None:
    rows = np.concatenate([transitions(trajectory) for trajectory in cartpole])
    bins = made(rows, 12)
    widths = np.diff(bins.edges, axis=0).max(0)
    assert (np.abs(bins.middle(bins.cut(rows)) - rows).max(0) <= widths + 1e-6).all()
    assert np.array_equal(bins.cut(rows[:, 4:6], 4), bins.cut(rows)[:, 4:6])


def test_values_are_what_comes_after() -> None:
    trajectory = Trajectory(np.zeros((3, 1), "f4"), np.zeros((3, 1), "f4"), np.asarray([1.0, 2.0, 4.0], "f4"))
    assert transitions(trajectory, 0.5)[:, -1].tolist() == [2 + 0.5 * 4, 4, 0]


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("trajectory-transformer-*")), ids=lambda path: path.stem)
def test_the_loss_of_transitions_is_the_references(path: Path) -> None:
    with safe_open(path, framework="pt") as file:
        words = json.loads(file.metadata()["config"])
        held = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    targets, counts = held["loss/targets"], held["loss/counts"]
    logits = held["first/logits"][:, : targets.shape[1]]
    weights = {name: float(words[name]) for name in ("action_weight", "reward_weight", "value_weight")}
    ours = transition_loss(logits, targets, counts, words["observation_dim"], words["action_dim"], **weights)
    assert (ours - held["loss/loss"]).abs() < 1e-10


class Foreteller:
    """A model of a world of one number and one action, whose reward is the action's bin: the last is the best."""

    def __init__(self, bins: int) -> None:
        self.spec = make(
            "trajectory_transformer", dim=4, depth=1, heads=1, observation=1, action=1, bins=bins, length=40
        )
        self.bins = bins

    def __call__(self, trajectories: torch.Tensor, logits_to_keep: int) -> Any:
        from types import SimpleNamespace

        place = trajectories.shape[1] % 4
        logits = torch.zeros(len(trajectories), 1, self.bins + 1)
        logits[:, :, -1] = -1e9
        if place == 2:  # the reward follows the action
            logits.scatter_(2, trajectories[:, -1, None, None], 1e3)
        elif place in (0, 3):
            logits[:, :, 0] = 1e3
        return SimpleNamespace(logits=logits)


def test_planning_finds_what_earns_most() -> None:
    bins = Bins.uniform(np.asarray([[0.0] * 4, [1.0] * 4], np.float32), 6)
    model, seen = Foreteller(6), torch.zeros(1, 1, dtype=torch.long)
    search = Search(horizon=3, beam=16, expand=4, top_p=1.0)
    found = plan(model, bins, seen, search, torch.Generator().manual_seed(0))
    assert found.shape == (3, 4) and found[:, 1].tolist() == [5, 5, 5]
    assert found[0, 0] == 0  # it begins with the state that was seen


def test_an_agent_is_asked_for_less_as_it_earns() -> None:
    model = build(make("decision_transformer", dim=16, depth=1, heads=2, hidden=16, state=4, action=2, steps=3), seed=0)
    agent = StepAgent(model, Scale(np.zeros(4, np.float32), np.ones(4, np.float32), 10.0), target=5.0, context=2)
    for reward in (1.0, 2.0, 0.0, 1.0):
        assert agent.act(np.ones(4, np.float32)).shape == (2,)
        agent.earned(reward)
    assert agent.asked == pytest.approx([0.5, 0.4, 0.2, 0.2, 0.1])


def test_a_model_made_for_another_environment_says_so() -> None:
    model = build(make("decision_transformer", dim=16, depth=1, heads=2, hidden=16, state=11, action=3), seed=0)
    with pytest.raises(BestiaryError, match="4 numbers of state and 2 of action, but the model was made for 11 and 3"):
        fits(model, Environment("CartPole-v1"))


@pytest.mark.parametrize("name", ["decision-transformer", "trajectory-transformer"])
@pytest.mark.parametrize("environment", ["CartPole-v1", "Pendulum-v1"])
def test_a_twin_acts_and_its_episode_is_a_moving_picture(name: str, environment: str, tmp_path: Path) -> None:
    out = tmp_path / "episode.gif"
    code, said, remarks = bestiary(f"run {name}:tiny {environment} --max-new-tokens 3 --json --out", str(out))
    assert code == 0, remarks
    (result,) = json.loads(said)["results"]
    assert "untrained" in json.loads(said)["weights"] and result["steps"] == 3
    with Image.open(out) as picture:
        assert picture.format == "GIF" and picture.n_frames >= 2 and picture.width <= 240  # equal frames are one


def test_a_run_says_what_is_missing(tmp_path: Path) -> None:
    for arguments, sentence in (
        ([], "write the name of an environment"),
        (["Nope-v1"], "no environment of gymnasium's"),
        (["CartPole-v1", "--out", "episode.png"], "ends in .gif"),
    ):
        code, _, remarks = bestiary("run decision-transformer:tiny", *arguments)
        assert code == 2 and sentence in remarks
