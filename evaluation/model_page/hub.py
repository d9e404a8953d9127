"""Text files of a model's repository on the Hugging Face Hub: read several at one commit, push several as one.

Every refusal becomes one line that says what to do; no token is ever in it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from komep_dataset.errors import KomepError

SECONDS = 60.0  # that the Hub may take to send a small file


class HubUnreachable(KomepError):
    """No answer from the Hub at all: no network, or HF_HUB_OFFLINE."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Files of a repository at one commit; a file that is not there is None."""

    commit: str
    files: dict[str, str | None]


def token_from(variable: str | None) -> str | None:
    """The token in an environment variable; None without a name: the one that huggingface_hub has stored.

    Raises `KomepError` where the variable is not set; its content is never shown.
    """
    if variable is None:
        return None
    token = os.environ.get(variable, "").strip()
    if not token:
        raise KomepError(f"the environment variable {variable} holds no token for the Hub")
    return token


def _http_message(repo_id: str, status: int) -> str:
    if status in (401, 403):
        return f"{repo_id}: the Hub refuses the token ({status}); it must be valid and may write to this repository"
    if status in (409, 412):
        return f"{repo_id}: somebody has changed the repository meanwhile; run the command again"
    if status == 429 or status >= 500:
        return f"{repo_id}: the Hub cannot answer now (status {status}); try again later"
    return f"{repo_id}: the Hub refuses (status {status})"


@contextmanager
def hub_errors(repo_id: str) -> Iterator[None]:
    """Turn whatever a call to the Hub raises into a `KomepError` of one line."""
    from huggingface_hub import errors

    # The transport errors of whichever HTTP library huggingface_hub uses: its own error inherits from their base.
    transport = errors.HfHubHTTPError.__bases__[0]
    try:
        yield
    except errors.HFValidationError:
        raise KomepError(f"{repo_id!r} is no id of a model on the Hub: give ORG/MODEL", exit_code=2) from None
    except errors.OfflineModeIsEnabled:
        raise HubUnreachable(f"{repo_id}: HF_HUB_OFFLINE is set; unset it to reach the Hub") from None
    except errors.GatedRepoError:
        raise KomepError(f"{repo_id}: the Hub gives access to this model on request only") from None
    except errors.RepositoryNotFoundError:
        raise KomepError(
            f"{repo_id}: no such model on the Hub, or the token may not see it; upload the model first"
        ) from None
    except errors.HfHubHTTPError as error:
        raise KomepError(_http_message(repo_id, error.response.status_code)) from None
    except (transport, ConnectionError, TimeoutError) as error:
        raise HubUnreachable(f"{repo_id}: the Hub cannot be reached ({type(error).__name__})") from None
    except ValueError as error:  # huggingface_hub raises it for a card that the Hub's validation refuses
        raise KomepError(f"{repo_id}: {' '.join(str(error).split())}") from None


def read_files(repo_id: str, paths: Sequence[str], token: str | None) -> Snapshot:
    """Read text files of a model's repository at the newest commit of its main branch."""
    from huggingface_hub import HfApi, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, get_session, hf_raise_for_status

    files: dict[str, str | None] = dict.fromkeys(paths)
    with hub_errors(repo_id):
        info = HfApi(token=token).model_info(repo_id, timeout=SECONDS)
        for path in files.keys() & {sibling.rfilename for sibling in info.siblings or ()}:
            url = hf_hub_url(repo_id, path, revision=info.sha)
            response = get_session().get(
                url, headers=build_hf_headers(token=token), timeout=SECONDS, follow_redirects=True
            )
            hf_raise_for_status(response)
            files[path] = response.content.decode("utf-8")
    return Snapshot(info.sha, files)


def push_files(
    repo_id: str,
    files: Mapping[str, str],
    token: str | None,
    *,
    parent: str,
    title: str,
    text: str = "",
    create_pr: bool = False,
) -> str:
    """Write text files in one commit upon `parent`; returns its address, or that of the pull request.

    Raises `KomepError` where the branch has moved on since `parent`: nothing of somebody else's is overwritten.
    """
    from huggingface_hub import CommitOperationAdd, HfApi

    operations = [CommitOperationAdd(path, content.encode("utf-8")) for path, content in files.items()]
    with hub_errors(repo_id):
        done = HfApi(token=token).create_commit(
            repo_id,
            operations,
            commit_message=title,
            commit_description=text,
            parent_commit=parent,
            create_pr=create_pr,
        )
    return (done.pr_url if create_pr else None) or done.commit_url
