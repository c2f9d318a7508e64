"""`python -m codec_bench` is `codec-bench`."""

from codec_bench.cli import main

if __name__ == "__main__":
    main()
