"""Each loss of TRL's: the value and the gradients of its own trainer on every path, right figures, and bad settings refused."""

import inspect
import math
import re
from types import SimpleNamespace

import numpy as np
import pytest

from tests.recipes.tiny_runs import flags, pair, read, train

torch = pytest.importorskip("torch", reason="needs the extra [recipes]")
pytest.importorskip("trl", reason="needs the extra [recipes]")

from datasets import Dataset  # noqa: E402
from trainers.dpo import PairwiseDPOTrainer  # noqa: E402
from trainers.losses import LOSSES, Objective, check_losses, known_losses  # noqa: E402
from trainers.pair_metrics import figures_of_dpo  # noqa: E402
from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: E402
from trl import DPOConfig, DPOTrainer  # noqa: E402

from komep_dataset.errors import KomepError  # noqa: E402

PLAIN = {"beta": 0.3, "use_cpu": True, "bf16": False, "report_to": "none", "gradient_checkpointing": False}
CASES = {
    name: {"loss_type": [name], "label_smoothing": 0.1 if loss.smoothing else 0.0} for name, loss in LOSSES.items()
} | {
    "MPO": {"loss_type": ["sigmoid", "bco_pair", "sft"], "loss_weights": [0.8, 0.2, 1.0]},
    "one name twice": {"loss_type": ["ipo", "ipo"], "loss_weights": [0.5, 0.0]},
    "long answers weigh less": {"ld_alpha": 0.3},
    "long answers weigh less, per token": {"ld_alpha": 0.0, "loss_type": ["ipo", "sft", "aot"]},
    "forward KL": {"f_divergence_type": "forward_kl"},
    "Jensen-Shannon": {"f_divergence_type": "js_divergence", "loss_type": ["sigmoid_norm"]},
    "alpha divergence": {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 0.3, "loss_type": ["hinge"]},
    "alpha divergence of 1": {"f_divergence_type": "alpha_divergence", "f_alpha_divergence_coef": 1.0},
    "weighted": {"use_weighting": True},
    "weighted, of two": {"use_weighting": True, "loss_type": ["apo_zero", "ipo"]},
}  # fmt: skip
SET = ("label_smoothing", "ld_alpha", "f_divergence_type", "f_alpha_divergence_coef", "use_weighting")


def settings(**changes) -> SimpleNamespace:
    """What a run's `DPOConfig` holds of its losses; a real one would take the state of the processes from a trainer."""
    defaults = {
        "loss_type": ["sigmoid"],
        "loss_weights": None,
        "ld_alpha": None,
        "beta": 0.3,
        "discopop_tau": 0.05,
    }
    defaults |= {"f_divergence_type": "reverse_kl", "f_alpha_divergence_coef": 0.5, "use_weighting": False}
    return SimpleNamespace(**defaults | {"label_smoothing": 0.0, "label_smoothing_factor": 0.0} | changes)


def test_settings_are_those_of_trl():
    fields = DPOConfig.__dataclass_fields__
    for name, value in vars(settings(beta=0.1)).items():
        field = fields[name]
        assert value == (field.default_factory() if name == "loss_type" else field.default), name


def trainer(kind: type, model, folder, **changes):
    """A trainer of six pairs whose reference is another model than the policy."""
    torch.manual_seed(1)
    made = kind(
        model=AutoModelForCausalLM.from_pretrained(model),
        ref_model=AutoModelForCausalLM.from_pretrained(model),
        args=DPOConfig(output_dir=str(folder), use_weighting=True, **PLAIN | changes),
        train_dataset=Dataset.from_list([pair(i, words=4 + 3 * i % 7) for i in range(6)]),
        processing_class=AutoTokenizer.from_pretrained(model),
        **({"prompts_shared": not changes} if kind is PairwiseDPOTrainer else {}),
    )
    torch.manual_seed(2)
    for weight in made.ref_model.parameters():
        weight.data += 0.05 * torch.randn_like(weight)
    made.ref_model.eval()
    return made


@pytest.fixture(scope="module")
def trls(tiny_model, tmp_path_factory):
    return trainer(DPOTrainer, tiny_model, tmp_path_factory.mktemp("trl"))


