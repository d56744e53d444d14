#!/usr/bin/env bash
# build_packages.sh [FOLDER]: Debian packages of what is here, into dist/ or FOLDER. Installs what the build needs, as
# tools/run-pipeline does, and builds in build-package/. Each MPI that is installed gets a package.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../setup.sh"
folder=$(realpath -m "${1:-$root/dist}")
packages+=(dpkg-dev)  # tells which packages our libraries come from
build=$root/build-package

mapfile -t missing < <(missing_packages)
[[ ${#missing[@]} == 0 ]] || install_packages "${missing[@]}"
cmake -S "$root" --preset release -B "$build" -DDAGFUSION_TESTS=OFF >&2
ninja -C "$build" -j "$(jobs_that_fit)" >&2
rm -rf "$build/packages"
(cd "$build" && cpack -G DEB >&2)
mkdir -p "$folder"
cp "$build"/packages/*.deb "$folder"
ls "$folder"/*.deb
