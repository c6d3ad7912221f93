"""The config.json of a public model, from the hub: bounded in time and size, remembered, and left alone while the hub is down."""

import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urljoin, urlsplit

import httpx

from app.errors import InvalidInput
from app.hub.network import GuardedTransport

ORIGIN = "https://huggingface.co"
REPOSITORY = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,95}/[A-Za-z0-9][A-Za-z0-9_.-]{0,95}")
FIELD = "repository"  # of the form

CONNECT_SECONDS = 2.0
TOTAL_SECONDS = 4.0
LARGEST_BYTES = 1024 * 1024
MOST_REDIRECTS = 2  # the hub sends from one of its own addresses to another

REMEMBERED = 256  # answers
FOUND_SECONDS = 24 * 3600
MISSING_SECONDS = 600
FAILURES_BEFORE_REST = 5
REST_SECONDS = 60

_SAID: dict[int, str] = {
    401: "huggingface.co has no public model of this name; it may be private, or written otherwise",
    403: "this model is gated: its config.json can be read only with an account there; paste it instead",
    404: "this repository has no config.json; paste one, or upload a file of the model",
}
_UNREACHABLE = "huggingface.co cannot be reached at the moment; paste the config.json instead"


class Unavailable(Exception):
    """The hub did not answer as it should; nothing is known about the model."""


@dataclass(frozen=True, slots=True)
class _Known:
    """An answer of the hub: the text, or the sentence that says why there is none."""

    text: str
    problem: str
    until: float


class Hub:
    """The hub as this program sees it. Safe to share between threads."""

    def __init__(
        self,
        origin: str = ORIGIN,
        transport: Callable[[], httpx.BaseTransport] = lambda: GuardedTransport(seconds=TOTAL_SECONDS),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """The arguments are for tests: neither settings nor visitors can change where requests go."""
        self._origin, self._transport, self._clock = origin, transport, clock
        self._lock = threading.Lock()
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._failures, self._rests_until = 0, 0.0

    def config_of(self, repository: str) -> str:
        """The text of a model's config.json. Raises InvalidInput at `repository` with what to do where there is none to be had."""
        if not REPOSITORY.fullmatch(repository) or ".." in repository:
            raise InvalidInput("write the repository as organisation/name, for example Qwen/Qwen3-8B", FIELD)
        known = self._remembered(repository) or self._asked(repository)
        if known.problem:
            raise InvalidInput(known.problem, FIELD)
        return known.text

    def _remembered(self, repository: str) -> _Known | None:
        with self._lock:
            known = self._known.get(repository)
            return known if known and known.until > self._clock() else None

    def _asked(self, repository: str) -> _Known:
        now = self._clock()
        if now < self._rests_until:
            return _Known("", _UNREACHABLE, now)
        try:
            status, text = self._fetched(f"{self._origin}/{repository}/resolve/main/config.json")
        except (httpx.HTTPError, Unavailable):
            self._failed(now)
            return _Known("", _UNREACHABLE, now)
        known = _Known(text, _SAID.get(status, ""), now + (MISSING_SECONDS if status in _SAID else FOUND_SECONDS))
        self._keep(repository, known)
        return known

    def _failed(self, now: float) -> None:
        with self._lock:
            self._failures += 1
            if self._failures >= FAILURES_BEFORE_REST:
                self._failures, self._rests_until = 0, now + REST_SECONDS

    def _keep(self, repository: str, known: _Known) -> None:
        with self._lock:
            self._failures = 0
            self._known[repository] = known
            self._known.move_to_end(repository)
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)

    def _fetched(self, url: str) -> tuple[int, str]:
        """Status and text. Raises Unavailable for whatever is not an answer of the hub's own."""
        headers = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "rigwise"}
        timeout = httpx.Timeout(TOTAL_SECONDS, connect=CONNECT_SECONDS)
        with httpx.Client(transport=self._transport(), headers=headers, timeout=timeout, trust_env=False) as client:
            for _ in range(MOST_REDIRECTS + 1):
                with client.stream("GET", url) as answer:
                    if answer.is_redirect:
                        url = self._same_origin(url, answer.headers["location"])
                    elif answer.status_code == httpx.codes.OK:
                        return answer.status_code, _text(answer)
                    elif answer.status_code in _SAID:
                        return answer.status_code, ""
                    else:
                        raise Unavailable(f"status {answer.status_code}")
        raise Unavailable("too many redirects")

    def _same_origin(self, url: str, location: str) -> str:
        target = urljoin(url, location)
        there, here = urlsplit(target), urlsplit(self._origin)
        if (there.scheme, there.netloc) != (here.scheme, here.netloc):
            raise Unavailable("a redirect to another host")
        return target


def _text(answer: httpx.Response) -> str:
    """The body, counted while it comes. Raises Unavailable where it is too long, packed, or not text."""
    if answer.headers.get("content-encoding", "identity") != "identity":
        raise Unavailable("a packed body, which was not asked for")
    body = bytearray()
    for piece in answer.iter_raw(chunk_size=16 * 1024):
        body += piece
        if len(body) > LARGEST_BYTES:
            raise Unavailable("a body that is too long")
    try:
        return body.decode()
    except UnicodeDecodeError as error:
        raise Unavailable("a body that is not text") from error
