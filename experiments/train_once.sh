# What every study here does with a run: one that is finished stays, one that was interrupted goes on, else it starts.
#
#   train_once RUN OPTION ...    the options are those of `awac train`
train_once() {
  local run=$1
  shift
  if grep -qs '"finished": true' "$run/summary.json"; then
    return
  elif [ -f "$run/config.json" ]; then
    awac resume "$run"
  else
    awac train "$@" --folder "$run"
  fi
}
