#!/bin/sh
# Runs each fuzz target of the module for FUZZTIME, as many at once as there are processors, and fails with what the first that finds
# something printed, and that input. Inputs that are of interest stay in Go's build cache, and those that fail in the target's testdata.
set -eu

go=${GO:-go}
time=${FUZZTIME:-10s}

# fuzz runs one target: its folder, its package, its name, its program and where its inputs are kept.
fuzz() {
  log=$4.$3.log
  if (cd "$1" && "$4" -test.run '^$' -test.fuzz "^$3\$" -test.fuzztime "$time" -test.fuzzminimizetime 1s -test.parallel 1 \
    -test.fuzzcachedir "$5") >"$log" 2>&1 || ended "$log"; then
    if [ -z "$COUNTERS" ] || ! grep -q 'without coverage guidance' "$log"; then
      printf '%-55s %s\n' "$2" "$3"
      return
    fi
    echo "$3 was built without its counters: does Go have another word for -d=libfuzzer?" >>"$log"
  fi
  cat "$log"
  # What failed is of use to whoever has this output alone.
  sed -n 's|^ *Failing input written to ||p' "$log" | while read -r input; do
    echo "$input:"
    head -c 4096 "$1/$input"
  done
  return 255 # xargs begins no other
}

# ended tells that a target came to the end of its time and was failed for that alone, as Go before 1.27 now and then does
# (https://go.dev/issue/75804): what it finds comes with the place of the input.
ended() {
  ! grep -qE 'Failing input|failure while testing seed|_test\.go:|panic' "$1" && [ "$(grep -A1 '^--- FAIL' "$1" | tail -n 1)" = '    context deadline exceeded' ]
}

if [ $# -gt 0 ]; then
  fuzz "$@"
  exit
fi

cd "$(dirname "$0")/.."
built=$PWD/dist/fuzz
mkdir -p "$built"
: >"$built/targets"
inputs=$("$go" env GOCACHE)/fuzz
packages=$("$go" list -f '{{.Dir}} {{.ImportPath}}' ./...)
packages=$(printf '%s\n' "$packages" | while read -r dir package; do
  if grep -qs '^func Fuzz' "$dir"/*_test.go; then printf '%s %s\n' "$dir" "$package"; fi
done)
# Guided by the branches of our own code and of HCL's parser. Go's -fuzz counts those of the whole of Go and of every dependency too,
# which takes twice as long to build, and tries fewer inputs in the same time.
counted=-d=libfuzzer
"$go" test -c -vet off -ldflags '-s -w' -gcflags "github.com/vpsync/...=$counted" -gcflags "github.com/hashicorp/hcl/...=$counted" -o "$built/" \
  $(printf '%s\n' "$packages" | cut -d ' ' -f 2)
printf '%s\n' "$packages" | while read -r dir package; do
  program=$built/${package##*/}.test
  names=$(cd "$dir" && "$program" -test.list '^Fuzz')
  for name in $names; do
    printf '%s\n' "$dir" "$package" "$name" "$program" "$inputs/$package" >>"$built/targets"
  done
done
case $("$go" env GOARCH) in
amd64 | arm64 | loong64) export COUNTERS=yes ;;
*)
  export COUNTERS=
  echo 'Go has no coverage guidance for this processor: the targets try what comes by chance'
  ;;
esac
tr '\n' '\0' <"$built/targets" | xargs -0 -n 5 -P "$(getconf _NPROCESSORS_ONLN)" sh "$PWD/tools/fuzz.sh"