@pytest.fixture(
    scope="module", params=["one row", "no padding", pytest.param("two rows", marks=pytest.mark.slow)]
)
def ours(request, tiny_model, tmp_path_factory):
    changes = {"one row": {}, "no padding": {"padding_free": True}, "two rows": {"max_length": 512}}[
        request.param
    ]
    made = trainer(PairwiseDPOTrainer, tiny_model, tmp_path_factory.mktemp("ours"), **changes)
    assert made.prompts_shared is (request.param == "one row")
    assert {"one row": "one row", "no padding": "without padding", "two rows": "own path"}[
        request.param
    ] in made.passes
    return made


def settle(made, case: dict) -> SimpleNamespace:
    """Give a trainer the settings of a case, as its constructor would."""
    args = settings(**case)
    check_losses(args)
    made.loss_types, made.loss_weights = args.loss_type, args.loss_weights or [1.0] * len(args.loss_type)
    for name in SET:
        setattr(made, name, getattr(args, name))
    return args


def step(made, batch: dict) -> tuple[float, list]:
    made.model.train()
    made.model.zero_grad()
    loss = made.compute_loss(made.model, dict(batch))
    loss.backward()
    return loss.item(), [(name, weight.grad.clone()) for name, weight in made.model.named_parameters()]


@pytest.mark.parametrize("name", CASES)
def test_value_and_gradients_are_those_of_trl(name, trls, ours):
    for made in (trls, ours):
        args = settle(made, CASES[name])
    batch = trls.data_collator([trls.train_dataset[i] for i in range(6)])
    (expected, wanted), (found, got) = step(trls, batch), step(ours, batch)
    assert found == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert any(grad.abs().max() > 1e-4 for _, grad in wanted)  # else equality would say nothing
    for (weight, grad), (_, other) in zip(wanted, got, strict=True):
        torch.testing.assert_close(other, grad, atol=2e-6, rtol=2e-4, msg=weight)
    # Held out: the loss of the pairs by themselves.
    ours.model.eval()
    loss, sums, tokens = (x.numpy() for x in ours.prediction_step(ours.model, batch, False))
    assert loss == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert sums.shape == (6, 8 if args.ld_alpha is not None else 4)
    figures = figures_of_dpo(Objective.of(args), sums[:, :2], sums[:, 2:4], tokens, sums[:, -4:])
    if args.use_weighting:
        assert figures["loss"] is None  # the trainer's is taken
    else:
        assert figures["loss"] == pytest.approx(expected, rel=1e-5, abs=1e-6)


def test_the_table_has_what_the_installed_trl_has():
    assert known_losses() == list(LOSSES)
    assert {name for name in CASES if name in LOSSES} == {*LOSSES}


def test_a_divergence_goes_with_the_losses_that_trl_has_it_for():
    """Its own list stands in its constructor."""
    (listed,) = re.findall(r"f_divergence_loss_types = \{(.*?)\}", inspect.getsource(DPOTrainer.__init__))
    assert {name for name, loss in LOSSES.items() if loss.divergences} == set(re.findall(r"\w+", listed))


# Two pairs: gains of 4 and -1 nats over the reference, of 8 and 2 tokens; then of -2 and 1, of 4 and 4.
POLICY, BASE = np.array([[-6.0, -9.0], [-8.0, -7.0]]), np.array([[-10.0, -8.0], [-6.0, -8.0]])
TOKENS = np.array([[8, 2], [4, 4]])
MARGINS = {
    "sigmoid": (0.5 * (5 - 3) / 2, "beta x gain over the reference, nats", None),
    "sigmoid_norm": (0.5 * (1.0 - 0.75) / 2, "beta x gain over the reference, nats per token", None),
    "ipo": ((1.0 - 0.75) / 2, "gain over the reference, nats per token", 1.0),
    "sppo_hard": ((5 - 3) / 2, "gain over the reference, nats", 2.0),
    "sft": (None, None, None),
}


@pytest.mark.parametrize("name", MARGINS)
def test_a_margin_is_in_the_unit_of_its_loss(name):
    objective = Objective({name: 1.0}, beta=0.5)
    margin, reward, target = MARGINS[name]
    figures = figures_of_dpo(objective, POLICY, BASE, TOKENS)
    assert figures["margin"] == (None if margin is None else pytest.approx(margin))
    assert figures["reward_accuracy"] == (None if margin is None else 0.5) and figures["gain_accuracy"] == 0.5
    assert objective.describe() == {"reward": reward, "margin_target": target}
    assert (f"aims at {target:.4g}" in objective.remark()) if target else "aims" not in objective.remark()


