"""Secrets are found, and never shown."""

from komep_dataset.gates.personal_data import SECRET_KINDS
from komep_dataset.hub.leaks import find_leaks, patterns

SECRETS = {  # put together here, so that no scanner takes this file for a leak
    "Hugging Face token": "hf_" + "aB3" * 12,
    "OpenAI-style key": "sk-" + "proj-Ab1" * 5,
    "AWS access key": "AKIA" + "ABCDEFGH12345678",
    "GitHub token": "ghp_" + "a1B2" * 9,
    "Google API key": "AIza" + "Ab_-1" * 7,
    "Slack token": "xoxb-" + "1234567890-abc",
    "private key": "-----BEGIN RSA " + "PRIVATE KEY-----",
}


def test_secrets_are_found_and_never_shown(tmp_path):
    assert SECRETS.keys() == SECRET_KINDS.keys()
    given = dict(zip(("a.txt", "b.json"), ("KOMEP_TEST_TOKEN", "OTHER"), strict=True))
    environment = {name: f"value-of-{name}-1234" for name in given.values()} | {"SHORT_TOKEN": "1"}
    for name, variable in given.items():
        (tmp_path / name).write_text(f"x {environment[variable]} 1")
    (tmp_path / "empty").write_text("")
    (tmp_path / "words").write_text(
        "risk-adjusted-mortality-after-surgery task-force hf_hub desk-" + "a" * 30
    )
    names = sorted(path.name for path in tmp_path.iterdir())
    found = list(find_leaks(tmp_path, names, patterns(environment)))
    assert found == [("a.txt", "value of $KOMEP_TEST_TOKEN")]
    for kind, secret in SECRETS.items():
        (tmp_path / "b.json").write_text(f'{{"key": "{secret}"}}')
        assert list(find_leaks(tmp_path, ["b.json"], patterns({}))) == [("b.json", kind)]
