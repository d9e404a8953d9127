"""What a run takes on each GPU, estimated: the formula of docs/memory.md, which the headers of the configs quote."""

from dataclasses import dataclass

GIB = 2**30
CONTEXT = 0.75 * GIB  # CUDA's own: what the driver says is taken beyond what PyTorch holds (docs/gpu.md: 0.7)
REST = 4 * GIB  # that, NCCL's buffers and a margin: several GPUs have not been measured
# DeepSpeed's defaults: stage3_max_live_parameters and two buckets, in bfloat16
GATHERED = 2 * 1e9 + 2 * 2 * 5e8


@dataclass(frozen=True)
class Shape:
    """A decoder with gated MLP and grouped heads; the figures of its config.json."""

    layers: int
    hidden: int
    mlp: int
    heads: int
    kv_heads: int
    head: int
    vocabulary: int
    tied: bool = False
    eager: bool = False

    @property
    def linear(self) -> list[tuple[int, int]]:
        """(inputs, outputs) of each linear map of a layer."""
        query, key = self.heads * self.head, self.kv_heads * self.head
        attention = [(self.hidden, query), (self.hidden, key), (self.hidden, key), (query, self.hidden)]
        return [*attention, (self.hidden, self.mlp), (self.hidden, self.mlp), (self.mlp, self.hidden)]

    @property
    def parameters(self) -> int:
        """Without norms and biases, which are under 0.1%."""
        embeddings = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return embeddings + self.layers * sum(i * o for i, o in self.linear)

    def adapters(self, rank: int) -> int:
        """Trainable parameters of LoRA on every linear map."""
        return self.layers * rank * sum(i + o for i, o in self.linear)


LLAMA = Shape(32, 4096, 14336, 32, 8, 128, 128_256)
SHAPES = {
    "llama-3.1-8b-instruct": LLAMA,
    "gemma-2-9b-it": Shape(42, 3584, 14336, 16, 8, 256, 256_000, tied=True, eager=True),
    "qwen2-7b-instruct": Shape(28, 3584, 18944, 28, 4, 128, 152_064),
    "qwen3-8b": Shape(36, 4096, 12288, 32, 8, 128, 151_936),
    "exaone-3.5-7.8b-instruct": Shape(32, 4096, 14336, 32, 8, 128, 102_400),
}
# The models of the GPU check: Llama-3.1-8B and Llama-3.2-1B with random weights.
CHECKED = {"8b": LLAMA, "1b": Shape(16, 2048, 8192, 32, 8, 64, 128_256, tied=True)}


def activations(shape: Shape, method: str, sequences: int, length: float) -> float:
    """Bytes of one micro-batch with activation checkpointing."""
    tokens = sequences * length
    kept = 2 * tokens * shape.hidden * shape.layers  # the input of each layer
    layer = 4 * tokens * (8 * shape.hidden + 4 * shape.mlp)  # one layer again, and its gradients
    # The other kinds of attention never hold the scores; dpo and sft never hold logits: TRL's fused head, in tiles.
    attention = 10 * sequences * shape.heads * length**2 if shape.eager else 0
    logits = 12 * tokens * shape.vocabulary if method == "orpo" else 0
    return kept + layer + attention + logits


def estimate(
    shape: Shape, method: str, processes: int, batch: int, length: float, rank: int | None = None
) -> float:
    """GiB a GPU: full fine-tuning under ZeRO-3 or on one GPU, or LoRA with the whole model on each GPU.

    Args:
        shape: the model.
        method: `dpo` (reference log-probabilities computed beforehand), `orpo` or `sft`.
        processes: GPUs that share the states under ZeRO-3; one has nobody to share with, does without DeepSpeed, and
            keeps weights, gradients and both moments of Adam in bfloat16.
        batch: pairs (dpo, orpo) or rows (sft) of a micro-batch.
        length: tokens of a sequence at most.
        rank: of LoRA; None for full fine-tuning.
    """
    if rank is not None:
        states = 2 * shape.parameters + 16 * shape.adapters(rank)
    elif processes == 1:
        states = (2 + 2 + 4) * shape.parameters
    else:
        states = 16 * shape.parameters / processes + GATHERED
    sequences = batch if method == "sft" else 2 * batch
    rest = CONTEXT if processes == 1 else REST
    return (states + activations(shape, method, sequences, length) + rest) / GIB
