#!/bin/sh
# Install the built collection into an empty folder, and run every command of README and docs on it: guides.sh VENV PYTEST.
# VENV is the environment whose Ansible runs them.
set -eu
output=$PWD/tests/output/guides
rm -rf "$output"
mkdir -p "$output"
export PATH="$1/bin:$PATH"
ansible-galaxy collection build --output-path "$output"
ansible-galaxy collection install --offline --force --collections-path "$output/installed" "$output"/*.tar.gz
export YATEOTA_TEST_CORE="$1" YATEOTA_TEST_COLLECTIONS="$output/installed"
exec "$2" --junit-xml tests/output/junit/system.xml \
  tests/system/test_readme.py tests/system/test_guides.py tests/system/test_role_readmes.py tests/system/test_awx_guide.py