@pytest.mark.parametrize("name", LOSSES)
def test_an_untrained_model_is_at_chance_in_the_unit_of_every_loss(name):
    noise = np.random.default_rng(0).normal(scale=1e-4, size=(50, 2))
    base = np.random.default_rng(1).uniform(-900, -100, size=(50, 2))
    tokens = np.random.default_rng(2).integers(20, 400, size=(50, 2))
    figures = figures_of_dpo(Objective({name: 1.0}, beta=0.1, noise=0.1), base + noise, base, tokens)
    assert figures["reward_accuracy"] == (None if name == "sft" else 0.5)


def test_a_short_answer_may_win_in_all_and_lose_per_token():
    gains, tokens = np.array([[3.0, 2.0]]), np.array([[30, 5]])
    found = {
        n: figures_of_dpo(Objective({n: 1.0}, 0.1), gains, gains * 0, tokens) for n in ("sigmoid", "ipo")
    }
    assert [found[name]["reward_accuracy"] for name in ("sigmoid", "ipo")] == [1.0, 0.0]
    assert found["ipo"]["gain_accuracy"] == 1.0


def test_losses_that_agree_on_the_reward_have_it_and_others_none():
    assert Objective({"sigmoid": 0.8, "bco_pair": 0.2, "sft": 1.0}, 0.1).describe()["reward"]
    assert Objective({"sigmoid": 1.0, "ipo": 0.0}, 0.1).describe()["reward"].startswith("beta x")
    mixed = Objective({"sigmoid": 1.0, "ipo": 1.0}, 0.1)
    assert mixed.describe() == {"reward": None, "margin_target": None}
    assert (
        "rewards of different units" in mixed.remark()
        and "no reward" in Objective({"sft": 1.0}, 0.1).remark()
    )
    other = Objective({"sigmoid": 1.0}, 0.1, divergence="js_divergence")
    assert other.describe()["reward"] == "beta x js_divergence score against the reference"


def test_a_loss_of_a_later_trl_takes_its_own_path(monkeypatch):
    field = DPOConfig.__dataclass_fields__["loss_type"]
    later = {"help": field.metadata["help"].replace("`'sft'`", "`'sft'`, `'later'`")}
    monkeypatch.setattr(field, "metadata", later)
    assert known_losses() == [*LOSSES, "later"]
    check_losses(settings(loss_type=["later"]))
    objective = Objective({"later": 1.0}, 0.1)
    figures = figures_of_dpo(objective, POLICY, BASE, TOKENS)
    assert figures["loss"] is figures["margin"] is None and figures["gain_accuracy"] == 0.5


