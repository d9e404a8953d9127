"""Errors in the place of answers are known by their form, an echoed request by its own words, advice by the reason."""

import pytest

from komep_dataset.replies.faults import advice_for, fault_in, without_request
from tests.real_data import answers, needs_data

PASSING = [
    '{"error": {"message": "Request timed out.", "type": "timeout", "code": 504}}',
    '```json\n{"error": "Overloaded", "status": 529}\n```',
    '{"message": "Endpoint request timed out"}',
    '{"detail": "Internal Server Error"}',
    "Error: 429 Too Many Requests. Please try again later. The rate limit of the model was exceeded.",
    "litellm.RateLimitError: AzureException",
    "openai.APIConnectionError: Connection error.",
    "upstream connect error or disconnect/reset before headers. reset reason: connection termination",
    "<!DOCTYPE html><html><head><title>502 Bad Gateway</title>",
    "502 Bad Gateway",
    "504 Gateway Time-out",
    "HTTP 503 Service Unavailable",
    "**Error:** 500 Internal Server Error",
    "[ERROR] Failed to call LLM API: connection refused",
    "Failed to fetch response from upstream: 503",
    "오류: 요청 시간이 초과되었습니다.",
]
LASTING = [
    'Error code: 401 - {"error": "Invalid API key"}',
    '{"type": "error", "error": {"type": "invalid_request_error", "message": "prompt is too long"}}',
    '{"code": "InvalidParameter", "message": "the model does not exist", "request_id": "r"}',
    "<html><body>Sign in</body></html>",
    "ERROR: CUDA out of memory",
    'Traceback (most recent call last):\n  File "proxy.py"\nKeyError: choices of the response of the server',
]
ANSWERS = [
    "Errors of refraction are myopia and hyperopia.",
    "Error: 500 mg is the wrong dose.",
    "Error-prone PCR introduces mutations.",
    "Error bars show 95% confidence intervals.",
    "429 patients were enrolled.",
    "500 mg of paracetamol every 6 hours.",
    "Exception to the rule: infants.",
    "Timeout (pause) before surgery is a safety step.",
    "Medication errors: 450 of 1000 were due to request forms.",
    "Model organisms: mice.",
    "Connection between heart and lung is the pulmonary artery.",
    '{"verdict": "True", "error": null}',
    '{"answer": "Aspirin", "error": "none"}',
    '{"status": "True"}',
    '{"message": "Aspirin inhibits COX."}',
    "오류 없이 투여한다.",
    "오류: 아스피린은 항생제이다.",
]


@pytest.mark.parametrize(
    ("text", "kind"), [(t, "passing") for t in PASSING] + [(t, "lasting") for t in LASTING] + [(t, None) for t in ANSWERS]
)  # fmt: skip
def test_an_error_is_no_answer(text, kind):
    assert fault_in(text) == kind


@needs_data("kqa", "pubmedqa", "expertqa", "korfactscore", "gemini_replies")
def test_no_real_answer_is_an_error():
    assert not [text for own in answers().values() for text in own if fault_in(text)]


ASKED = ["Please answer the question as truthfully as possible.\n\nWhat is gout?"]


@pytest.mark.parametrize(
    ("said", "left"),
    [
        (ASKED[0], None),
        (f"<|user|>\n{ASKED[0]}\n<|assistant|>", None),
        (f"You said: {ASKED[0].replace(chr(10), ' ')}", None),
        (f"{ASKED[0]}\n\nA disease of urate.", "A disease of urate."),
        ("What is gout?\n\nA disease of urate.", "What is gout?\n\nA disease of urate."),
        ("A disease of urate.\n", "A disease of urate.\n"),
        ("", ""),
    ],
)
def test_a_request_that_comes_back_is_no_answer(said, left):
    assert without_request(said, ASKED) == left


def test_a_conversation_comes_back_only_as_a_whole():
    """A splitter may give the text again before its units; it has examples before that."""
    text = "<answer>\nGout comes from urate crystals.\n</answer>"
    assert without_request(text, ["Split the answer into statements.", text]) == text
    assert without_request("x", ["x"]) == "x"  # too short to be known again


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        ("not a completion: HTTP 200: <!DOCTYPE html><html>", "a web page answers"),
        ('not a completion: HTTP 200: {"result": 1}', "no answer of the OpenAI protocol"),
        ("ClientConnectorSSLError: Cannot connect [SSL: WRONG_VERSION_NUMBER] wrong version", "`http://`"),
        ("ClientConnectorCertificateError: certificate verify failed", "SSL_CERT_FILE"),
        ("HTTP 400: The plain HTTP request was sent to HTTPS port", "`https://`"),
        ("HTTP 400: This model only support stream mode", "`extra_body: {stream: true}`"),
        ("HTTP 400: Conversation roles must alternate user/assistant/user/assistant/...", "refuses these turns"),
        ('HTTP 400: messages: first message must use the "user" role', "refuses these turns"),
        ("HTTP 422: After the optional system message, conversation must begin with user", "refuses these turns"),
        ("HTTP 400: This model's maximum context length is 4096 tokens. However, you requested 5000", "than the model's context"),
        ("HTTP 400: Input is too long for requested model.", "than the model's context"),
        ('HTTP 400: {"error": {"code": "model_not_found", "message": "The model `x` does not exist"}}', "look at `model`"),
        ("HTTP 400: x is not a valid model ID", "look at `model`"),
        ("HTTP 400: The response was filtered due to the prompt triggering Azure's content management policy", "moderates"),
        ("HTTP 400: temperature is not supported with this model", "null leaves `temperature`"),
        ("HTTP 422: top_k: extra fields not permitted", "null leaves `temperature`"),
        ("no answer after 8 attempts: no answer within 600 s", "raise `timeout`, or"),
        ("no answer after 8 attempts: HTTP 429: slow down", "lower `concurrency`, or"),
        ("no answer after 8 attempts: HTTP 500: x", "raise `timeout` or `max_attempts`"),
        ("no answer after 8 attempts: ClientConnectorError: Cannot connect to host x", "whether its server runs"),
        ("something else", ""),
    ],
)  # fmt: skip
def test_the_advice_fits_the_reason(reason, advice):
    assert advice in advice_for(reason) if advice else not advice_for(reason)
