"""What a server's refusals and silences mean, and which of them are worth another try."""

import json
import time
from collections.abc import Callable
from typing import TypeVar

import httpx
from qdrant_client.common.client_exceptions import ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from glassdex.errors import GlassdexError, IndexMissingError, StoreError, StoreFullError

T = TypeVar("T")

WAITS = (0.25, 0.5, 1.0)
"""Seconds before the second, third and fourth try; a server that says how long is obeyed."""

_LONGEST_WAIT = 30.0


def call(place: str, request: Callable[[], T]) -> T:
    """The answer to `request`, repeated while the server is unreachable, overloaded or starting.

    Every request of a store may be repeated: writes are whole points under fixed ids. Raises
    StoreError with one line about `place`.
    """
    for wait in WAITS:
        try:
            return request()
        except (ResponseHandlingException, ResourceExhaustedResponse, UnexpectedResponse) as error:
            if not _passing(error):
                raise _translated(place, error) from error
            time.sleep(_wait(error, wait))
    try:
        return request()
    except GlassdexError:
        raise
    except Exception as error:
        raise _translated(place, error) from error


def _passing(error: Exception) -> bool:
    if isinstance(error, UnexpectedResponse):
        return error.status_code in {429, 500, 502, 503, 504} and not _is_disk_full(error)
    if isinstance(error, ResponseHandlingException):
        return isinstance(error.source, httpx.TransportError)
    return True


def _wait(error: Exception, wait: float) -> float:
    if isinstance(error, ResourceExhaustedResponse):
        return min(max(wait, error.retry_after_s), _LONGEST_WAIT)
    return wait


def _translated(place: str, error: Exception) -> StoreError:
    if isinstance(error, ResponseHandlingException):
        return _unanswered(place, error.source)
    if isinstance(error, UnexpectedResponse):
        return _refused(place, error)
    text = " ".join(str(error).split())
    return StoreError(f"{place} failed: {text or type(error).__name__}")


def _unanswered(place: str, source: Exception) -> StoreError:
    if isinstance(source, httpx.TimeoutException):
        return StoreError(f"{place} did not answer in time: look at the server's load, try again")
    if isinstance(source, httpx.TransportError):
        return StoreError(
            f"{place} cannot be reached ({str(source) or type(source).__name__}): check the "
            "address and that the server runs"
        )
    return StoreError(
        f"{place} gave an answer that is not Qdrant's ({type(source).__name__}): check the address"
    )


def _refused(place: str, error: UnexpectedResponse) -> StoreError:
    if error.status_code in {401, 403}:
        return StoreError(
            f"{place} refused the key (HTTP {error.status_code}): set QDRANT_API_KEY to one that "
            "may write"
        )
    if error.status_code == 404:
        return IndexMissingError(f"{place} is not there: {_reason(error)}")
    if _is_disk_full(error):
        return StoreFullError(f"the disk of {place} is full: free some space and run it again")
    return StoreError(f"{place} answered HTTP {error.status_code}: {_reason(error)}")


def _is_disk_full(error: UnexpectedResponse) -> bool:
    text = error.content.decode("utf-8", "replace").lower()
    return error.status_code == 507 or "no space left" in text or "disk is full" in text


def _reason(error: UnexpectedResponse) -> str:
    """The message inside Qdrant's error shape, or the beginning of whatever came."""
    try:
        reason = json.loads(error.content)["status"]["error"]
    except (ValueError, KeyError, TypeError):
        reason = error.content.decode("utf-8", "replace")
    return " ".join(str(reason).split())[:300] or "no reason given"
