"""What every process of a `WorkerPool` does: one job per line from standard input, one reply per line to its output."""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

from codec_bench.errors import CodecBenchError


def serve(answer: Callable[[dict[str, Any]], Mapping[str, Any]]) -> None:
    """Answers jobs until standard input ends.

    Jobs and replies are JSON; audio comes from files and caches, never over the pipe. Whatever a library prints goes to
    standard error, so that it cannot be taken for a reply.

    Args:
        answer: Makes the reply to a job. A `CodecBenchError` that it raises ends the run of whoever asked.
    """
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(levelname)s: %(message)s")
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # C libraries print to descriptor 1
    sys.stdout = sys.stderr
    for line in sys.stdin:
        try:
            reply = answer(json.loads(line))
        except CodecBenchError as error:
            reply = {"fatal": str(error), "exit_code": error.exit_code}
        try:
            replies.write(json.dumps(reply, allow_nan=False) + "\n")
            replies.flush()
        except BrokenPipeError:  # the parent is gone: nobody is left to hear of it
            os._exit(1)
