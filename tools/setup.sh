# shellcheck shell=bash
# setup.sh: what has to be there before the program can run. Sourced by run-pipeline and test.
#
#   need TARGET   installs the Debian packages that are missing, configures build/ and builds TARGET
#
# When nothing is to be done, that is found out without cmake and ninja, in well under 0.2 s: all packages are installed, and
# nothing that TARGET is made from has changed since its last build began. Change is read from the inode (ctime), so files
# that were moved here or copied with an old date count too, and a deleted one shows in the date of its folder.

root=$(cd "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/.." && pwd)

packages=(
  cmake g++ ninja-build
  libbenchmark-dev libcli11-dev libdnnl-dev libeigen3-dev libfmt-dev libgtest-dev libhdf5-dev libhwy-dev
  libarchive-dev libavif-dev libdeflate-dev libgif-dev libheif-dev libjpeg-dev libjxl-dev liblcms2-dev libpng-dev libtiff-dev libwebp-dev
  libopencv-core-dev libopencv-imgproc-dev libtbb-dev libyaml-cpp-dev
  nlohmann-json3-dev zlib1g-dev
)

say() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }

fail() {
  say "$@"
  exit 1
}

missing_packages() {  # one a line; none on a system without dpkg, where cmake will say what it misses
  command -v dpkg-query >/dev/null || return 0
  local package installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${packages[@]}" 2>/dev/null) || true
  for package in "${packages[@]}"; do
    [[ $'\n'$installed$'\n' == *$'\n'"$package installed"$'\n'* ]] || echo "$package"
  done
}

install_packages() {
  local as_root=() apt=(env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300)
  local by_hand="apt-get update && apt-get install --no-install-recommends $*"
  if [[ $(id -u) != 0 ]]; then
    by_hand="sudo apt-get update && sudo apt-get install --no-install-recommends $*"
    if ! command -v sudo >/dev/null; then
      fail "Debian packages are missing and you are not root; have root type:"$'\n'"  ${by_hand//sudo /}"
    elif sudo -n true 2>/dev/null; then
      as_root=(sudo -n)
    elif [[ -t 0 && -t 2 ]]; then
      as_root=(sudo)
    else
      fail "Debian packages are missing and sudo wants a password; type:"$'\n'"  $by_hand"
    fi
  fi
  say "installing $# Debian packages: $*"
  local install=("${as_root[@]}" "${apt[@]}" install -y --no-install-recommends "$@")
  local update=("${as_root[@]}" "${apt[@]}" update)
  if apt-get --simulate install "$@" >/dev/null 2>&1; then  # the package lists are there, but can be too old
    "${install[@]}" >&2 && return
  fi
  "${update[@]}" >&2 && "${install[@]}" >&2 && return
  fail "the packages could not be installed, see above; when there is a network, type:"$'\n'"  $by_hand"
}

is_current() {  # TARGET: whether its last build began after the last change
  local stamp=$root/build/.built-$1 sources=(CMakeLists.txt CMakePresets.json graph nodes tools)
  [[ $1 == all ]] && sources+=(tests)
  sources=("${sources[@]/#/$root/}")
  [[ -e /var/lib/dpkg/status ]] && sources+=(/var/lib/dpkg/status)  # a library may have been upgraded
  [[ -x $root/build/tools/run-pipeline && -e $stamp && $(<"$stamp") == "$root" ]] &&
    [[ -z $(find "${sources[@]}" -newercm "$stamp" -print -quit 2>&1) ]]
}

jobs_that_fit() {  # one per core, but no more than memory allows: a compiler takes up to 1.5 GB
  local cores memory
  cores=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1.5e6)}' /proc/meminfo)
  echo $((memory < 1 ? 1 : memory < cores ? memory : cores))
}

build() {  # TARGET
  local fresh=() began=$root/build/.began-$1 log=$root/build/configure.log jobs
  echo "$root" >"$began"
  if [[ ! -e $root/build/build.ninja ]] ||
    ! grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$root/build/CMakeCache.txt"; then
    [[ -e $root/build/CMakeCache.txt ]] && fresh=(--fresh)  # of a folder that was moved, or that failed
    say "configuring $root/build"
    (cd "$root" && cmake --preset release "${fresh[@]}") >"$log" 2>&1 || {
      cat "$log" >&2
      fail "cmake could not configure, see above"
    }
  fi
  jobs=$(jobs_that_fit)
  say "building a release with $jobs jobs, some minutes the first time"
  ninja -C "$root/build" -j "$jobs" "$1" >&2 || fail "the build failed, see above"
  mv "$began" "$root/build/.built-$1"
}

need() {  # TARGET
  local missing lock
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} == 0 ]] && is_current "$1" && return
  { mkdir -p "$root/build" && exec {lock}>"$root/build/.lock"; } || fail "cannot write to $root/build"
  flock -n "$lock" || { say "waiting for another build" && flock "$lock"; }
  mapfile -t missing < <(missing_packages)
  [[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
  is_current "$1" || build "$1"
  exec {lock}>&-
}
