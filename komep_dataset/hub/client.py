"""A dataset's repository on the Hugging Face Hub: what is there, and what is written.

Every refusal becomes one line that says what to do; no token is ever in it.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from komep_dataset.errors import KomepError

KIND = "dataset"
SECONDS = 60.0  # that the Hub may take to send a small file


class HubUnreachable(KomepError):
    """No answer from the Hub at all: no network, or HF_HUB_OFFLINE."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file in a repository's tree: git's own id of it, and the SHA-256 of a large one."""

    size: int
    blob: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Remote:
    """A repository at one commit of its main branch.

    `texts` has the content of the files that were asked for, where they exist; `tags` and `branches` map
    names to commits.
    """

    commit: str
    private: bool = False
    gated: str | bool = False
    files: dict[str, RemoteFile] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)


def _http_message(repo_id: str, status: int) -> str:
    if status == 401:
        return f"{repo_id}: the Hub refuses the token (401); set HF_TOKEN to a valid one, or `hf auth login`"
    owner = repo_id.split("/")[0]
    if status == 403:
        return f"{repo_id}: the token may not write here (403); it needs write access to {owner!r}"
    if status in (409, 412):
        return f"{repo_id}: somebody has changed the repository meanwhile; run the command again"
    if status == 429 or status >= 500:
        return f"{repo_id}: the Hub cannot answer now (status {status}); run the command again later"
    return f"{repo_id}: the Hub refuses (status {status})"


@contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Turn whatever a call to the Hub raises into a `KomepError` of one line."""
    from huggingface_hub import errors

    # Transport errors of whichever HTTP library huggingface_hub uses: its own error inherits from their base.
    transport = errors.HfHubHTTPError.__bases__[0]
    try:
        try:
            yield
        except RuntimeError as error:  # huggingface_hub wraps what went wrong with one large file
            raise error.__cause__ or error from None
    except errors.HFValidationError:
        raise KomepError(
            f"{repo_id!r} is no id of a dataset on the Hub: give ORG/NAME", exit_code=2
        ) from None
    except errors.OfflineModeIsEnabled:
        raise HubUnreachable(f"{repo_id}: HF_HUB_OFFLINE is set; unset it to reach the Hub") from None
    except errors.HfHubHTTPError as error:
        raise KomepError(_http_message(repo_id, error.response.status_code)) from None
    except (transport, ConnectionError, TimeoutError) as error:
        raise HubUnreachable(f"{repo_id}: the Hub cannot be reached ({type(error).__name__})") from None
    except OSError as error:
        raise KomepError(f"{error.filename or repo_id}: cannot be read ({error.strerror or error})") from None
    except ValueError as error:  # a card that the Hub's validation refuses
        raise KomepError(f"{repo_id}: {' '.join(str(error).split())}") from None


def _api():
    from huggingface_hub import HfApi
    from huggingface_hub.utils import disable_progress_bars

    if not sys.stderr.isatty():
        disable_progress_bars()
    return HfApi()


def check_repo_id(repo_id: str) -> None:
    """Raise `KomepError` unless an id is NAMESPACE/NAME as the Hub allows it."""
    from huggingface_hub.utils import validate_repo_id

    with hub_errors(repo_id):
        validate_repo_id(repo_id)
    if repo_id.count("/") != 1:
        raise KomepError(f"{repo_id!r} is no id of a dataset on the Hub: give ORG/NAME", exit_code=2)


def check_token() -> None:
    """Raise `KomepError` where neither HF_TOKEN nor a saved login has a token."""
    from huggingface_hub import get_token

    if not get_token():
        raise KomepError("no token for the Hub: set HF_TOKEN to one that may write, or run `hf auth login`")


def read_remote(repo_id: str, texts: Sequence[str]) -> Remote | None:
    """The repository as it is now; None where there is none (or none that this token may see)."""
    from huggingface_hub import errors

    api = _api()
    with hub_errors(repo_id):
        try:
            info = api.dataset_info(repo_id, timeout=SECONDS)
        except errors.RepositoryNotFoundError:
            return None
        refs = api.list_repo_refs(repo_id, repo_type=KIND)
        files = _tree(api, repo_id, info.sha)
        return Remote(
            commit=info.sha,
            private=bool(info.private),
            gated=info.gated or False,
            files=files,
            texts={name: _text(repo_id, name, info.sha) for name in texts if name in files},
            tags={ref.name: ref.target_commit for ref in refs.tags},
            branches={ref.name: ref.target_commit for ref in refs.branches},
        )


def read_tree(repo_id: str, revision: str) -> dict[str, RemoteFile]:
    """Path -> file at a branch, tag or commit."""
    with hub_errors(repo_id):
        return _tree(_api(), repo_id, revision)


def _tree(api, repo_id: str, revision: str) -> dict[str, RemoteFile]:
    from huggingface_hub.hf_api import RepoFile

    entries = api.list_repo_tree(repo_id, recursive=True, revision=revision, repo_type=KIND)
    return {
        e.path: RemoteFile(e.size, e.blob_id, e.lfs.sha256 if e.lfs else None)
        for e in entries
        if isinstance(e, RepoFile)
    }


def _text(repo_id: str, path: str, commit: str) -> str:
    """A text file as it is on the Hub, past every cache."""
    from huggingface_hub import hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    url = hf_hub_url(repo_id, path, revision=commit, repo_type=KIND)
    response = get_session().get(url, headers=build_hf_headers(), timeout=SECONDS, follow_redirects=True)
    hf_raise_for_status(response)
    return response.content.decode("utf-8", errors="replace")


def check_card(repo_id: str, card: str) -> None:
    """Have the Hub check a card's metadata; `KomepError` says what it refuses."""
    from huggingface_hub import DatasetCard

    with hub_errors(repo_id):
        DatasetCard(card).validate()


