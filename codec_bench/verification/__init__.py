"""Known answers: what the authors of a codec or a metric published that it gives, compared with what it gives here.

The answers are data: `<module>.answers.yaml` beside each adapter and metric says what goes in, what comes out, how far
it may be off, where that is published, and what a difference would mean. `inputs.yaml` has what several of them share.
"""

from codec_bench.verification.answers import Answers
from codec_bench.verification.kept import Record, State, describe, state_of, state_of_name
from codec_bench.verification.outcomes import Outcome, Result
from codec_bench.verification.targets import Target, all_here, target_of, target_of_codec, target_of_metric
from codec_bench.verification.verifying import ensure, verify

__all__ = [
    "Answers",
    "Outcome",
    "Record",
    "Result",
    "State",
    "Target",
    "all_here",
    "describe",
    "ensure",
    "state_of",
    "state_of_name",
    "target_of",
    "target_of_codec",
    "target_of_metric",
    "verify",
]
