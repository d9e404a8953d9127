"""What every model of pipeline.yaml shares: keys are read late and never shown, no address holds a secret."""

import pytest

from komep_dataset.config.endpoint import Endpoint
from komep_dataset.errors import KomepError
from tests.config.pipeline_files import load, with_responder


def test_the_key_is_read_when_it_is_used(tmp_path, monkeypatch):
    responder = load(tmp_path, with_responder(api_key_env="KOMEP_TEST_KEY")).responder("a")
    monkeypatch.delenv("KOMEP_TEST_KEY", raising=False)
    with pytest.raises(KomepError, match="KOMEP_TEST_KEY is not set"):
        responder.api_key()
    monkeypatch.setenv("KOMEP_TEST_KEY", "sk-SECRET\n")
    assert responder.api_key() == "sk-SECRET"
    assert "SECRET" not in repr(responder)
    monkeypatch.setenv("KOMEP_TEST_KEY", "two words-SECRET")
    with pytest.raises(KomepError) as caught:
        responder.api_key()
    assert "SECRET" not in str(caught.value)


def test_a_key_too_short_to_be_told_from_text_is_refused_and_not_shown(tmp_path, monkeypatch):
    responder = load(tmp_path, with_responder(api_key_env="KOMEP_TEST_KEY")).responder("a")
    monkeypatch.setenv("KOMEP_TEST_KEY", "sk-1234")
    with pytest.raises(
        KomepError, match=r"KOMEP_TEST_KEY holds fewer than 8 .* leave `api_key_env` out"
    ) as caught:
        responder.api_key()
    assert "sk-1234" not in str(caught.value)
    monkeypatch.setenv("KOMEP_TEST_KEY", "sk-12345")
    assert responder.api_key() == "sk-12345"


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("api-version=2024-10-21", True),
        ("api-version=2025-01-01-preview&region=kr", True),
        ("key=AIza0123", False),
        ("subscription-key=1", False),
        ("code=1", False),
        ("x=0123456789abcdef0123456789abcdef", False),
    ],
)
def test_an_address_may_name_a_version_and_no_secret(query, fits):
    said = [text for key, text in Endpoint(model="m", endpoint=f"https://h/v1?{query}").problems()]
    assert not said if fits else "api_key_env" in said[0] and query.split("=")[1] not in said[0]
