"""Every way to load KoMeP, on the newest `datasets` and on 3.6, which runs scripts: the same rows.

3.6 lives in an environment of its own, `.venv-datasets3`, which `make test` makes.
"""

import json
import subprocess
import threading
from pathlib import Path

import polars as pl
import pytest
from datasets import load_dataset

from komep_dataset.errors import KomepError
from komep_dataset.explorer.report import write_report
from komep_dataset.komep import Komep
from komep_dataset.release.build import build
from komep_dataset.release.rows import read_rows
from komep_dataset.release.sums import write_sums
from komep_dataset.schema import CONFIGS
from tests.clients import OLD, ROOT, Client, rows_hash
from tests.hub_server import client_environment, serve
from tests.release.native_pairs import NATIVE, write_input

pytestmark = pytest.mark.slow
SCRIPT = str(ROOT / "komep_dataset" / "komep.py")
REPO = "org/komep"


def old_python() -> Path:
    """The interpreter with datasets 3.6; its environment is made where it is not there yet."""
    if not (OLD / "installed").is_file():
        done = subprocess.run(["make", ".venv-datasets3/installed"], cwd=ROOT, capture_output=True, text=True)
        if done.returncode:
            pytest.fail(f"no environment with datasets 3.6; does pip reach an index?\n{done.stderr[-2000:]}")
    return OLD / "bin" / "python"


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("release") / "komep"
    build([], folder)
    return folder


@pytest.fixture(scope="module")
def clients(tmp_path_factory):
    """Version -> a client of the same hub, each with its own cache."""
    new, old = (tmp_path_factory.mktemp(name) for name in ("new", "old"))
    with (
        serve() as hub,
        Client(client_environment(hub.address, new), new) as newest,
        Client(client_environment(hub.address, old), old, old_python()) as former,
    ):
        yield {"newest": newest, "3.6": former}


@pytest.fixture(scope="module", autouse=True)
def unreachable(release, tmp_path_factory):
    """What `load_dataset("komep")` gives where no Hub answers; asked meanwhile: it tries for long."""
    answers, home = [], tmp_path_factory.mktemp("unreachable")

    def ask() -> None:
        with Client(client_environment("http://127.0.0.1:9", home), home) as client:
            assert client.komep("install", release)[0] == 0
            answers.append(client.load("komep"))

    thread = threading.Thread(target=ask)
    thread.start()
    yield thread, answers
    thread.join()


@pytest.fixture(params=["newest", "3.6"])
def version(request) -> str:
    return request.param


@pytest.fixture
def client(clients, version):
    return clients[version]


def expected(folder: Path, config: str = "ko") -> dict:
    found = {split: read_rows(folder, config, split).to_dicts() for split in ("train", "test")}
    return {split: [len(rows), rows_hash(rows)] for split, rows in found.items()}


def test_the_versions_are_two(clients):
    versions = {name: client.version() for name, client in clients.items()}
    assert versions["3.6"] == "3.6.0" and int(versions["newest"].split(".")[0]) >= 5


def test_the_folder(client, release):
    beside = {"cwd": release.parent}
    assert client.load("komep", **beside) == expected(release)
    for config in CONFIGS:
        whole = expected(release, config)
        assert client.load("komep", config, **beside) == whole
        assert client.load("komep", config, split="test", **beside) == {"test": whole["test"]}
    assert client.load("komep", "scored", streaming=True, **beside) == expected(release, "scored")


def test_a_rebuild_is_seen(client, tmp_path):
    seen = []
    for selection in ("best-worst", "all"):
        build([], tmp_path / "komep", pairs=selection)
        seen.append(client.load("komep", cwd=tmp_path))
        assert seen[-1] == expected(tmp_path / "komep")
    assert seen[0] != seen[1]


def test_the_builder_class(client, release):
    for config in CONFIGS:
        assert client.build(config_name=config, data_dir=str(release)) == expected(release, config)
    assert client.build() == expected(release)  # the sample, built by the package


def test_the_loading_script(client, version, release):
    if version == "newest":
        assert "Dataset scripts are no longer supported" in client.load(SCRIPT)["error"]
        return
    refused = client.load(SCRIPT, data_dir=str(release), trust_remote_code=False)
    assert "execute the dataset script" in refused["error"]
    trusted = {"trust_remote_code": True}
    for config in CONFIGS:
        whole = expected(release, config)
        assert client.load(SCRIPT, config, data_dir=str(release), **trusted) == whole
        assert client.load(SCRIPT, config, data_dir=str(release), streaming=True, **trusted) == whole
    assert client.load(SCRIPT, **trusted) == expected(release)


