#!/usr/bin/env bash
# Everything that needs an NVIDIA GPU, in one call: set-up, conformance, timings, one record. See docs/gpu.md.
#
#   bash benchmarks/gpu.sh [--out DIR] [--quick] [--skip-setup] [--models a,b] [--device cuda|cpu]
#
#   --out DIR      where the record's folder goes, log beside it (benchmarks/records)
#   --quick        batches of 32, three rounds, the timed architectures only
#   --skip-setup   what is set up is used as it is
#   --models a,b   the architectures that are timed (resnet18,resnet50,wrn-28-4,vgg16)
#   --device cpu   a rehearsal without a GPU: the same steps on the CPU, batches of 4 (to runs/gpu)
#
# A step that fails or takes too long is recorded, and the next one follows. Exit: 0 all went well, 1 a step failed, 2 there
# is no GPU or no such option.
set -euo pipefail
cd "$(dirname "$0")/.."

stop() {
  echo "error $1" >&2
  exit 2
}

out='' quick='' setup=yes device=cuda models='' timed=resnet18,resnet50,wrn-28-4,vgg16
while [ $# -gt 0 ]; do
  case $1 in
    --quick) quick=yes ;;
    --skip-setup) setup='' ;;
    --out | --models | --device)
      [ $# -gt 1 ] || stop "$1 without a value"
      case $1 in --out) out=$2 ;; --models) models=$2 timed=$2 ;; --device) device=$2 ;; esac
      shift
      ;;
    *) stop "unknown option $1, expected --out DIR, --quick, --skip-setup, --models a,b, --device cuda|cpu" ;;
  esac
  shift
done

# Per model: batches, rounds, and the seconds after which no further round starts.
batch=128 rounds=15 seconds=90
[ -z "$quick" ] || { batch=32 rounds=3 seconds=20 models=$timed; }
case $device in
  cuda)
    gpu=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>&1 | head -n 1) &&
      driver=$(nvidia-smi --query-gpu=driver_version,memory.total --format=csv,noheader | head -n 1) ||
      stop 'no NVIDIA GPU, or no driver for it (nvidia-smi fails): bash benchmarks/gpu.sh --device cpu rehearses without'
    out=${out:-benchmarks/records}
    ;;
  cpu) gpu=dry-cpu driver='' batch=4 rounds=2 seconds=20 setup='' out=${out:-runs/gpu} ;;
  *) stop "--device $device, expected cuda or cpu" ;;
esac

slug=$(tr '[:upper:]' '[:lower:]' <<<"$gpu" | sed -E 's/[^a-z0-9]+/-/g; s/^-|-$//g')
folder=$out/$(date -u +%Y-%m-%d)-gpu-$slug
record=$folder/record.json
log=$folder/log.txt
mkdir -p "$folder"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
: >"$log"
printf '%s\n%s\n%s\n' "$device" "$gpu" "$driver" >"$work/gpu"

say() { echo "$*" | tee -a "$log"; }

# step NAME BUDGET COMMAND…: runs it, notes how it went, writes the record anew.
failed=0
step() {
  local name=$1 budget=$2 started=$SECONDS rc=0 how=ok
  shift 2
  say "== $name, at most $budget s"
  timeout --kill-after=10 "$budget" "$@" </dev/null 2>&1 | tee -a "$log" || rc=${PIPESTATUS[0]}
  [ "$rc" -eq 0 ] || { how="failed ($rc)" failed=1; }
  [ "$rc" -ne 124 ] || how='stopped: its time was over'
  printf '%s\t%s\t%s\t%s\n' "$name" "$rc" $((SECONDS - started)) "$budget" >>"$work/steps"
  say "== $name: $how, $((SECONDS - started)) s"
  [ ! -d node_modules/tsx ] || node --import tsx benchmarks/gpu-record.ts "$work" "$record"
}

say "${gpu}${driver:+, driver and memory: $driver}; batch $batch, at most $rounds rounds; record: $record"

# 1. Set-up
[ -d node_modules ] || step install 600 npm ci
[ -d node_modules/tsx ] || stop 'no packages: npm ci'
if [ -n "$setup" ]; then
  step setup-tensorflow 900 npm run --silent setup:tensorflow -- --gpu
  step setup-cuda 600 npm run --silent setup:cuda
fi

# onnxruntime's CUDA provider comes without CUDA's libraries. TensorFlow's set-up has them, of the same major versions.
own_path=${LD_LIBRARY_PATH:-}
cache=${TOUCHSTONE_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/touchstone}
if [ "$device" = cuda ]; then
  for folder in "$cache"/tensorflow-*-gpu/nvidia/*/lib; do
    [ ! -d "$folder" ] || export LD_LIBRARY_PATH="${LD_LIBRARY_PATH:+$LD_LIBRARY_PATH:}$folder"
  done
fi
step doctor 60 npm run --silent touchstone -- doctor

# 2. Conformance: every number against the CPU's, so without TF32. One process each: one may crash.
for suite in onnxruntime tensorflow architectures; do
  step "conformance-$suite" 600 env NVIDIA_TF32_OVERRIDE=0 DEVICE="$device" ${models:+MODELS="$models"} \
    npx vitest run --project cuda "test/cuda/$suite.test.ts" --reporter=default --reporter=json \
    --outputFile.json="$work/$suite.vitest.json"
done

# 3. Timings, with TF32 as each engine has it by default.
engines=onnxruntime,tensorflow python=''
probe='import onnx, torch, sys; sys.exit(0 if sys.argv[1] == "cpu" or torch.cuda.is_available() else 1)'
for candidate in ${PYTHON:-.venv/bin/python python3}; do
  "$candidate" -c "$probe" "$device" 2>/dev/null || continue
  python=$(command -v "$candidate")
  engines=$engines,pytorch
  # PyTorch brings libraries of its own, which those of above must not replace.
  printf '#!/bin/sh\nLD_LIBRARY_PATH=%q exec %q "$@"\n' "$own_path" "$(realpath -s "$python")" >"$work/python"
  chmod +x "$work/python"
  break
done
[ -n "$python" ] || say 'PyTorch is left out: no Python with torch (for this device) and onnx; PYTHON names one'

for model in ${timed//,/ }; do
  step "engines-$model" 600 env -u NVIDIA_TF32_OVERRIDE PYTHON="$work/python" \
    npm run --silent touchstone -- bench engines --models "$model" --batch "$batch" --rounds "$rounds" \
    --seconds "$seconds" --engines "$engines" --device "$device" --json "$work/$model.engines.json"
done

say "record: $record"
[ "$failed" -eq 0 ] || say 'not everything went well: see the steps in the record, and the log beside it'
exit "$failed"
