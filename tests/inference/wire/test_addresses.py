"""Where a request goes."""

from komep_dataset.inference.wire.addresses import at, batches_at, key_header
from tests.inference.asking import SECRET, ask_all, request
from tests.inference.asking import no_wait as no_wait
from tests.loopback import Loopback, loopback


def test_a_key_goes_where_azure_looks_for_it():
    azure = "https://x.openai.azure.com/openai/deployments/m?api-version=2024-10-21"
    assert key_header(azure, SECRET) == {"api-key": SECRET}
    assert key_header(azure, "eyJh.eyJi.c") == {"Authorization": "Bearer eyJh.eyJi.c"}  # a token of Entra
    assert key_header("https://host/v1", SECRET) == {"Authorization": f"Bearer {SECRET}"}
    assert at(azure, "/chat/completions") == azure.replace("?", "/chat/completions?")
    assert at(azure.replace("?", "/chat/completions?"), "/models") == azure.replace("?", "/models?")
    assert at("http://h/v1/", "/completions") == "http://h/v1/completions"


def test_an_address_with_a_query_is_asked(tmp_path):
    with loopback(Loopback()) as (state, url):
        ask_all(f"{url}?api-version=2024-10-21", tmp_path, [request("What is gout?")])
    assert state.paths == ["/v1/chat/completions?api-version=2024-10-21"]


def test_batches_stand_beside_the_deployments_of_azure():
    azure = "https://x.openai.azure.com/openai/deployments/m?api-version=2024-10-21"
    assert batches_at(azure) == ("https://x.openai.azure.com/openai?api-version=2024-10-21", "")
    assert batches_at("https://host/v1/") == ("https://host/v1/", "/v1")
