# Shared by the scripts of this folder; sourced, never run.
set -euo pipefail
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$ROOT"
export LC_ALL=C.UTF-8
JOBS=${JOBS:-$(nproc)}
# Debian's own python3 carries the modules that packages.txt names; another one first on PATH may not.
PYTHON=python3
[ -x /usr/bin/python3 ] && PYTHON=/usr/bin/python3

say() { printf '%s\n' "$*"; }
die() { printf '%s\n' "$*" >&2; exit 2; }

# The packages of the given groups that are not there, one a line.
missing_packages() {
  local group entry why package command
  while read -r group entry why; do
    case " $* " in *" $group "*) ;; *) continue ;; esac
    package=${entry%%:*}
    command=${entry#"$package"}
    if [ -n "$command" ]; then
      command -v "${command#:}" >/dev/null 2>&1 && continue
    elif [ "$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null)" = installed ]; then
      continue
    fi
    say "$package"
  done < <(grep -v '^#' "$ROOT/script/packages.txt")
}

# Configures once, then builds the targets of a preset: build_preset PRESET [TARGET...].
build_preset() {
  local preset=$1 stamp=build/$1/configured
  shift
  # Again when the presets have changed, or were not what configured it: a folder keeps the settings it was made with.
  if [ ! -f "build/$preset/build.ninja" ] || ! cmp -s CMakePresets.json "$stamp"; then
    mkdir -p "build/$preset"
    cmake --preset "$preset" >"build/$preset.log" 2>&1 || {
      cat "build/$preset.log" >&2
      die "cannot configure preset $preset"
    }
    cp CMakePresets.json "$stamp"
  fi
  cmake --build "build/$preset" -j "$JOBS" ${1:+--target "$@"}
}
