"""A stand-in for an endpoint's `/embeddings`: a vector by the words of a text, so that texts that share words are near."""

import base64
import hashlib

import numpy as np

from tests.loopback import FaultPlan, Loopback

SIZE = 32


def vector(text: str) -> np.ndarray:
    total = np.full(SIZE, 0.01, "<f4")
    for word in text.casefold().split():
        total[int(hashlib.sha256(word.strip(".,?").encode()).hexdigest(), 16) % SIZE] += 1
    return total


class _Encoder(Loopback):
    def completion(self, path: str, body: dict) -> dict:
        if not path.endswith("/embeddings"):
            return super().completion(path, body)
        found = [vector(text) for text in body["input"]]
        in_base64 = body.get("encoding_format") == "base64"
        values = [base64.b64encode(v.tobytes()).decode() if in_base64 else v.tolist() for v in found]
        rows = [{"index": i, "embedding": value} for i, value in enumerate(values)]
        tokens = sum(len(text.split()) for text in body["input"])
        return {"data": rows, "usage": {"prompt_tokens": tokens, "total_tokens": tokens}}


def encoder(faults: FaultPlan | None = None) -> Loopback:
    """The state of a server that answers `/embeddings`, and completions as any other."""
    return _Encoder(faults=faults)
