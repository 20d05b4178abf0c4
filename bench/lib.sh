# Shared by the scripts of bench/: where things are, and a release build when there is none yet.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${CLAWTRACE_BUILD:-$root/build/release}

need_binaries() {
  local target
  for target in "$@"; do
    if [[ ! -x $build/$target ]]; then
      echo "building $target in $build" >&2
      [[ -f $build/build.ninja ]] || (cd "$root" && cmake --preset release -B "$build" >&2)
      cmake --build "$build" --target "$(basename "$target")" >&2
    fi
  done
}
