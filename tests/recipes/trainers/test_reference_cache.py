"""By what a cached reference is found again, and that it changes nothing."""

from importlib import import_module

import pytest

from tests.recipes.tiny_runs import flags, of_finished, pair, read, train, write_release

pytest.importorskip("trl", reason="needs the extra [recipes]")

import torch
import trl.trainer.dpo_trainer as trl_dpo
from trainers.dpo import PairwiseDPOTrainer


def model(value: float = 1.0, dtype: torch.dtype = torch.float32, spread: bool = False) -> torch.nn.Module:
    """A linear map; spread as ZeRO-3 spreads it, so that the tensor itself is empty."""
    made = torch.nn.Linear(3, 2, bias=False, dtype=dtype)
    weights = torch.arange(6, dtype=dtype).reshape(2, 3) * value
    if spread:
        made.weight.data = torch.empty(0, dtype=dtype)
        made.weight.ds_tensor = weights.flatten()
    else:
        made.weight.data = weights
    return made


@pytest.mark.parametrize("spread", [False, True], ids=["whole", "spread"])
def test_models_of_one_shape_have_fingerprints_of_their_own(spread):
    hash_weights = import_module("trainers.reference_cache").hash_weights
    assert hash_weights(model(spread=spread)) == hash_weights(model(spread=spread))
    others = [model(1.5, spread=spread), model(dtype=torch.bfloat16, spread=spread), model(spread=not spread)]
    assert len({hash_weights(other) for other in [model(spread=spread), *others]}) == 4


def test_every_other_weight_shows():
    """Values, signs, places, shapes and types; quantised ones, too."""
    hash_weights, made, found = (
        import_module("trainers.reference_cache").hash_weights,
        torch.nn.Module(),
        set(),
    )
    square = torch.arange(4.0).reshape(2, 2)
    others = [square, -square, square.T, square.flip(0), torch.ones(4), torch.ones(4) * 2, torch.tensor(2.0)]
    others += [square.to(torch.uint8), square.to(torch.float8_e4m3fn), torch.empty(0)]
    for other in others:
        made.register_buffer("weight", other)
        found.add(hash_weights(made))
    assert len(found) == len(others)


def test_every_process_has_its_part_in_the_fingerprint(monkeypatch):
    """Under ZeRO-3; where all of them hold the same, it is that of one process."""
    trainer = import_module("trainers.reference_cache")
    alone = trainer.hash_weights(model())
    monkeypatch.setattr(trainer, "gather_object", lambda rows: rows * 2)
    assert trainer.hash_weights(model()) == alone
    monkeypatch.setattr(trainer, "gather_object", lambda rows: [*rows, "of another"])
    assert trainer.hash_weights(model()) != alone


def test_it_is_the_one_that_trl_asks():
    assert trl_dpo.hash_module is import_module("trainers.reference_cache").hash_weights


def test_cached_reference_gives_the_same_run(tiny_model, release, dpo_run, tmp_path):
    cached = {"save_strategy": "no", "precompute_ref_log_probs": "true"}
    assert train("dpo", of_finished("dpo", tiny_model, release, tmp_path / "out", **cached)) == 0
    for moment in ("before", "after"):
        plain, cached = (read(folder)["evaluation"][moment] for folder in (dpo_run, tmp_path / "out"))
        for name in ("loss", "margin", "reward_accuracy", "policy_accuracy", "policy_accuracy_per_token"):
            assert cached[name] == pytest.approx(plain[name], abs=2e-4), (moment, name)


@pytest.mark.slow
def test_a_cached_reference_does_not_change_the_order_of_batches(tiny_model, tmp_path, monkeypatch):
    """The first run computes the reference's log-probabilities, the second finds them in the cache of `datasets`."""
    monkeypatch.setattr(
        "datasets.config.HF_DATASETS_CACHE", tmp_path / "cache"
    )  # nothing is known before the first
    folder = write_release(tmp_path / "release", {"train": [pair(i, words=4 + i % 5) for i in range(24)]})
    passes, losses = [], []
    compute = PairwiseDPOTrainer.compute_ref_log_probs
    monkeypatch.setattr(
        PairwiseDPOTrainer, "compute_ref_log_probs", lambda *args: passes.append(1) or compute(*args)
    )
    settings = {"max_steps": 3, "precompute_ref_log_probs": "true", "gradient_accumulation_steps": 1}
    settings |= {"precompute_ref_batch_size": 8}
    settings["train_sampling_strategy"] = "group_by_length"  # drawn from the global random state
    for run_number in (1, 2):
        output = tmp_path / f"out{run_number}"
        assert train("dpo", flags(tiny_model, folder, output, **settings)) == 0
        log = read(output, "trainer_state.json")["log_history"]
        losses.append([entry["loss"] for entry in log if "loss" in entry])
        assert len(passes) == 3  # of the first run: three batches of eight
    assert losses[0] == losses[1] and len(set(losses[0])) == 3


@pytest.mark.slow
def test_a_cached_reference_is_of_one_precision(tiny_model, tmp_path, monkeypatch):
    folder = write_release(tmp_path / "release", {"train": [pair(i) for i in range(40, 48)]})
    passes, compute = [], PairwiseDPOTrainer.compute_ref_log_probs
    monkeypatch.setattr(
        PairwiseDPOTrainer, "compute_ref_log_probs", lambda *a: passes.append(1) or compute(*a)
    )
    settings = {"max_steps": 1, "precompute_ref_log_probs": "true", "precompute_ref_batch_size": 8}
    for number, half in enumerate(("true", "false", "true"), 1):
        arguments = flags(tiny_model, folder, tmp_path / f"out{number}", **settings, **{"bf16": half})
        assert train("dpo", arguments) == 0
        assert len(passes) == min(number, 2)
