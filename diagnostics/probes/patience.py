"""Ask what may never answer, such as a dead mount, in a thread that may be left: the look's process ends it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TypeVar

AT_ONCE = 16

T = TypeVar("T")
K = TypeVar("K")


def within(seconds: float, ask: Callable[[], T]) -> T:
    """Give what `ask` gives, or raise what it raises.

    Raises: TimeoutError, where it has not answered in time; its thread is left behind.
    """
    answers: SimpleQueue[tuple[T] | Exception] = SimpleQueue()
    Thread(target=_put, args=(ask, answers), daemon=True).start()
    try:
        answer = answers.get(timeout=max(seconds, 0))
    except Empty:
        raise TimeoutError(f"no answer within {seconds:.1f} s") from None
    if isinstance(answer, Exception):
        raise answer
    return answer[0]


def all_within(seconds: float, keys: Iterable[K], ask: Callable[[K], T]) -> dict[K, T | Exception]:
    """Ask for every key at once; one that does not answer costs the others nothing, and has a TimeoutError."""
    wanted = list(dict.fromkeys(keys))

    def one(key: K) -> T | Exception:
        try:
            return within(seconds, lambda: ask(key))
        except Exception as error:  # every answer counts for itself, also that of a broken probe
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(wanted, pool.map(one, wanted), strict=True))


def _put(ask: Callable[[], T], answers: SimpleQueue[tuple[T] | Exception]) -> None:
    try:
        answers.put((ask(),))
    except Exception as error:  # raised again where it was asked for
        answers.put(error)
