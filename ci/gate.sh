#!/usr/bin/env bash
# Scores a codec and compares it with its baseline: the steps of action.yml and ci/gitlab.yml, and of any other CI.
#
#   gate.sh install    the package, with constraints where the repository of the codec has them
#   gate.sh score      a run of CODEC on DATASET into WORK/candidate
#   gate.sh compare    that run with BASELINE under GATE; ends with its exit code, or 0 where FAIL_ON spares it
#
# All that differs comes from the environment, so that no CI system writes it into a script:
#   CODEC METRICS DATASET SAMPLE CHECKPOINT BASELINE GATE WORK ARGUMENTS FAIL_ON ALLOW_MISSING_BASELINE PACKAGE CONSTRAINTS
# Results: WORK/comment.md (at most 60,000 characters), WORK/compare.md, WORK/compare.json, WORK/compare.xml, the lines
# `verdict`, `exit-code` and `table` in $GITHUB_OUTPUT, and the table in $GITHUB_STEP_SUMMARY.
set -euo pipefail

WORK=${WORK:-codec-bench-ci}
LONGEST=60000  # GitHub takes 65,536

fail() {
  echo "codec-bench: $1" >&2
  exit 2
}

output() {  # name, value; of a value of several lines, a word that is not in it says where it ends
  [ -n "${GITHUB_OUTPUT:-}" ] || return 0
  local end="end-$RANDOM$RANDOM$RANDOM"
  printf '%s<<%s\n%s\n%s\n' "$1" "$end" "$2" "$end" >>"$GITHUB_OUTPUT"
}

install() {
  local constraints=()
  [ -z "${CONSTRAINTS:-}" ] || constraints=(-c "$CONSTRAINTS")
  python -m pip install ${constraints[@]+"${constraints[@]}"} "${PACKAGE:-codec-bench}"
}

score() {
  [ -n "${CODEC:-}" ] || fail "the input codec is empty: name one, e.g. mycodec:MyCodec"
  local options=(--codec "$CODEC" --dataset "${DATASET:-demo}" --metrics "${METRICS:-default}" --keep-audio)
  [ -z "${CHECKPOINT:-}" ] || options+=(--checkpoint "$CHECKPOINT")
  [ -z "${SAMPLE:-}" ] || options+=(--sample "$SAMPLE")
  # Further options, one word each, separated by spaces: no quoting, no expansion.
  local more=() code=0
  read -r -a more <<<"${ARGUMENTS:-}"
  mkdir -p "$WORK"
  codec-bench run "${options[@]}" ${more[@]+"${more[@]}"} --out "$WORK/candidate" || code=$?
  echo "$code" >"$WORK/score.code"
  # A run with too many failures is finished, and the comparison says what it lost; it fails there.
  [ "$code" -ne 1 ] || [ ! -e "$WORK/candidate/summary.csv" ] || code=0
  return "$code"
}

comment() {  # the comment for a pull request, whose first line finds it again
  {
    echo "<!-- codec-bench: ${CODEC//[^[:alnum:]_.:@]/_} -->"
    cat "$WORK/compare.md"
  } >"$WORK/comment.md"
  python - "$WORK/comment.md" "$LONGEST" <<'PYTHON'
import sys
from pathlib import Path

path, longest = Path(sys.argv[1]), int(sys.argv[2])
text = path.read_text(encoding="utf-8")
if len(text) > longest:
    end = "\n\n(cut here: the whole comparison is in the files of this job)\n"
    path.write_text(text[: longest - len(end)].rpartition("\n")[0] + end, encoding="utf-8")
PYTHON
}

compare() {
  [ -n "${BASELINE:-}" ] || fail "the input baseline is empty: name a file of \`codec-bench baseline save\`"
  : "${CODEC:=}"
  local options=(--markdown "$WORK/compare.md" --junit "$WORK/compare.xml") code=0 verdict
  [ -z "${GATE:-}" ] || options+=(--gate "$GATE")
  mkdir -p "$WORK"
  rm -f "$WORK/compare.md" "$WORK/compare.json" "$WORK/compare.xml"
  codec-bench compare "$BASELINE" "$WORK/candidate" "${options[@]}" --json >"$WORK/compare.json" 2>"$WORK/compare.err" || code=$?
  cat "$WORK/compare.err" >&2
  case $code in
    0) verdict=pass ;;
    1) verdict=regression ;;
    3) verdict=undecided ;;
    *) verdict=error ;;
  esac
  if [ "$verdict" = pass ] && [ "$(cat "$WORK/score.code" 2>/dev/null || echo 0)" -ne 0 ]; then
    verdict=failed code=1  # what failed has no limit in the gate
  fi
  if [ ! -e "$WORK/compare.md" ]; then  # nothing was compared: no baseline yet, or a usage error
    [ -e "$BASELINE" ] || verdict=no-baseline
    # shellcheck disable=SC2016  # backticks of Markdown
    printf '## codec-bench: %s\n\n```\n%s\n```\n' "$verdict" "$(sed 's/`/'"'"'/g' "$WORK/compare.err")" >"$WORK/compare.md"
  fi
  comment
  [ -z "${GITHUB_STEP_SUMMARY:-}" ] || cat "$WORK/compare.md" >>"$GITHUB_STEP_SUMMARY"
  output verdict "$verdict"
  output exit-code "$code"
  output table "$(cat "$WORK/comment.md")"
  echo "codec-bench: $verdict (exit code $code)"
  case "$verdict:${FAIL_ON:-regression}" in
    regression:never | failed:never | undecided:never | undecided:regression) code=0 ;;
    no-baseline:*) [ "${ALLOW_MISSING_BASELINE:-false}" != true ] || code=0 ;;
  esac
  [ "$verdict" = pass ] || [ "$code" -ne 0 ] || echo "::warning::codec-bench: $verdict"
  return "$code"
}

case "${1:-}" in
  install | score | compare) "$1" ;;
  *) fail "what: install, score or compare?" ;;
esac