def create(repo_id: str, *, private: bool) -> str:
    """Make a repository, private from the first moment if so asked; returns its first commit."""
    api = _api()
    with hub_errors(repo_id):
        api.create_repo(repo_id, private=private, repo_type=KIND)
        return api.dataset_info(repo_id, timeout=SECONDS).sha


def set_access(repo_id: str, *, private: bool | None, gated: str | None) -> None:
    """Change who may see a repository; None leaves a setting as it is."""
    with hub_errors(repo_id):
        _api().update_repo_settings(repo_id, private=private, gated=gated, repo_type=KIND)


def commit(
    repo_id: str,
    files: Mapping[str, Path | bytes],
    gone: Sequence[str],
    *,
    parent: str,
    title: str,
    text: str = "",
    branch: str = "main",
) -> str:
    """Write and remove files in one commit upon `parent`; returns its id.

    Large files are sent first, those that the Hub has are not sent again; nobody sees any of them before
    the commit.

    Raises `KomepError` where the branch has moved on since `parent`: nothing of somebody else's is
    overwritten.
    """
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    operations = [CommitOperationDelete(path) for path in gone]
    with hub_errors(repo_id):
        operations += [CommitOperationAdd(path, content) for path, content in files.items()]
        done = _api().create_commit(
            repo_id,
            operations,
            commit_message=title,
            commit_description=text,
            parent_commit=parent,
            revision=branch,
            repo_type=KIND,
        )
    return done.oid


def create_tag(repo_id: str, tag: str, commit_id: str, message: str) -> None:
    """Name a commit for good."""
    with hub_errors(repo_id):
        _api().create_tag(repo_id, tag=tag, tag_message=message, revision=commit_id, repo_type=KIND)


def create_branch(repo_id: str, branch: str, commit_id: str) -> None:
    """Start a branch at a commit."""
    with hub_errors(repo_id):
        _api().create_branch(repo_id, branch=branch, revision=commit_id, repo_type=KIND)
