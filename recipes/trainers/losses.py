"""TRL's losses for DPO: what each asks of a run's settings, what a reward is to it, and its value over held-out pairs.

TRL's trainer computes the loss that is trained on, whatever its name. It logs beta times the gain as the reward of all of
them, which an IPO or a length-normalised loss does not look at, and it says of some bad values only after the model is
loaded, of others never. docs/losses.md is the table of this module for people.
"""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, fields
from difflib import get_close_matches

import numpy as np
from scipy.special import expit
from trl import DPOConfig

from komep_dataset.errors import KomepError


def softplus(x: np.ndarray) -> np.ndarray:
    """-log sigmoid(-x)."""
    return np.logaddexp(0, x)


@dataclass(frozen=True, slots=True)
class Held:
    """Held-out pairs as a loss sees them, [pairs] each unless said otherwise.

    `chosen` and `rejected`: scores of the answers, which are gains over the reference in nats under reverse KL. `gains`
    [pairs, 2]: the gains. `tokens` [pairs, 2]. `policy`, `reference`: log-probability of chosen less that of rejected.
    `nll`: of the chosen answer, nats. `beta`, `noise` (label smoothing) and `tau` are the run's.
    """

    chosen: np.ndarray
    rejected: np.ndarray
    gains: np.ndarray
    tokens: np.ndarray
    policy: np.ndarray
    reference: np.ndarray
    nll: np.ndarray
    beta: float
    noise: float
    tau: float

    @property
    def logits(self) -> np.ndarray:
        return self.beta * (self.chosen - self.rejected)

    @property
    def rewards(self) -> tuple[np.ndarray, np.ndarray]:
        return self.beta * self.gains[:, 0], self.beta * self.gains[:, 1]

    @property
    def per_token(self) -> np.ndarray:
        return self.chosen / self.tokens[:, 0] - self.rejected / self.tokens[:, 1]

    def smoothed(self, difference: np.ndarray) -> np.ndarray:
        z = self.beta * difference
        return (1 - self.noise) * softplus(-z) + self.noise * softplus(z)


def exo_pair(of: Held) -> np.ndarray:
    won, lost = expit(of.logits), expit(-of.logits)
    return won * (-softplus(-of.logits) - np.log1p(-of.noise)) + lost * (
        -softplus(of.logits) - math.log(of.noise)
    )


def nca_pair(of: Held) -> np.ndarray:
    chosen, rejected = of.rewards
    return softplus(-chosen) + (softplus(chosen) + softplus(rejected)) / 2


def robust(of: Held) -> np.ndarray:
    both = (1 - of.noise) * softplus(-of.logits) - of.noise * softplus(of.logits)
    return both / (1 - 2 * of.noise)


def sppo_hard(of: Held) -> np.ndarray:
    chosen, rejected = of.gains.T
    return (chosen - 0.5 / of.beta) ** 2 + (rejected + 0.5 / of.beta) ** 2


def apo_down(of: Held) -> np.ndarray:
    chosen, rejected = of.rewards
    return expit(chosen) + 1 - expit(chosen - rejected)


def discopop(of: Held) -> np.ndarray:
    share = expit(of.logits / of.tau)
    return softplus(-of.logits) * (1 - share) + np.exp(-of.logits) * share


@dataclass(frozen=True, slots=True)
class Reward:
    """What a loss takes the difference of between the two answers of a pair.

    `target`: of beta, the difference at which the loss is least; None where more is always better.
    """

    per_token: bool = False
    scaled: bool = True  # by beta
    target: Callable[[float], float] | None = None


GAIN, MEAN_GAIN = Reward(), Reward(per_token=True)
TO_HALF = Reward(per_token=True, scaled=False, target=lambda beta: 0.5 / beta)
TO_WHOLE = Reward(scaled=False, target=lambda beta: 1 / beta)


@dataclass(frozen=True, slots=True)
class Loss:
    """One of TRL's.

    `value`: of each pair, of any number whose mean is the loss. `smoothing`: what `label_smoothing` is to it, `needed`,
    `taken` or nothing. `divergences`: whether TRL takes another f-divergence than reverse KL with it. `sorts`: whether it
    sorts a batch, so that it is no sum over pairs.
    """

    value: Callable[[Held], np.ndarray]
    reward: Reward | None = GAIN
    smoothing: str = ""
    divergences: bool = False
    sorts: bool = False


