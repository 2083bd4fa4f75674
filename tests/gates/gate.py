"""Run one gate in its own copy of the collection, and print the result.

It logs the output and counts the tests.

    gate.py --venv VENV --count WAY --show PATTERN NAME -- COMMAND ...

COMMAND runs with VENV's commands first on PATH and a home folder of its own. `{python}` in it becomes VENV's Python
version. A gate passes if the command succeeds, at least one test was counted, none failed and the log has no sign of a
failure: ansible-test, for example, exits with 0 if it found no tests.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from xml.etree import ElementTree

import processes
from tree import ROOT, refresh

BUILD = ROOT / ".build"
# Twice what any gate takes on two cores that are busy with others, and well within the 90 minutes of a CI job.
LIMIT_SECONDS = 3600
# A gate that hangs is ended sooner: no test waits for so long without computing anything.
STALL_SECONDS = 600
LOOK_SECONDS = 2
TAIL_LINES = 40
# The lines of a long log that show what failed, in any place.
TELLING = re.compile(r"^(ERROR|FATAL|FAILED|fatal:)")
JUNIT_FILES = "tests/output/junit/*.xml"
# How ansible-test announces each sanity test and each integration target, and how it counts those that failed.
STARTED = {
    "sanity": r"^Running sanity test ",
    "targets": r"^Running \S+ integration test role",
}
FAILED = r"The (\d+) (?:sanity|integration) test\(s\) listed below"
SKIPPED = r"Skipping (?:sanity test|tests?)\b"
# PYTHON: with PYTHONDONTWRITEBYTECODE, which containers set, each of thousands of Pythons compiles Ansible again.
FOREIGN_VARIABLES = ("ANSIBLE_", "YATEOTA_", "MAKE", "MFLAGS", "PYTHON")
NOTHING_RUN = "All targets skipped"


@dataclass(frozen=True)
class Result:
    """The result of a gate.

    `environment` names the ansible-core and the Python that it ran with.
    """

    name: str
    environment: str
    passed: int
    failed: int
    skipped: int
    seconds: float
    cpu_seconds: float


def count_log(log: str, started: str) -> tuple[int, int, int]:
    """Return the passed, failed and skipped tests, from the output of ansible-test."""
    total = len(re.findall(started, log, re.MULTILINE))
    failed = sum(map(int, re.findall(FAILED, log)[:1]))
    return total - failed, failed, len(re.findall(SKIPPED, log))


def count_junit(tree: Path) -> tuple[int, int, int]:
    """Return the passed, failed and skipped tests, from the junit files below `tree`."""
    total = failed = skipped = 0
    for path in tree.glob(JUNIT_FILES):
        for suite in ElementTree.parse(path).iter("testsuite"):
            total += int(suite.get("tests", 0))
            failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            skipped += int(suite.get("skipped", 0))
    return total - failed - skipped, failed, skipped


def skip_reasons(tree: Path, log: str) -> list[str]:
    """Return each reason for skipped tests once.

    The reasons are read from junit files and the output of ansible-test.
    """
    marks = (mark for path in tree.glob(JUNIT_FILES) for mark in ElementTree.parse(path).iter("skipped"))
    told = [mark.get("message", "") for mark in marks]
    told += [line for line in log.splitlines() if re.search(SKIPPED, line)]
    return list(dict.fromkeys(told))


def is_good(code: int, counts: tuple[int, int, int], log: str, forbidden: str | None) -> bool:
    """Return whether a gate passes.

    The regular expression `forbidden` must not match in its log.
    """
    passed, failed, _skipped = counts
    spoken_against = NOTHING_RUN in log or (forbidden and re.search(forbidden, log, re.MULTILINE))
    return code == 0 and passed > 0 and failed == 0 and not spoken_against


def run(command: list[str], tree: Path, environ: dict[str, str], log: Path) -> int:
    """Run `command` in `tree` with its output in `log`, and return its exit code."""
    with log.open("w", encoding="utf-8") as stream, processes.all_ended_at_the_end():
        process = subprocess.Popen(
            command,
            cwd=tree,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            why = wait(process)
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if why:
            stream.write(f"\nThe gate was ended: {why}.\n")
        return 1 if why else process.returncode


def wait(process: subprocess.Popen[bytes]) -> str | None:
    """Wait for the end of a gate.

    Return why it must be ended, or None if it has ended by itself.
    """
    begun = computed_at = time.monotonic()
    computed = 0.0
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(LOOK_SECONDS)
            return None
        now, seconds = time.monotonic(), processes.cpu_seconds()
        # The CPU time of a process that has ended may be lost, so that the sum can decrease.
        if seconds is None or abs(seconds - computed) >= 1:
            computed, computed_at = seconds or 0.0, now
        if now - begun > LIMIT_SECONDS:
            return f"it took longer than {LIMIT_SECONDS} s"
        if now - computed_at > STALL_SECONDS:
            return f"it computed nothing for {STALL_SECONDS} s"


def environment_of(venv: Path) -> tuple[str, str]:
    """Return the versions of ansible-core (two parts) and Python in `venv`."""
    code = "import sys, ansible.release as r; print(*r.__version__.split('.')[:2], *sys.version_info[:2])"
    words = subprocess.run(
        [venv / "bin" / "python", "-c", code], check=True, capture_output=True, text=True
    ).stdout.split()
    return ".".join(words[:2]), ".".join(words[2:])


def gate_environ(venv: Path, collections: Path) -> dict[str, str]:
    """Return a gate's environment: its own home and collections, and no user's settings."""
    environ = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN_VARIABLES)}
    return environ | {
        "ANSIBLE_COLLECTIONS_PATH": str(collections),
        # Molecule keeps its scenarios' folders there: two gates may run the same ones at the same time.
        "ANSIBLE_HOME": str(collections / "home"),
        "HOME": str(venv / "home"),
        "PATH": f"{venv / 'bin'}{os.pathsep}{environ['PATH']}",
    }


def arguments() -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--venv", type=Path, required=True)
    parser.add_argument("--count", choices=["command", "junit", *STARTED], default="command")
    parser.add_argument("--forbid", help="a regular expression that must not match in the log")
    parser.add_argument("--show", help="a regular expression: the lines of the log that are printed in any case")
    parser.add_argument("name")
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def count(way: str, code: int, tree: Path, log: str) -> tuple[int, int, int]:
    """Return the passed, failed and skipped tests, counted as the command line says."""
    if way == "junit":
        return count_junit(tree)
    if way == "command":
        return int(code == 0), int(code != 0), 0
    return count_log(log, STARTED[way])


def report(result: Result, good: bool, reasons: list[str]) -> None:
    """Print the result of a gate in one line.

    One more line is printed for each reason for skipped tests.
    """
    numbers = {"failed": result.failed, "skipped": result.skipped}
    said = ", ".join([f"{result.passed} passed", *(f"{number} {way}" for way, number in numbers.items() if number)])
    verdict = "ok  " if good else "FAIL"
    times = f"{result.seconds:>4.0f} s, {result.cpu_seconds:>4.0f} s of CPU"
    print(f"{verdict} {result.name:<18} {result.environment} {said:<24} {times}", flush=True)
    for reason in reasons:
        print(f"     skipped: {reason}", flush=True)


def save(result: Result) -> None:
    """Keep a result for the summary."""
    results = BUILD / "results"
    results.mkdir(parents=True, exist_ok=True)
    (results / f"{result.name}.json").write_text(json.dumps(asdict(result)), encoding="utf-8")


def main() -> int:
    """Run the gate that the command line names, and return the exit code."""
    options = arguments()
    venv = options.venv.resolve()
    core, python = environment_of(venv)
    collections = BUILD / "trees" / options.name
    tree = refresh(collections)
    for old in tree.glob(JUNIT_FILES):
        old.unlink()
    log = BUILD / "logs" / f"{options.name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [word.replace("{python}", python) for word in options.command]
    started = time.monotonic()
    code = run(command, tree, gate_environ(venv, collections), log)
    seconds = time.monotonic() - started
    used = resource.getrusage(resource.RUSAGE_CHILDREN)

    text = log.read_text(encoding="utf-8", errors="replace")
    counts = count(options.count, code, tree, text)
    good = is_good(code, counts, text, options.forbid)
    passed, failed, skipped = counts
    failed = failed if good else max(failed, 1)
    environment, cpu = f"core-{core} python-{python}", used.ru_utime + used.ru_stime
    result = Result(options.name, environment, passed, failed, skipped, seconds, cpu)
    save(result)
    report(result, good, skip_reasons(tree, text) if skipped else [])
    lines = text.splitlines()
    if not good:
        told = filter(TELLING.match, lines[:-TAIL_LINES])
        print(*told, *lines[-TAIL_LINES:], f"--- the whole of it: {log}", sep="\n")
    elif options.show:
        print(*(f"     {line}" for line in lines if re.search(options.show, line)), sep="\n", flush=True)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
