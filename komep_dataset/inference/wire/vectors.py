"""What an endpoint's `/embeddings` answers: a vector for each text, as a reply whose text they are.

They are asked for in base64, which is a third of the size; an endpoint that knows only lists of numbers gives these.
"""

import base64
import json
from typing import Any

from komep_dataset.inference.reply_log import Reply
from komep_dataset.inference.wire.answers import Again, Refused, read_status
from komep_dataset.inference.wire.finish import STOP
from komep_dataset.inference.wire.masking import Hide, shown
from komep_dataset.inference.wire.usage import Usage, read_usage, told_in

FORMAT = {"encoding_format": "base64"}  # of float32, little end first


def read_vectors(
    status: int, retry_after: str | None, body: str, texts: int, sent: int = 0, hide: Hide = str
) -> tuple[Reply, Usage]:
    """Judge one answer about so many texts; the vectors stand in the reply's text as `vectors_of` reads it.

    Raises what `answers.read_status` does; `Again` for a body that is no list of vectors, `Refused` where their number is
    not that of the texts, their lengths differ, or a value is no number.
    """
    read_status(status, retry_after, body, hide)
    data: Any = None
    try:
        data = json.loads(body)
        rows = sorted(data["data"], key=lambda row: row.get("index", 0))
        vectors = [_vector(row["embedding"]) for row in rows]
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        usage = read_usage(told_in(data), sent, 0)
        raise Again(f"HTTP {status}: no vectors in it: {shown(body[:1000], hide)}", usage) from None
    usage = read_usage({"completion_tokens": 0} | (told_in(data) or {}), sent, 0)
    lengths = {vector.size for vector in vectors}
    if len(vectors) != texts or len(lengths) != 1 or not all(map(_usable, vectors)):
        raise Refused(
            f"{len(vectors)} vectors of {', '.join(map(str, sorted(lengths)))} numbers for {texts} texts, or values that "
            "are no numbers",
            usage,
        )
    joined = b"".join(vector.tobytes() for vector in vectors)
    return Reply(f"{texts} {base64.b64encode(joined).decode()}", STOP, usage.prompt, 0), usage


def _vector(value: Any) -> Any:
    """A list of numbers, or base64 of them, as float32."""
    import numpy as np

    if isinstance(value, str):
        return np.frombuffer(base64.b64decode(value, validate=True), dtype="<f4")
    return np.array(value, dtype="<f4").reshape(-1)


def _usable(vector: Any) -> bool:
    import numpy as np

    return bool(vector.size and np.isfinite(vector).all() and vector.any())


def vectors_of(text: str) -> Any:
    """A reply's text -> an array of float32, a row a text."""
    import numpy as np

    rows, _, joined = text.partition(" ")
    return np.frombuffer(base64.b64decode(joined), dtype="<f4").reshape(int(rows), -1)