LOSSES = {
    "sigmoid": Loss(lambda of: softplus(-of.logits), divergences=True),
    "hinge": Loss(lambda of: np.maximum(0, 1 - of.logits), divergences=True),
    "ipo": Loss(lambda of: (of.per_token - 0.5 / of.beta) ** 2, TO_HALF, divergences=True),
    "exo_pair": Loss(exo_pair, smoothing="needed", divergences=True),
    "nca_pair": Loss(nca_pair),
    "robust": Loss(robust, smoothing="needed", divergences=True),
    "bco_pair": Loss(lambda of: softplus(-of.rewards[0]) + softplus(of.rewards[1])),
    "sppo_hard": Loss(sppo_hard, TO_WHOLE),
    "aot": Loss(lambda of: of.smoothed(np.sort(of.policy) - np.sort(of.reference)), smoothing="taken", sorts=True),
    "aot_unpaired": Loss(lambda of: of.smoothed(np.subtract(*np.sort(of.gains, axis=0).T)), smoothing="taken", sorts=True),
    "apo_zero": Loss(lambda of: expit(-of.rewards[0]) + expit(of.rewards[1])),
    "apo_down": Loss(apo_down),
    "discopop": Loss(discopop, divergences=True),
    "sft": Loss(lambda of: of.nll.sum() / of.tokens[:, 0].sum(), None, divergences=True),
    "sigmoid_norm": Loss(lambda of: softplus(-of.beta * of.per_token), MEAN_GAIN, divergences=True),
}  # fmt: skip
DIVERGENCES = ("reverse_kl", "forward_kl", "js_divergence", "alpha_divergence")


def known_losses() -> list[str]:
    """Names that the installed TRL documents; one of a later version than ours is among them, and not in `LOSSES`."""
    described = next(field for field in fields(DPOConfig) if field.name == "loss_type").metadata["help"]
    return list(dict.fromkeys([*LOSSES, *re.findall(r"`'(\w+)'`", described)]))


def score(gains: np.ndarray, divergence: str, alpha: float) -> np.ndarray:
    """f'(policy / reference) of log-ratios in nats, up to a constant, as in arXiv 2309.16240 and TRL."""
    if divergence == "forward_kl":
        return 1 - np.exp(-gains)
    if divergence == "js_divergence":
        return math.log(2) - softplus(-gains)
    if divergence == "alpha_divergence" and abs(alpha - 1) >= 1e-6:
        return np.expm1(np.minimum((alpha - 1) * gains, 80.0)) / (alpha - 1)
    return gains


@dataclass(frozen=True, slots=True)
class Objective:
    """What a run minimises: the losses by name with their weights, and the settings that shape them."""

    weights: dict[str, float]
    beta: float
    noise: float = 0.0
    tau: float = 0.05
    divergence: str = "reverse_kl"
    alpha: float = 0.5
    weighted: bool = False  # by WPO: of each pair, with what is not in its sums

    @classmethod
    def of(cls, args: DPOConfig) -> "Objective":
        weights = dict.fromkeys(args.loss_type, 0.0)
        for name, weight in zip(
            args.loss_type, args.loss_weights or [1.0] * len(args.loss_type), strict=True
        ):
            weights[name] += weight
        shape = (args.beta, args.label_smoothing, args.discopop_tau, args.f_divergence_type)
        return cls(weights, *shape, args.f_alpha_divergence_coef, args.use_weighting)

    @property
    def is_known(self) -> bool:
        """Whether all losses are in the table."""
        return self.weights.keys() <= LOSSES.keys()

    @property
    def rewards(self) -> list[Reward]:
        """Those of the losses that have one, each once."""
        losses = [LOSSES.get(name) for name, weight in self.weights.items() if weight]
        return list(dict.fromkeys(loss.reward for loss in losses if loss and loss.reward))

    @property
    def reward(self) -> Reward | None:
        """The one reward of all losses; None where there is none, or they differ in it."""
        return self.rewards[0] if self.is_known and len(self.rewards) == 1 else None

    @property
    def is_logged(self) -> bool:
        """Whether TRL's `rewards/…` are of this reward: beta times the gain, whatever the loss."""
        return self.reward == GAIN and self.divergence == "reverse_kl"

    def margins(self, gains: np.ndarray, tokens: np.ndarray) -> np.ndarray | None:
        """Reward of chosen less reward of rejected, [pairs]; `gains` [pairs, 2] in nats."""
        if self.reward is None:
            return None
        scores = score(gains, self.divergence, self.alpha) / (tokens if self.reward.per_token else 1)
        return np.subtract(*scores.T) * (self.beta if self.reward.scaled else 1)

    def unit(self, tokens: np.ndarray) -> np.ndarray | float:
        """What a nat more of an answer is in the margin, [pairs] or a number: of the shorter one, where tokens count."""
        if self.reward is None:
            return 0.0
        return (self.beta if self.reward.scaled else 1) / (tokens.min(1) if self.reward.per_token else 1)

    def loss(
        self, policy: np.ndarray, reference: np.ndarray, tokens: np.ndarray, whole: np.ndarray
    ) -> float | None:
        """The loss of all pairs as one batch; None where it hangs on more than log-probabilities of answers.

        `policy`, `reference` [pairs, 2]: sums as the loss has them; `whole` [pairs, 2]: the policy's over all tokens, which
        is another under `ld_alpha`.
        """
        if self.weighted or not self.is_known:
            return None
        gains = policy - reference
        scores = score(gains, self.divergence, self.alpha)
        differences = np.subtract(*policy.T), np.subtract(*reference.T)
        settings = (self.beta, self.noise, self.tau)
        held = Held(*scores.T, gains, tokens, *differences, -whole[:, 0], *settings)
        return float(sum(weight * np.mean(LOSSES[name].value(held)) for name, weight in self.weights.items()))

    def describe(self) -> dict[str, str | float | None]:
        """For the summary of a run: what `margin` is of (None: there is none), and the margin that the loss aims at."""
        if self.reward is None:
            return {"reward": None, "margin_target": None}
        plain = self.divergence == "reverse_kl"
        what = "gain over the reference" if plain else f"{self.divergence} score against the reference"
        unit = ", nats" * plain + " per token" * self.reward.per_token
        target = self.reward.target and self.reward.target(self.beta)
        return {"reward": f"{'beta x ' * self.reward.scaled}{what}{unit}", "margin_target": target}

    def remark(self) -> str:
        """`describe` as one line."""
        about = self.describe()
        if about["reward"] is None:
            why = "rewards of different units" if len(self.rewards) > 1 else "no reward"
            return f"{', '.join(self.weights)}: {why}, so no margin and no reward accuracy; gain_accuracy compares runs"
        aim = about["margin_target"]
        return f"margin: mean difference of the rewards, each {about['reward']}" + (
            f"; the loss aims at {aim:.4g}" if aim is not None else ""
        )


