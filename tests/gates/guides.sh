#!/bin/sh
# Install the built collection into an empty folder, and run every command of README and docs on it:
# guides.sh VENV PYTEST [OPTION ...]. VENV is the environment whose Ansible runs them; the options are pytest's.
set -eu
venv=$1 pytest=$2
shift 2
output=$PWD/tests/output/guides
rm -rf "$output"
mkdir -p "$output"
export PATH="$venv/bin:$PATH"
ansible-galaxy collection build --output-path "$output"
ansible-galaxy collection install --offline --force --collections-path "$output/installed" "$output"/*.tar.gz
export YATEOTA_TEST_CORE="$venv" YATEOTA_TEST_COLLECTIONS="$output/installed"
exec "$pytest" "$@" --junit-xml tests/output/junit/system.xml \
  tests/system/test_readme.py tests/system/test_guides.py tests/system/test_role_readmes.py tests/system/test_awx_guide.py
