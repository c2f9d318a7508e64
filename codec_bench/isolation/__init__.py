"""Where `codec_bench.environments` was; plug-ins import it from here."""
