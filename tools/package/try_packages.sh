#!/usr/bin/env bash
# try_packages.sh [FOLDER]: installs the packages of dist/ or FOLDER on a bare Debian 12 in a temporary folder, and uses them
# there: trains, draws, builds tests/library, and trains in two processes under each MPI that has a package. As root, with debootstrap and
# a network; MIRROR is taken instead of deb.debian.org.
set -euo pipefail
here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
folder=$(realpath "${1:-$here/../../dist}")
mirror=${MIRROR:-http://deb.debian.org/debian}

bare=$(mktemp -d)
finish() {
  umount "$bare/dev/pts" "$bare/sys" "$bare/proc" 2>/dev/null || true
  rm -rf --one-file-system "$bare"
}
trap finish EXIT

step() { printf '== %s\n' "$*"; }
inside() { chroot "$bare" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C "$@"; }
install() { inside sh /packages/install_packages.sh "${@/#//packages/}"; }  # FILE or PACKAGE...
deb() { (cd "$folder" && compgen -G "$1_*.deb" | sort -V | tail -n 1); }     # PACKAGE: its newest file

step a bare Debian 12
debootstrap --variant=minbase bookworm "$bare" "$mirror" >/dev/null
chmod 755 "$bare"  # apt fetches as another user
mount -t proc proc "$bare/proc"
mount -t devpts devpts "$bare/dev/pts"
mount -t sysfs sysfs "$bare/sys"
cp /etc/resolv.conf "$bare/etc/resolv.conf"
mkdir "$bare/packages"
cp "$folder"/*.deb "$here/install_packages.sh" "$bare/packages"

step dagfusion
install "$(deb dagfusion)" >/dev/null
inside run-pipeline --version
inside sh -c 'cd && run-pipeline pipelines/train.yaml run.steps=3 && run-pipeline pipelines/sample.yaml vars.count=4'
[[ -n $(find "$bare/root/runs" -name '*.png') ]]

step dagfusion-dev
install "$(deb dagfusion)" "$(deb libdagfusion*)" "$(deb dagfusion-dev)" >/dev/null
inside sh -c 'apt-get -q update && apt-get -q install -y --no-install-recommends cmake g++ make' >/dev/null
cp -r "$here/../../tests/library" "$bare/root/example"
cat >"$bare/root/example/train.yaml" <<'END'
extends: /usr/share/dagfusion/pipelines/train.yaml
set: {run.steps: 3}
END
inside sh -c 'cd /root/example && cmake -B build >/dev/null && cmake --build build &&
  build/example train.yaml /usr/share/dagfusion/pipelines/sample.yaml'

for mpi in mpich openmpi; do  # MPICH while it is alone
  deb dagfusion-$mpi >/dev/null || continue
  step dagfusion-$mpi
  install "$(deb dagfusion)" "$(deb dagfusion-$mpi)" >/dev/null
  inside sh -c "cd && run-pipeline pipelines/train.yaml --ranks 2 run.steps=3 run.output=runs/$mpi"
done
[[ ! -e $bare/root/runs/mpich || ! -e $bare/root/runs/openmpi ]] ||
  cmp "$bare"/root/runs/{mpich,openmpi}/001/checkpoints/step-000003/weights.safetensors
