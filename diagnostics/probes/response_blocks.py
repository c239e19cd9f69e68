"""What an engine answers, in blocks as they come and until a time: a log, events, an archive.

docker-py takes the limit of time off the connection of whatever it streams (seen with 7.2).
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import requests
from urllib3.exceptions import HTTPError, ReadTimeoutError

from diagnostics.probes.engine_failures import EngineFailure

BLOCK_BYTES = 65_536


def blocks_until(ends_at: float, response: requests.Response, *, seconds: float, what: str) -> Iterator[bytes]:
    """Give the blocks of an answer that was asked for as a stream; `ends_at` is of the monotonic clock.

    `what` and the `seconds` that there were in all are for people.
    Raises: EngineFailure, where the end did not come in time or the engine hung up.
    """
    # Gone already where the answer ends with the connection; then each read has the limit of the request.
    connection = getattr(response.raw.connection, "sock", None)
    while (left := ends_at - time.monotonic()) > 0:
        if connection:
            connection.settimeout(left)
        try:
            block = response.raw.read1(BLOCK_BYTES, decode_content=False)
        except ReadTimeoutError:
            break
        except HTTPError:
            raise EngineFailure("engine.closed", f"the engine hung up before the end of {what}") from None
        if not block:
            return
        yield block
    raise EngineFailure("engine.timeout", f"the engine gave no end of {what} within {seconds:.1f} s")