def check_losses(args: DPOConfig, smoothing: str = "") -> None:
    """Raise `KomepError` (exit code 2) for settings that no loss of a run can be meant with; all of them in one line.

    `smoothing`: how the label smoothing was asked for, where not by its number.

    TRL finds some when its trainer is made, behind the model, and some not at all: a loss by another name ends the first
    step, `label_smoothing` 0.5 makes `robust` infinite, and most losses leave `label_smoothing` unread.
    """
    faults = list(_faults(args, smoothing or f"--label_smoothing {args.label_smoothing}"))
    if faults:
        raise KomepError("; ".join(faults), exit_code=2)


def _nearest(name: str, known: list[str] | tuple[str, ...]) -> str:
    near = get_close_matches(str(name), known, n=1, cutoff=0.5)
    return (f"; the nearest is {near[0]!r}" if near else "") + f" (there are {', '.join(known)})"


def _faults(args: DPOConfig, smoothing: str):
    names, known = args.loss_type, known_losses()
    unknown = [name for name in names if name not in known]
    for name in unknown:
        yield f"--loss_type {name}: no loss of TRL's{_nearest(name, known)}"
    if not names:
        yield "--loss_type: none is named"
    if args.f_divergence_type not in DIVERGENCES:
        yield f"--f_divergence_type {args.f_divergence_type}: no divergence of TRL's{_nearest(args.f_divergence_type, DIVERGENCES)}"
    if not (math.isfinite(args.beta) and args.beta > 0):
        yield f"--beta {args.beta}: a number above 0 is needed"
    if "discopop" in names and not args.discopop_tau > 0:
        yield f"--discopop_tau {args.discopop_tau}: a number above 0 is needed"
    if args.ld_alpha is not None and not 0 <= args.ld_alpha <= 1:
        yield f"--ld_alpha {args.ld_alpha}: a share from 0 to 1 is needed"
    weights = args.loss_weights or [1.0]
    if not all(math.isfinite(weight) and weight >= 0 for weight in weights) or not any(weights):
        yield f"--loss_weights {' '.join(map(str, weights))}: numbers from 0 are needed, one of them above it"
    if unknown or not names:
        return
    losses = {name: LOSSES[name] for name in names if name in LOSSES}
    yield from _smoothing_faults(args, losses, smoothing)
    if args.f_divergence_type in DIVERGENCES[1:]:
        for name in (name for name, loss in losses.items() if not loss.divergences):
            yield f"--f_divergence_type {args.f_divergence_type}: {name} has it under reverse_kl alone"
    if args.use_weighting:
        for name in (name for name, loss in losses.items() if loss.sorts or loss.reward is None):
            why = "sorts the pairs of a batch" if losses[name].sorts else "has no value of each pair"
            yield f"--use_weighting: {name} {why}; TRL cannot weight it"


def _smoothing_faults(args: DPOConfig, losses: dict[str, Loss], smoothing: str):
    noise = args.label_smoothing
    takes = [name for name, loss in losses.items() if loss.smoothing]
    if not 0 <= noise < 0.5:
        yield f"{smoothing}: a share from 0 to below 0.5 is needed"
    elif noise == 0:
        for name in (name for name in takes if losses[name].smoothing == "needed"):
            what = "without it robust is sigmoid" if name == "robust" else "its paper has 0.001"
            yield f"{smoothing}: {name} needs a share above 0 and below 0.5 ({what})"
    elif not takes and len(losses) == len({*args.loss_type}):
        which = ", ".join(name for name, loss in LOSSES.items() if loss.smoothing)
        yield f"{smoothing}: {', '.join(losses)} would not read it; those that do are {which}"
    if args.label_smoothing_factor:
        yield "--label_smoothing_factor: no loss of preferences reads it; --label_smoothing is theirs"
