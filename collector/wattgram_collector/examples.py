"""What the manual shows of every command."""

from __future__ import annotations

from typing import Final

from wattgram.manual import Examples

EXAMPLES: Final[Examples] = {
    "run": (
        (
            "with its own configuration",
            "wattgram-collector run --config /etc/wattgram/collector.toml",
        ),
    ),
    "agents": (("who ever delivered", "wattgram-collector agents"),),
    "user add": (
        ("somebody who may read; asks for a password", "wattgram-collector user add alice"),
        ("an administrator", "wattgram-collector user add alice --role admin"),
    ),
    "user remove": (("from now on", "wattgram-collector user remove alice"),),
    "user list": (("names and roles", "wattgram-collector user list"),),
    "token add": (
        ("for Prometheus to read with", "wattgram-collector token add prometheus --role read"),
    ),
    "token remove": (("from now on", "wattgram-collector token remove prometheus"),),
    "token list": (("names and roles, never the tokens", "wattgram-collector token list"),),
    "ca init": (("make the authority of a new collector", "wattgram-collector ca init"),),
    "enroll": (
        ("a token for one host, good for a day", "wattgram-collector enroll web-1 --hours 24"),
    ),
    "enrolments": (("who has a certificate, and until when", "wattgram-collector enrolments"),),
    "revoke": (("a host that was stolen", "wattgram-collector revoke web-1"),),
    "revoked": (("for an audit", "wattgram-collector revoked --json"),),
    "ledger check": (("is every joule still there?", "wattgram-collector ledger check"),),
    "ledger verify": (("is all of it as it was written?", "wattgram-collector ledger verify"),),
    "ledger seal": (
        ("what each day of 2026 held", "wattgram-collector ledger seal --until 2027-01-01"),
    ),
    "ledger backup": (
        ("while it is in use", "wattgram-collector ledger backup /backup/ledger.sqlite"),
    ),
    "ledger restore": (
        ("while no collector runs", "wattgram-collector ledger restore /backup/ledger.sqlite"),
    ),
    "greenest": (
        (
            "two hours of work that must be done by tomorrow morning",
            "wattgram-collector greenest --zone GB --duration 2h --before 2026-01-02T08:00Z",
        ),
    ),
    "explain": (
        ("the last hour of a host", "wattgram-collector explain --host web-1 --from -1h"),
    ),
    "report": (
        ("today, host by host", "wattgram-collector report --by host"),
        (
            "thirty days by site, as a table for a spreadsheet",
            "wattgram-collector report --from -30d --by site --format csv",
        ),
    ),
    "export": (
        (
            "a day for `promtool tsdb create-blocks-from openmetrics`",
            "wattgram-collector export --openmetrics --from yesterday --to today --out day.om",
        ),
    ),
    "check-config": (
        (
            "before a restart",
            "wattgram-collector check-config --config /etc/wattgram/collector.toml",
        ),
    ),
    "print-config": (("a commented file to begin with", "wattgram-collector print-config"),),
}