def test_the_loading_script_sees_a_rebuild_and_names_what_is_wrong(clients, tmp_path):
    client, seen = clients["3.6"], []
    for selection in ("best-worst", "all"):
        build([], tmp_path / "komep", pairs=selection)
        seen.append(client.load(SCRIPT, data_dir=str(tmp_path / "komep"), trust_remote_code=True))
    assert seen[0] != seen[1] == expected(tmp_path / "komep")
    wrong = client.load(SCRIPT, data_dir=str(tmp_path), trust_remote_code=True)
    assert "not a KoMeP release" in wrong["error"]


def test_published_by_one_and_loaded_by_both(clients, release, tmp_path):
    publisher = clients["3.6"]  # the command runs there, too
    assert publisher.komep("publish", release, "--repo-id", REPO)[0] == 0
    for client in clients.values():
        assert client.load(REPO) == expected(release)
    build([], tmp_path / "komep", pairs="all")
    assert clients["newest"].komep("publish", tmp_path / "komep", "--repo-id", REPO)[0] == 0
    for client in clients.values():
        assert client.load(REPO) == expected(tmp_path / "komep") != expected(release)
        assert client.load(REPO, revision="v0.1.0") == expected(release)
        assert client.load(REPO, "scored", split="test", streaming=True) == {
            "test": expected(tmp_path / "komep", "scored")["test"]
        }


def test_the_script_on_the_hub(clients, release, tmp_path):
    client, repo = clients["3.6"], "org/scripted"
    options = {"revision": "script", "trust_remote_code": True}
    for folder, selection in ((release, None), (tmp_path / "komep", "all")):
        if selection:
            build([], folder, pairs=selection)
        assert client.komep("publish", folder, "--repo-id", repo)[0] == 0
        assert client.load(repo, **options) == expected(folder)  # the second time: the new rows
        assert client.load(repo, "scored", **options) == expected(folder, "scored")
        assert client.load(repo, "en", streaming=True, **options) == expected(folder, "en")


def test_installed(client, release, tmp_path):
    """The stand-in knows no dataset `komep`: what is installed is found, from an empty folder."""
    assert client.komep("install", release)[0] == 0
    assert client.load("komep", cwd=tmp_path) == expected(release)


def test_installed_and_the_hub_out_of_reach(unreachable, release):
    thread, answers = unreachable
    thread.join(100)
    assert answers == [expected(release)]


def test_a_release_of_native_pairs_alone_loads(tmp_path, monkeypatch):
    build([write_input(tmp_path / "s.jsonl", NATIVE)], tmp_path / "komep")
    assert not (tmp_path / "komep" / "en").exists()
    cache = str(tmp_path / "cache")
    loaded = load_dataset(str(tmp_path / "komep"), cache_dir=cache)
    [row] = [row for split in loaded.values() for row in split]
    assert (row["prompt"][0]["content"], row["origin"]) == ("고유한 질문은?", "native")
    builder = Komep(data_dir=str(tmp_path / "komep"), cache_dir=cache)
    builder.download_and_prepare()
    assert sum(split.num_rows for split in builder.as_dataset().values()) == 1
    with pytest.raises(KomepError, match="no rows in config 'en'"):
        english = Komep(config_name="en", data_dir=str(tmp_path / "komep"), cache_dir=cache)
        english.download_and_prepare()


def test_a_release_of_the_first_schema_is_still_read(tmp_path):
    """Before native pairs there was no column `origin`: every pair was translated."""
    folder = tmp_path / "komep"
    build([], folder)
    facts = json.loads((folder / "build.json").read_text("utf-8"))
    provenance = json.loads((folder / "provenance.json").read_text("utf-8"))
    del facts["native"], provenance["options"]["origin"]
    facts |= provenance  # which had no file of its own
    (folder / "provenance.json").unlink()
    facts["schema"] = 1
    (folder / "build.json").write_text(json.dumps(facts))
    for file in (folder / "ko").glob("*.parquet"):
        pl.read_parquet(file).drop("origin").write_parquet(file)
    write_sums(folder)
    write_report(folder, tmp_path / "report.html")
    builder = Komep(data_dir=str(folder), cache_dir=str(tmp_path / "cache"))
    builder.download_and_prepare()
    assert set(builder.as_dataset("train")["origin"]) == {"translated"}
