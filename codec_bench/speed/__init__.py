"""What codecs cost: time, latency, memory, parameters and multiply-accumulates; `codec-bench speed`."""
