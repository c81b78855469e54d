"""Whether anything that is pinned has a vulnerability that is known, as pip-audit finds it.

pip-audit says "none found" also where no service told it anything: here that is said, in one line,
and with --required it fails. A finding always fails.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final, NamedTuple

PINNED: Final = Path(__file__).with_name("constraints.txt")
SERVICES: Final = ("pypi", "osv")
SERVICE_SECONDS: Final = 300


class Answer(NamedTuple):
    """What was said: of how many, of which not, and what is wrong with which."""

    audited: int = 0
    silent: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def answer_of(report: str) -> Answer:
    """PURE. Read pip-audit's JSON; one that is none says nothing."""
    try:
        packages: list[dict[str, Any]] = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Answer()
    return Answer(
        audited=sum("skip_reason" not in one for one in packages),
        silent=tuple(one["name"] for one in packages if "skip_reason" in one),
        findings=tuple(
            f"{one['name']} {one['version']}: {found['id']}"
            f", mended in {', '.join(found['fix_versions']) or 'no version'}"
            for one in packages
            for found in one.get("vulns", ())
        ),
    )


def verdict(answers: dict[str, Answer], *, is_required: bool) -> tuple[int, str]:
    """PURE. Return the exit code and what to say, from the answer of each service."""
    findings = sorted({one for answer in answers.values() for one in answer.findings})
    if findings:
        return 1, "audit: known vulnerabilities:\n  " + "\n  ".join(findings)
    service, best = max(answers.items(), key=lambda item: item[1].audited)
    code = int(is_required)
    if not best.audited:
        return code, "audit: NOT DONE: no advisory service can be reached from here"
    said = f"audit: no vulnerability is known of {best.audited} packages ({service})"
    if best.silent:
        return code, f"{said}; nothing is said of {', '.join(best.silent)}"
    return 0, said


def asked(service: str) -> Answer:
    """Return what a service says of all that is pinned; nothing where it cannot be reached."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pip_audit", "--requirement", str(PINNED), "--no-deps",
             "--disable-pip", "--progress-spinner", "off", "--format", "json",
             "--vulnerability-service", service],
            capture_output=True, text=True, check=False, timeout=SERVICE_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return Answer()
    return answer_of(done.stdout)


def main(arguments: list[str]) -> int:
    if importlib.util.find_spec("pip_audit") is None:
        print("audit: pip-audit is not installed", file=sys.stderr)
        return 1
    answers: dict[str, Answer] = {}
    for service in SERVICES:
        answers[service] = asked(service)
        if answers[service].audited and not answers[service].silent:
            break
    code, said = verdict(answers, is_required="--required" in arguments)
    print(said, file=sys.stderr if code else sys.stdout)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
