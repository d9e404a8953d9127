"""Where the time of a step went, by the names of its kernels."""

import pytest

pytest.importorskip("torch", reason="needs the extra [recipes]")

from benchmarks.gpu.clocks import kinds


def test_kernels_are_told_apart_by_name():
    seen = {
        "sm90_xmma_gemm_bf16bf16_bf16f32_f32_tn": 0.5, "nvjet_tst_192x192_64x4": 0.25,
        "flash_fwd_kernel<Flash_fwd_kernel_traits<128>>": 0.125, "multi_tensor_apply_kernel<FusedAdam>": 0.0625,
        "Memcpy HtoD (Pinned -> Device)": 0.03125, "vectorized_elementwise_kernel<4>": 0.01,
    }  # fmt: skip
    assert kinds(seen) == {
        "matrix": 0.75, "attention": 0.125, "head": 0.0, "optimiser": 0.0625, "copies": 0.0312,
        "elementwise and other": 0.01,
    }  # fmt: skip
