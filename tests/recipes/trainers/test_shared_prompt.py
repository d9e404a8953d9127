"""A pair in one row: the same numbers and gradients as TRL's two rows, and two rows where one would be wrong."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipes.tiny_runs import flags as tiny_flags
from tests.recipes.tiny_runs import read, train

torch = pytest.importorskip("torch", reason="needs the extra [recipes]")
pytest.importorskip("trl", reason="needs the extra [recipes]")

from trainers.shared_prompt import obstacle, pack, share_prompts  # noqa: E402
from transformers import AutoModelForCausalLM, LlamaConfig, Qwen2Config  # noqa: E402
from trl.trainer.dpo_trainer import DataCollatorForPreference  # noqa: E402
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from komep_dataset.errors import KomepError  # noqa: E402

VOCABULARY = 50
FIELDS = ("log_probs", "entropy", "mean_logits", "is_top1")
ON_CPU = SimpleNamespace(use_weighting=False, device=torch.device("cpu"))
PAIR = st.tuples(*(st.lists(st.integers(1, VOCABULARY - 1), min_size=1, max_size=9) for _ in range(3)))


def tiny(**changes):
    shape = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "vocab_size": VOCABULARY}
    heads = {"num_attention_heads": 4, "num_key_value_heads": 2}
    return AutoModelForCausalLM.from_config(LlamaConfig(**{**shape, **heads, **changes}))


@pytest.fixture(scope="module")
def two_rows():
    torch.manual_seed(0)
    model = tiny()
    add_fused_lm_head(model, outputs=FIELDS)
    return model


@pytest.fixture(scope="module")
def one_row(two_rows):
    model = tiny()
    model.load_state_dict(two_rows.state_dict())
    add_fused_lm_head(model, outputs=FIELDS)
    assert share_prompts(model, ON_CPU, wanted=None)
    return model


def batch(pairs) -> dict:
    """What DPO's trainer gives its model for (prompt, chosen, rejected) token ids."""
    rows = [dict(zip(("prompt_ids", "chosen_ids", "rejected_ids"), pair, strict=True)) for pair in pairs]
    given = DataCollatorForPreference(pad_token_id=0)(rows)
    answers = given.pop("completion_mask") == 1
    return given | {"labels": given["input_ids"].masked_fill(~answers, -100), "fused_lm_head": True}


@settings(deadline=None, max_examples=40)
@given(pairs=st.lists(PAIR, min_size=1, max_size=4))
def test_one_row_gives_what_two_rows_give(pairs, two_rows, one_row):
    outputs = []
    for model in (two_rows, one_row):
        model.zero_grad()
        output = model(**batch(pairs))
        weights = torch.linspace(-1, 1, output.log_probs.numel()).view_as(output.log_probs)
        (output.log_probs * weights).sum().backward()
        outputs.append(output)
    for name in FIELDS:
        expected, found = (getattr(output, name).float() for output in outputs)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5, msg=name)
    for (name, expected), found in zip(two_rows.named_parameters(), one_row.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_a_pair_is_shorter_than_its_two_rows():
    given = batch([([1, 2, 3], [4, 5], [6]), ([7], [8], [9, 10, 11])])
    packed = pack(given["input_ids"], given["attention_mask"], given["labels"])
    assert packed.input_ids.tolist() == [[1, 2, 3, 4, 5, 6], [7, 8, 9, 10, 11, 0]]
    assert packed.position_ids.tolist() == [[0, 1, 2, 3, 4, 3], [0, 1, 1, 2, 3, 0]]
    seen = packed.attention_mask(torch.float32)[0, 0] == 0
    assert seen[5].tolist() == [True, True, True, False, False, True]  # `rejected` does not see `chosen`


def test_two_rows_where_the_prompts_differ(two_rows, one_row):
    """As when the beginning of a pair is cut off: the longer answer loses more of the prompt."""
    collate = DataCollatorForPreference(pad_token_id=0, max_length=5, truncation_mode="keep_end")
    given = collate([{"prompt_ids": [1, 2, 3], "chosen_ids": [4, 5, 6], "rejected_ids": [7]}])
    labels = given["input_ids"].masked_fill(given.pop("completion_mask") == 0, -100)
    assert pack(given["input_ids"], given["attention_mask"], labels) is None
    expected, found = (m(**given, labels=labels, fused_lm_head=True).log_probs for m in (two_rows, one_row))
    torch.testing.assert_close(found, expected)


def test_plain_forward_passes_stay_as_they_were(two_rows, one_row):
    ids = torch.tensor([[1, 2, 3, 4]])
    torch.testing.assert_close(one_row(input_ids=ids).logits, two_rows(input_ids=ids).logits)


UNFIT = {
    "a window": lambda: AutoModelForCausalLM.from_config(
        Qwen2Config(
            hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=2,
            vocab_size=VOCABULARY, use_sliding_window=True, sliding_window=4, max_window_layers=1,
        )
    ),
    "capped logits": lambda: tiny(final_logit_softcapping=30.0),
    "scaled logits": lambda: tiny(logits_scaling=8.0),
}  # fmt: skip


@pytest.mark.parametrize("name", UNFIT)
def test_a_model_that_one_row_would_be_wrong_for_keeps_two(name):
    model = UNFIT[name]()
    assert obstacle(model, spread=False)
    assert not share_prompts(model, ON_CPU, wanted=None)
    with pytest.raises(KomepError, match="--share_prompts true"):
        share_prompts(model, ON_CPU, wanted=True)


def test_a_head_that_is_spread_over_processes_keeps_two():
    assert obstacle(tiny(), spread=True) and not obstacle(tiny(), spread=False)


@pytest.mark.slow
def test_a_run_has_the_same_losses_either_way(tiny_model, release, tmp_path):
    losses = []
    for wanted in ("true", "false"):
        output = tmp_path / wanted
        assert train("dpo", tiny_flags(tiny_model, release, output, max_steps=3, share_prompts=wanted)) == 0
        assert read(output)["prompts_shared"] is (wanted == "true")
        log = read(output, "trainer_state.json")["log_history"]
        losses.append([entry["loss"] for entry in log if "loss" in entry])
    assert len(losses[0]) == 3 and losses[0] == pytest.approx(losses[1], abs=1e-5)
