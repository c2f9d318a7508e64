"""The columns of the table of a `speed` run."""

from __future__ import annotations

from dataclasses import dataclass

from codec_bench.runs.columns import Better, ColumnSpec
from codec_bench.speed.config import SpeedConfig
from codec_bench.speed.excerpts import lengths_text

MEGABYTE = 1e6

TOTAL, PARTS, TIMES, LATENCY, COST = (
    "Real-time factor", "Encoder and decoder", "Times real time", "Latency", "Memory and operations",
)  # fmt: skip

RTF = "processing time out of the time that the audio lasts, below 1 is faster than real time (Stable-Codec, table 10)"

SPREAD = "it spreads over the rounds with the computing time alone, from the first to the third quartile"


@dataclass(frozen=True)
class SpeedColumn(ColumnSpec):
    """A column of a speed run, in which each system should have `repeats` values."""

    repeats: int = 1


def columns_of(config: SpeedConfig, *, streams: bool, gpu: bool) -> list[SpeedColumn]:
    """The columns of a run; `streams` and `gpu` say whether a system has a decoder of streams or runs on a GPU."""
    n = config.repeats

    def each(
        name: str, title: str, family: str, better: Better, unit: str, digits: int, note: str, repeats: int = n
    ) -> list[SpeedColumn]:
        """A column per length of the recordings; the first one says what they are."""
        return [
            SpeedColumn(f"{name}[{length}]", title, family, better, unit, digits, "" if place else note, repeats)
            for place, length in enumerate(lengths_text(config.seconds))
        ]

    inverse = "seconds of audio per second of processing, the inverse of the real-time factor"
    found = [
        SpeedColumn("parameters_m", "parameters", TOTAL, "", "M", 1,
                    "millions, counted in the loaded torch modules if there are any, otherwise as its adapter states"),
        *each("rtf", "RTF", TOTAL, "lower", "", 4, f"{RTF}, encoding and decoding together"),
        *each("rtf_encode", "encode RTF", PARTS, "lower", "", 4, f"{RTF}; all codebooks are searched, as in a run"),
        *each("rtf_decode", "decode RTF", PARTS, "lower", "", 4, RTF),
        *each("x_realtime_encode", "encode", TIMES, "higher", "x", 1, inverse),
        *each("x_realtime_decode", "decode", TIMES, "higher", "x", 1, inverse),
        SpeedColumn("algorithmic_delay_ms", "algorithmic delay", LATENCY, "lower", "ms", 1,
                    "a frame and the look-ahead of the codec: what no computer can shorten; of codecs that are run "
                    "frame by frame, and of the decoder alone where that decodes streams"),
        SpeedColumn("latency_ms", "first packet", LATENCY, "lower", "ms", 1,
                    "algorithmic delay, and the time to encode and decode a recording of that length; " + SPREAD, n),
    ]  # fmt: skip
    if streams:
        found.append(
            SpeedColumn("decoder_latency_ms", "decoder, first samples", LATENCY, "lower", "ms", 1,
                        "of a stream of tokens: the time that the frames last which the decoder needs for its first "
                        "samples, and that of decoding the last of them; " + SPREAD, n)
        )  # fmt: skip
    found += [
        SpeedColumn("load_seconds", "load", COST, "lower", "s", 2,
                    "loading the model once, with the import of the packages that it needs besides torch"),
        SpeedColumn("memory_loaded_mb", "memory, loaded", COST, "lower", "MB", 0,
                    "resident memory of a process that has loaded the model, above that of an idle one"),
        *each("peak_memory_mb", "memory, peak", COST, "lower", "MB", 0,
              "highest resident memory while recordings of this length are coded, above that of an idle process; of "
              "a codec in an environment of its own, its whole process", 1),
    ]  # fmt: skip
    if gpu:
        note = "torch.cuda.max_memory_allocated, weights included"
        found += each("peak_gpu_memory_mb", "GPU memory, peak", COST, "lower", "MB", 0, note, 1)
    what = f"billions of multiply-accumulates per second of audio, in a recording of {config.seconds[0]:g} s"
    found += [
        SpeedColumn("gmacs", "GMAC/s", COST, "lower", "", 2,
                    f"{what}, encoding and decoding: matrix products, convolutions, recurrent layers and attention"),
        SpeedColumn("gmacs_encode", "encode GMAC/s", COST, "lower", "", 2, what),
        SpeedColumn("gmacs_decode", "decode GMAC/s", COST, "lower", "", 2, what),
    ]  # fmt: skip
    return found
