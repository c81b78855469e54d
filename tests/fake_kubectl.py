"""A cluster of one collector and some nodes, as far as deploy/kubernetes/setup.sh asks for it.

Started as `kubectl`: FAKE_CLUSTER is its directory. `nodes` there has a line for each agent's pod,
`secrets/NAME/` what was applied, `replaced` a JSON object of paths in the pod to paths here.
"""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path

CLUSTER = Path(os.environ["FAKE_CLUSTER"])


def main(arguments: list[str]) -> int:
    """Do what one call asks; refuse what this cluster does not know."""
    if arguments[:1] == ["-n"]:
        assert arguments[1] == "wattgram"
        arguments = arguments[2:]
    known = {"rollout": rollout, "get": get, "exec": execute, "create": create, "apply": apply}
    return known[arguments[0]](arguments[1:])


def rollout(arguments: list[str]) -> int:
    return 0 if arguments[:2] == ["status", "deploy/wattgram-collector"] else 1


def get(arguments: list[str]) -> int:
    if arguments[0] == "secret":
        return 0 if (CLUSTER / "secrets" / arguments[1]).is_dir() else 1
    assert arguments[:3] == ["pods", "-l", "app.kubernetes.io/name=wattgram-agent"]
    assert arguments[4].startswith("jsonpath={range .items[*]}{.spec.nodeName} ")
    print((CLUSTER / "nodes").read_text(), end="")
    return 0


def execute(arguments: list[str]) -> int:
    assert arguments[:4] == ["deploy/wattgram-collector", "-c", "collector", "--"]
    replaced = json.loads((CLUSTER / "replaced").read_text())
    command = arguments[4:]
    for inside, here in replaced.items():
        command = [part.replace(inside, here) for part in command]
    return subprocess.run(command, check=False).returncode


def create(arguments: list[str]) -> int:
    assert arguments[:2] == ["secret", "generic"]
    assert arguments[4:] == ["--dry-run=client", "-o", "yaml"]
    directory = Path(arguments[3].removeprefix("--from-file="))
    data = {
        file.name: base64.b64encode(file.read_bytes()).decode() for file in directory.iterdir()
    }
    print(json.dumps({"metadata": {"name": arguments[2]}, "data": data}))
    return 0


def apply(arguments: list[str]) -> int:
    assert arguments == ["-f", "-"]
    secret = json.load(sys.stdin)
    kept = CLUSTER / "secrets" / secret["metadata"]["name"]
    kept.mkdir(parents=True, exist_ok=True)
    for old in kept.iterdir():
        old.unlink()
    for name, value in secret["data"].items():
        (kept / name).write_bytes(base64.b64decode(value))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
