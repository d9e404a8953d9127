"""No key in anything that is kept or shown."""

import pytest

from tests.inference.asking import SECRET, ask_all, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Fault, Loopback, last_text, loopback

ESCAPES = {
    "JSON": lambda c: f"\\u{ord(c):04x}",
    "JSON in JSON": lambda c: f"\\\\u{ord(c):04X}",
    "hex": lambda c: f"\\x{ord(c):02X}",
    "an address": lambda c: f"%{ord(c):02x}",
    "HTML": lambda c: f"&#{ord(c)};",
    "HTML, hex": lambda c: f"&#x{ord(c):X};",
}


@pytest.mark.parametrize("secret", [SECRET, "sk/k.$0k"], ids=["long", "short"])
@pytest.mark.parametrize("escape", ESCAPES.values(), ids=ESCAPES)
def test_a_key_that_is_echoed_escaped_is_masked_in_all_that_is_kept_or_shown(
    tmp_path, monkeypatch, escape, secret
):
    """Wherever it stands, whatever is escaped: once by us, and once more by the JSON that carries it."""
    monkeypatch.setenv("KOMEP_TEST_KEY", secret)
    written = "".join(escape(c) if i % 3 else c for i, c in enumerate(secret))
    all_escaped = "".join(f"\\u{ord(c):04x}" for c in secret)  # what json.loads makes plain again
    plain = '{"choices": [{"message": {"content": "it is %s"}, "finish_reason": "%s"}]}'
    faults = {
        "refused": Fault(400, f"you sent {written}"),
        "withheld": Fault(200, plain % ("x", f"filtered: {all_escaped}")),
        "decoded": Fault(200, plain % (all_escaped, "stop")),
        "no completion": Fault(200, f'{{"error": "{written}"}}'),
        "cut": Fault(400, "x" * 295 + written),
        "no HTTP": Fault(raw=lambda: [f"HTTP/1.1 {secret}\r\n\r\n".encode()]),
    }
    state = Loopback(lambda _: f"it is {written}", faults=lambda body, _: faults.get(last_text(body)))
    with loopback(state) as (_, url):
        requests = [request(text) for text in ("answered", *faults)]
        replies = ask_all(url, tmp_path, requests, max_attempts=1, api_key_env="KOMEP_TEST_KEY")
    assert replies["answered"].text == replies["decoded"].text == "it is ***"
    assert replies["refused"].failure == "HTTP 400: you sent ***"
    assert replies["cut"].failure == f"HTTP 400: {'x' * 295}***"
    for name in ("withheld", "no completion"):
        assert "***" in replies[name].failure and secret not in replies[name].failure
    assert replies["no HTTP"].failure and secret[:6] not in replies["no HTTP"].failure
    assert not [p for p in tmp_path.rglob("*") if p.is_file() and secret in p.read_text("utf-8")]
