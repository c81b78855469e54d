"""What the manual shows of every command."""

from __future__ import annotations

from typing import Final

from wattgram.manual import Examples

EXAMPLES: Final[Examples] = {
    "run": (
        ("with its own configuration", "wattgram-agent run --config /etc/wattgram/agent.toml"),
        (
            "in a container that has the host's files in another place",
            "wattgram-agent run --path.sysfs /host/sys --path.procfs /host/proc",
        ),
    ),
    "sample": (
        ("what this host uses in the next second", "wattgram-agent sample"),
        (
            "a minute, ten seconds at a time, for another program",
            "wattgram-agent sample --json --interval 10 --count 6",
        ),
    ),
    "top": (
        ("watch services and containers", "wattgram-agent top"),
        ("watch processes, every five seconds", "wattgram-agent top --by processes --interval 5"),
    ),
    "doctor": (
        ("why is nothing measured here?", "wattgram-agent doctor"),
        ("the same for another program", "wattgram-agent doctor --json"),
    ),
    "enroll": (
        (
            "with the token that the collector printed, from standard input",
            "wattgram-agent enroll --collector https://collector.example:9881",
        ),
    ),
    "renew": (("before its time", "wattgram-agent renew --collector collector.example:9880"),),
    "spool list": (("what waits, and what was refused", "wattgram-agent spool list --json"),),
    "spool purge": (
        ("let go of refused batches", "wattgram-agent spool purge --dead"),
        ("of everything, while no agent runs", "wattgram-agent spool purge --all"),
    ),
    "check-config": (
        ("before a restart", "wattgram-agent check-config --config /etc/wattgram/agent.toml"),
    ),
    "print-config": (("a commented file to begin with", "wattgram-agent print-config"),),
}
