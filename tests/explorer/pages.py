"""Rows whose texts attack a page, and what is in a page's data block."""

import base64
import gzip
import json
import re

ATTACK = (
    "<script>alert(1)</script><img src=x onerror=alert(2)> \"' {{ 7 * 7 }} </details><!-- javascript:x \u202e"
)


def hostile_rows(attack=ATTACK):
    for model, verdict in ((f"a{attack}", "true"), ("b", "false")):
        yield {
            "question": f"Q? {attack}", "category": attack, "model": model, "response": f"{model} {attack}",
            "units": [{"text": attack, "verdict": verdict}],
        }  # fmt: skip


def write_jsonl(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def unpacked(text):
    """The value behind a data block, as the page's script reads it."""
    return json.loads(gzip.decompress(base64.b64decode(text)))


def data_of(page):
    return unpacked(
        re.search(r'<script type="application/octet-stream" id="data">([\w+/=]+)</script>', page)[1]
    )
