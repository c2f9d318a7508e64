# codec-bench in a container: no weights and no data inside, which have licences of their own; they live in the volume.
#
#   docker build -t codec-bench:0.1.0 .
#   docker build -t codec-bench:0.1.0-cuda --build-arg TORCH=cuda .
#   docker run --rm -v codec-bench:/home/bench/cache -v "$PWD:/work" codec-bench:0.1.0 run --codec opus@6000 --dataset demo --out runs/a
FROM python:3.12.12-slim-bookworm

# cpu: a torch without CUDA; cuda: that of PyPI, which brings its own CUDA libraries and needs the driver of the host alone.
ARG TORCH=cpu
ARG EXTRAS=neural,metrics,data,ci

LABEL org.opencontainers.image.title="codec-bench" \
      org.opencontainers.image.version="0.1.0" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.source="https://github.com/codec-bench/codec-bench"

SHELL ["/bin/bash", "-o", "pipefail", "-c"]

# For pesq, pyworld and webrtcvad, which are compiled; environments of codecs compile, too, so it stays. Git is for those
# that are fetched as a repository. What Debian has for bookworm is pinned by the base.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install --yes --no-install-recommends gcc g++ libc6-dev git \
    && rm -rf /var/lib/apt/lists/*

RUN useradd --uid 1000 --create-home --home-dir /home/bench bench \
    && mkdir -p /home/bench/cache /work \
    && chown -R bench:bench /home/bench /work

ENV VIRTUAL_ENV=/opt/codec-bench \
    PATH=/opt/codec-bench/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    CODEC_BENCH_HOME=/home/bench/cache

WORKDIR /src
COPY pyproject.toml setup.py MANIFEST.in README.md LICENSE constraints.txt ./
COPY codec_bench codec_bench

# The same steps as `make install`, without what tests need.
RUN python -m venv "$VIRTUAL_ENV" \
    && python -m pip install --no-cache-dir --quiet --upgrade -c constraints.txt pip 'setuptools<81' wheel \
    && if [ "$TORCH" = cpu ]; then index=https://download.pytorch.org/whl/cpu; else index=https://pypi.org/simple; fi \
    && python -m pip install --no-cache-dir --quiet -c constraints.txt --index-url "$index" --extra-index-url https://pypi.org/simple torch \
    && python -m pip install --no-cache-dir --quiet -c constraints.txt ".[$EXTRAS]" \
    && python -m pip install --no-cache-dir --quiet --no-deps -c constraints.txt torchaudio encodec vocos speechtokenizer s3tokenizer speechbrain distillmos torchfcpe visqol-python \
    && if [ "$TORCH" = cpu ]; then python codec_bench/environments/torchaudio_without_cuda.py; fi \
    && codec-bench --version

USER 1000
WORKDIR /work
VOLUME ["/home/bench/cache", "/work"]
ENTRYPOINT ["codec-bench"]
CMD ["--help"]