BAD = {
    "misspelt": ({"loss_type": ["sigmod"]}, "--loss_type sigmod: no loss of TRL's; the nearest is 'sigmoid'"),
    "two misspelt": ({"loss_type": ["ip0", "robus"]}, "'ipo'.*; --loss_type robus: .*'robust'"),
    "like none": ({"loss_type": ["zzz"]}, r"--loss_type zzz: no loss of TRL's \(there are sigmoid, hinge"),
    "none": ({"loss_type": []}, "--loss_type: none is named"),
    "robust without smoothing": ({"loss_type": ["robust"]}, "--label_smoothing 0.0: robust needs .* is sigmoid"),
    "robust at chance": ({"loss_type": ["robust"], "label_smoothing": 0.5}, "--label_smoothing 0.5: .* below 0.5"),
    "smoothing below 0": ({"loss_type": ["aot"], "label_smoothing": -0.1}, "--label_smoothing -0.1"),
    "EXO without smoothing": ({"loss_type": ["exo_pair"]}, "exo_pair needs a share above 0 .*0.001"),
    "smoothing that is not read": ({"label_smoothing": 0.1}, "--label_smoothing 0.1: sigmoid would not read it; .*robust"),
    "smoothing of another trainer": ({"label_smoothing_factor": 0.1}, "--label_smoothing is theirs"),
    "no beta": ({"beta": 0.0}, "--beta 0.0: a number above 0"),
    "beta that is none": ({"beta": math.nan}, "--beta nan"),
    "no tau": ({"loss_type": ["discopop"], "discopop_tau": 0.0}, "--discopop_tau 0.0"),
    "no share": ({"ld_alpha": 1.5}, "--ld_alpha 1.5: a share from 0 to 1"),
    "weight below 0": ({"loss_weights": [-1.0]}, "--loss_weights -1.0: numbers from 0"),
    "no weight": ({"loss_type": ["ipo", "sft"], "loss_weights": [0.0, 0.0]}, "--loss_weights 0.0 0.0"),
    "misspelt divergence": ({"f_divergence_type": "js_divergance"}, "the nearest is 'js_divergence'"),
    "divergence and APO": ({"f_divergence_type": "forward_kl", "loss_type": ["sigmoid", "apo_zero"]}, "apo_zero has it under"),
    "weighted and sorted": ({"use_weighting": True, "loss_type": ["aot"]}, "--use_weighting: aot sorts"),
    "weighted SFT": ({"use_weighting": True, "loss_type": ["sft"]}, "--use_weighting: sft has no value of each pair"),
    "all at once": ({"beta": -1.0, "loss_type": ["robust"]}, "--beta -1.0: .*; --label_smoothing 0.0: robust"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_bad_settings_are_told_at_once(name):
    changes, words = BAD[name]
    with pytest.raises(KomepError, match=words) as caught:
        check_losses(settings(**changes))
    assert caught.value.exit_code == 2 and "\n" not in str(caught.value)


def test_they_are_told_before_the_model_is_looked_for(release, tmp_path, capsys):
    words = flags("no/such-model", release, tmp_path / "out", max_steps=1)
    assert train("dpo", [*words, "--loss_type", "sigmoid", "bco_piar"]) == 2
    assert "the nearest is 'bco_pair'" in capsys.readouterr().err
    assert not (tmp_path / "out" / "run.json").exists()


@pytest.mark.slow
def test_a_run_with_two_losses(tiny_model, release, tmp_path, capsys):
    """Of IPO and SFT: the margin is IPO's, in log, card, curves and summary."""
    output = tmp_path / "out"
    words = flags(tiny_model, release, output, max_steps=2, beta=0.25)
    assert train("dpo", [*words, "--loss_type", "ipo", "sft", "--loss_weights", "1", "0.5"]) == 0
    said, summary = capsys.readouterr().out, read(output)
    assert "pairs: one row each" in said and "aims at 2" in said
    assert summary["reward"] == "gain over the reference, nats per token" and summary["margin_target"] == 2.0
    before, after = (summary["evaluation"][moment] for moment in ("before", "after"))
    assert before["margin"] == pytest.approx(0, abs=1e-4) and before["reward_accuracy"] == 0.5
    logged = [e for e in read(output, "trainer_state.json")["log_history"] if "gains/margins" in e]
    assert logged and not [
        e for e in read(output, "trainer_state.json")["log_history"] if "rewards/margins" in e
    ]
    assert before["loss"] > 4.0 > 0 < after["margin"] < 1  # IPO's is (0 - 2)^2 at the start
    assert "nats per token" in (output / "README.md").read_text("utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_every_loss_trains_through_the_recipe(name, tiny_model, release, tmp_path, capsys):
    """Three steps with a cached reference (without where the loss weighs tokens), and the figures of its unit."""
    case, cached = CASES[name], "ld_alpha" not in CASES[name]
    words = flags(
        tiny_model, release, tmp_path / "out", max_steps=3, precompute_ref_log_probs=str(cached).lower()
    )
    for key, value in ({"loss_type": ["sigmoid"]} | case).items():
        words += [f"--{key}", *map(str, value if isinstance(value, list) else [value])]
    assert train("dpo", words) == 0, capsys.readouterr().err
    summary, said = read(tmp_path / "out"), capsys.readouterr().out
    before, after = (summary["evaluation"][moment] for moment in ("before", "after"))
    of_sft = (
        name == "sft" or {*case.get("loss_type", ())} == {"ipo", "sft", "aot"} or name == "weighted, of two"
    )
    assert (summary["reward"] is None) is of_sft and summary["prompts_shared"] is True
    assert (after["margin"] is None) is (after["reward_accuracy"] is None) is of_sft
    assert before["gain_accuracy"] == 0.5
    assert (after["gain_accuracy"] >= 0.5) is (
        name != "discopop"
    )  # which falls towards the rejected answer around 0
    assert (before["loss"] is None) is (cached and bool(case.get("use_weighting")))
    if before["loss"] is not None and name not in ("exo_pair", "sppo_hard"):
        assert after["loss"] < before["loss"]
    assert f"'{name}'" not in said and math.isfinite(summary["train_loss"])
    print(f"{name}: loss {before['loss']} to {after['loss']}, margin {after['margin']} ({summary['reward']})")
