#!/bin/sh
# Build the collection, unpack the tarball as a user does, and run ansible-test sanity on it:
# tarball.sh PYTHON_VERSION [OPTION ...].
# The importer of Galaxy and Automation Hub does the same in a container.
set -eu
output=$PWD/tests/output/tarball
rm -rf "$output"
tree=$output/ansible_collections/simops/yateota
mkdir -p "$tree"
ansible-galaxy collection build --output-path "$output"
tar --extract --file "$output"/*.tar.gz --directory "$tree"
cd "$tree"
# A repository of its own: below one that ignores it, ansible-test finds no files. What it leaves is no part of the tarball.
git init --quiet
echo /tests/output/ > .git/info/exclude
exec ansible-test sanity --venv --color no --python "$@"
