"""A batch without padding: the numbers and gradients of TRL's padded rows, and a refusal where they would be others."""

from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.recipes.tiny_runs import flags as tiny_flags
from tests.recipes.tiny_runs import losses, read, train
from tests.recipes.trainers.test_shared_prompt import FIELDS, PAIR, batch, tiny

torch = pytest.importorskip("torch", reason="needs the extra [recipes]")
pytest.importorskip("trl", reason="needs the extra [recipes]")

from trainers.padding_free import VARLEN, has_kernel, leave_out_padding, varlen_attention  # noqa: E402
from trl.trainer.utils import add_fused_lm_head  # noqa: E402

from komep_dataset.errors import KomepError  # noqa: E402

ON_CPU = SimpleNamespace(device=torch.device("cpu"), bf16=False, fp16=False)
ON_GPU = SimpleNamespace(device=torch.device("cuda"), bf16=True, fp16=False)


@pytest.fixture(scope="module")
def padded():
    torch.manual_seed(0)
    model = tiny()
    add_fused_lm_head(model, outputs=FIELDS)
    return model


@pytest.fixture(scope="module")
def unpadded(padded):
    model = tiny()
    model.load_state_dict(padded.state_dict())
    add_fused_lm_head(model, outputs=FIELDS)
    leave_out_padding(model, ON_CPU)
    return model


@settings(deadline=None, max_examples=40)
@given(pairs=st.lists(PAIR, min_size=1, max_size=4))
def test_without_padding_the_numbers_are_those_with_it(pairs, padded, unpadded):
    outputs = []
    for model in (padded, unpadded):
        model.zero_grad()
        output = model(**batch(pairs))
        weights = torch.linspace(-1, 1, output.log_probs.numel()).view_as(output.log_probs)
        (output.log_probs * weights).sum().backward()
        outputs.append(output)
    for name in (*FIELDS, "label_mask", "loss"):
        expected, found = (getattr(output, name).float() for output in outputs)
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5, msg=name)
    for (name, expected), found in zip(padded.named_parameters(), unpadded.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_no_padding_reaches_the_layers(unpadded):
    seen = []
    hook = unpadded.model.layers[0].register_forward_hook(lambda _, __, out: seen.append(out.shape))
    unpadded(**batch([([1, 2, 3], [4, 5], [6]), ([7], [8], [9, 10, 11])]))
    hook.remove()
    assert seen == [(1, 5 + 2 + 4 + 4, 16)]


def test_plain_forward_passes_stay_as_they_were(padded, unpadded):
    ids, mask = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    found = unpadded(input_ids=ids, attention_mask=mask).logits
    torch.testing.assert_close(found, padded(input_ids=ids, attention_mask=mask).logits)


def test_attention_that_cannot_tell_rows_apart_is_refused():
    model = tiny()
    model.set_attn_implementation("eager")
    with pytest.raises(KomepError, match=r"--padding_free true: eager attention .* sdpa"):
        leave_out_padding(model, ON_CPU)


def test_the_kernel_is_for_half_precision_on_a_gpu_and_whole_attention():
    assert has_kernel(tiny(), ON_GPU) and not has_kernel(tiny(), ON_CPU)
    assert not has_kernel(tiny(), SimpleNamespace(device=torch.device("cuda"), bf16=False, fp16=False))
    mixed = tiny()
    mixed.config.layer_types = ["full_attention", "sliding_attention"]
    assert not has_kernel(mixed, ON_GPU)


def test_the_kernel_s_attention_on_a_padded_batch_is_that_of_sdpa(padded):
    model = tiny()
    model.load_state_dict(padded.state_dict())
    model.set_attn_implementation(VARLEN)
    ids, mask = torch.tensor([[1, 2, 3, 4], [5, 6, 0, 0]]), torch.tensor([[1, 1, 1, 1], [1, 1, 0, 0]])
    for masked in ({}, {"attention_mask": mask}):
        found = model(input_ids=ids, **masked).logits
        torch.testing.assert_close(found, padded(input_ids=ids, **masked).logits)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("heads", [4, 2], ids=["a head each", "shared heads"])
def test_the_kernel_attends_within_each_row(heads):
    torch.manual_seed(0)
    lengths = [5, 1, 130]
    ends = torch.tensor([0, 5, 6, 136], dtype=torch.int32, device="cuda")
    query, key, value = (
        torch.randn(1, n, 136, 64, device="cuda", dtype=torch.bfloat16, requires_grad=True)
        for n in (4, heads, heads)
    )
    found = varlen_attention(None, query, key, value, None, ends, 130, scaling=0.125)[0]
    starts = ends.tolist()
    rows = [
        [x[:, :, a : a + n].float() for x in (query, key, value)]
        for a, n in zip(starts, lengths, strict=False)
    ]
    expected = [
        torch.nn.functional.scaled_dot_product_attention(*row, scale=0.125, is_causal=True, enable_gqa=True)
        for row in rows
    ]
    torch.testing.assert_close(found.float(), torch.cat(expected, 2).transpose(1, 2), atol=1e-2, rtol=1e-2)


@pytest.mark.slow
def test_a_run_has_the_same_losses_either_way(tiny_model, release, tmp_path):
    found = []
    for wanted in ("true", "false"):
        output = tmp_path / wanted
        flags = tiny_flags(
            tiny_model, release, output, max_steps=3, share_prompts="false", padding_free=wanted
        )
        assert train("dpo", flags) == 0
        assert read(output, "run.json")["padding_free"] is (wanted == "true")
        found.append(losses(output))
    assert len(found[0]) == 3 and found[0] == pytest.approx(found[1], abs=1e-5)


def test_two_savings_at_once_are_refused(tiny_model, release, tmp_path, capsys):
    flags = tiny_flags(tiny_model, release, tmp_path / "run", share_prompts="true", padding_free="true")
    assert train("dpo", flags) == 2
    assert "--padding_free and --share_prompts" in capsys.readouterr().err
