"""A repository on the Hugging Face Hub, of a dataset or of a model: what is there, and what is written.

Every refusal becomes one line that says what to do; no token is ever in it.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from huggingface_hub import (
    CommitInfo,
    CommitOperationAdd,
    CommitOperationDelete,
    DatasetCard,
    HfApi,
    errors,
    get_token,
    hf_hub_url,
)
from huggingface_hub.hf_api import RepoFile
from huggingface_hub.utils import (
    build_hf_headers,
    disable_progress_bars,
    get_session,
    hf_raise_for_status,
    validate_repo_id,
)

from komep_dataset.errors import KomepError

SECONDS = 60.0  # that the Hub may take to send a small file
ID_FORMS = {"dataset": "ORG/NAME", "model": "ORG/MODEL"}
# Transport errors of whichever HTTP library huggingface_hub uses: its own error inherits from their base.
_TRANSPORT = errors.HfHubHTTPError.__bases__[0]


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


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository by its id and kind, `dataset` or `model`; without a token, the one that huggingface_hub finds.

    Every method raises `KomepError` for what the Hub refuses, and `HubUnreachable` where it does not answer.
    """

    id: str
    kind: str = "dataset"
    token: str | None = None

    @contextmanager
    def errors_in_words(self) -> Iterator[None]:
        """Turn whatever a call to the Hub raises into a `KomepError` of one line."""
        try:
            try:
                yield
            except RuntimeError as error:  # huggingface_hub wraps what went wrong with one large file
                raise error.__cause__ or error from None
        except errors.HFValidationError:
            raise self._bad_id() from None
        except errors.OfflineModeIsEnabled:
            raise HubUnreachable(f"{self.id}: HF_HUB_OFFLINE is set; unset it to reach the Hub") from None
        except errors.HfHubHTTPError as error:
            raise KomepError(f"{self.id}: {self._refusal(error)}") from None
        except (_TRANSPORT, ConnectionError, TimeoutError) as error:
            raise HubUnreachable(f"{self.id}: the Hub cannot be reached ({type(error).__name__})") from None
        except OSError as error:
            place = error.filename or self.id
            raise KomepError(f"{place}: cannot be read ({error.strerror or error})") from None
        except ValueError as error:  # a card that the Hub's validation refuses
            raise KomepError(f"{self.id}: {' '.join(str(error).split())}") from None

    def _bad_id(self) -> KomepError:
        form = ID_FORMS[self.kind]
        return KomepError(f"{self.id!r} is no id of a {self.kind} on the Hub: give {form}", exit_code=2)

    def _refusal(self, error: errors.HfHubHTTPError) -> str:
        status, later = error.response.status_code, "run the command again later"
        if self.kind == "model":
            if isinstance(error, errors.GatedRepoError):
                return "the Hub gives access to this model on request only"
            if isinstance(error, errors.RepositoryNotFoundError):
                return "no such model on the Hub, or the token may not see it; upload the model first"
            if status in (401, 403):
                return (
                    f"the Hub refuses the token ({status}); it must be valid and may write to this repository"
                )
            later = "try again later"
        if status == 401:
            return "the Hub refuses the token (401); set HF_TOKEN to a valid one, or `hf auth login`"
        if status == 403:
            owner = self.id.split("/")[0]
            return f"the token may not write here (403); it needs write access to {owner!r}"
        if status in (409, 412):
            return "somebody has changed the repository meanwhile; run the command again"
        if status == 429 or status >= 500:
            return f"the Hub cannot answer now (status {status}); {later}"
        return f"the Hub refuses (status {status})"

    def _api(self) -> HfApi:
        if not sys.stderr.isatty():
            disable_progress_bars()
        return HfApi(token=self.token)

    def _info(self):
        return self._api().repo_info(self.id, repo_type=self.kind, timeout=SECONDS)

    def check_id(self) -> None:
        """Raise `KomepError` unless the id is NAMESPACE/NAME as the Hub allows it."""
        with self.errors_in_words():
            validate_repo_id(self.id)
        if self.id.count("/") != 1:
            raise self._bad_id()

    def read(self, texts: Sequence[str]) -> Remote | None:
        """The repository as it is now; None where there is none (or none that this token may see)."""
        with self.errors_in_words():
            try:
                info = self._info()
            except errors.RepositoryNotFoundError:
                return None
            refs = self._api().list_repo_refs(self.id, repo_type=self.kind)
            files = self.tree(info.sha)
            held = {name: self._content(name, info.sha) for name in texts if name in files}
            return Remote(
                commit=info.sha,
                private=bool(info.private),
                gated=info.gated or False,
                files=files,
                texts={name: content.decode("utf-8", errors="replace") for name, content in held.items()},
                tags={ref.name: ref.target_commit for ref in refs.tags},
                branches={ref.name: ref.target_commit for ref in refs.branches},
            )

    def read_texts(self, paths: Sequence[str]) -> tuple[str, dict[str, str | None]]:
        """(newest commit of the main branch, path -> text file at it, None where there is none)."""
        with self.errors_in_words():
            info = self._info()
            there = {sibling.rfilename for sibling in info.siblings or ()}
            files = {p: self._content(p, info.sha).decode("utf-8") if p in there else None for p in paths}
        return info.sha, files

    def tree(self, revision: str) -> dict[str, RemoteFile]:
        """Path -> file at a branch, tag or commit."""
        with self.errors_in_words():
            at = {"revision": revision, "repo_type": self.kind}
            entries = self._api().list_repo_tree(self.id, recursive=True, **at)
            return {
                e.path: RemoteFile(e.size, e.blob_id, e.lfs.sha256 if e.lfs else None)
                for e in entries
                if isinstance(e, RepoFile)
            }

    def _content(self, path: str, commit: str) -> bytes:
        """A file as it is on the Hub, past every cache."""
        url = hf_hub_url(self.id, path, revision=commit, repo_type=self.kind)
        headers = build_hf_headers(token=self.token)
        response = get_session().get(url, headers=headers, timeout=SECONDS, follow_redirects=True)
        hf_raise_for_status(response)
        return response.content

    def check_card(self, card: str) -> None:
        """Have the Hub check the metadata of a dataset's card; the error says what it refuses."""
        with self.errors_in_words():
            DatasetCard(card).validate()

    def create(self, *, private: bool) -> str:
        """Make the repository, private from the first moment if so asked; returns its first commit."""
        with self.errors_in_words():
            self._api().create_repo(self.id, private=private, repo_type=self.kind)
            return self._info().sha

    def set_access(self, *, private: bool | None, gated: str | None) -> None:
        """Change who may see the repository; None leaves a setting as it is."""
        with self.errors_in_words():
            self._api().update_repo_settings(self.id, private=private, gated=gated, repo_type=self.kind)

    def commit(
        self,
        files: Mapping[str, Path | bytes],
        gone: Sequence[str] = (),
        *,
        parent: str,
        title: str,
        text: str = "",
        branch: str = "main",
        create_pr: bool = False,
    ) -> CommitInfo:
        """Write and remove files in one commit upon `parent`; returns its id and address.

        Large files are sent first, those that the Hub has are not sent again; nobody sees any of them before
        the commit. Where the branch has moved on since `parent`, nothing of somebody else's is overwritten: that is
        an error, unless the commit becomes a pull request.
        """
        operations = [CommitOperationDelete(path) for path in gone]
        with self.errors_in_words():
            operations += [CommitOperationAdd(path, content) for path, content in files.items()]
            return self._api().create_commit(
                self.id,
                operations,
                commit_message=title,
                commit_description=text,
                parent_commit=parent,
                revision=branch,
                create_pr=create_pr,
                repo_type=self.kind,
            )

    def create_tag(self, tag: str, commit_id: str, message: str) -> None:
        """Name a commit for good."""
        with self.errors_in_words():
            at = {"revision": commit_id, "repo_type": self.kind}
            self._api().create_tag(self.id, tag=tag, tag_message=message, **at)

    def create_branch(self, branch: str, commit_id: str) -> None:
        """Start a branch at a commit."""
        with self.errors_in_words():
            self._api().create_branch(self.id, branch=branch, revision=commit_id, repo_type=self.kind)


def check_token() -> None:
    """Raise `KomepError` where neither HF_TOKEN nor a saved login has a token."""
    if not get_token():
        raise KomepError("no token for the Hub: set HF_TOKEN to one that may write, or run `hf auth login`")
