#!/bin/sh
# install_packages.sh FILE.deb...: installs them as root, with what they need from Debian and nothing beside that.
set -eu
export DEBIAN_FRONTEND=noninteractive
apt-get -q update
apt-get -q install -y --no-install-recommends "$@"
rm -rf /var/lib/apt/lists/*
