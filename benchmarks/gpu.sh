#!/usr/bin/env bash
# What only a GPU can tell, as one table in under six minutes: batches against one by one, equality with the CPU, a batch
# that does not fit, what codecs cost, a run whose coding and scoring overlap, a probe, and Ray with a GPU.
#
#   benchmarks/gpu.sh [CODEC] > gpu.txt
#
# CODEC is `encodec_sized:EncodecSized` (random weights, nothing to download) unless one is named, e.g. `mimi@8`. Every
# part has a time limit, and one that fails says so and lets the others run. DEVICE=cpu rehearses it where no GPU is.
set -uo pipefail
cd "$(dirname "$0")"
python=${PYTHON:-../.venv/bin/python}
codec=${1:-encodec_sized:EncodecSized}
device=${DEVICE:-cuda}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export CODEC_BENCH_HOME=$work/home CODEC_BENCH_NO_VERIFY=1 PYTHONPATH=$PWD${PYTHONPATH:+:$PYTHONPATH} RAY_USAGE_STATS_ENABLED=0

part() { # NAME SECONDS COMMAND...
  local name=$1 limit=$2 started=$SECONDS
  shift 2
  echo "== $name"
  timeout "$limit" "$@" 2>"$work/errors" || { echo "failed (exit code $?):"; tail -n 5 "$work/errors"; }
  echo "-- $name: $((SECONDS - started)) s"
}

echo "date: $(date -I)"
"$python" -c "import torch; p = torch.cuda.get_device_properties(0); print(f'device: {p.name}, {p.total_memory / 1e9:.0f} GB, torch {torch.__version__}')" \
  || [ "$device" = cpu ] || { echo "no GPU here: DEVICE=cpu rehearses"; exit 3; }

part "batches over one by one" 60 "$python" batched_codec.py --codec "$codec" --device "$device" --rounds 1
part "equality with the CPU" 60 "$python" gpu_equality.py "$codec" "$device"
part "what it costs" 60 "$python" -m codec_bench speed --codec "$codec" --device "$device" --seconds 5,30 --repeats 5 \
  --no-report --out "$work/speed"
part "a run" 60 "$python" -m codec_bench run --codec "$codec" --dataset demo --device "$device" --no-report \
  --metrics pesq_wb,stoi,estoi,mcd --out "$work/run"
part "a batch that does not fit" 60 env ENCODEC_SIZED_GB=2 "$python" -m codec_bench run --codec encodec_sized:EncodecSized \
  --dataset demo --device "$device" --batch-seconds 3600 --no-report --metrics stoi --out "$work/halved"
part "a probe" 60 "$python" -m codec_bench probe --codec "$codec" --task sid --dataset demo --seeds 1 --device "$device" \
  --no-report --out "$work/probe"
part "Ray with a GPU" 90 "$python" -m codec_bench run --codec "$codec" --dataset demo --limit 8 --device "$device" \
  --engine ray --metrics stoi --no-report --out "$work/ray"
