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
        (
            "the inventory of a year: scopes 1 to 3 and the Technology Carbon Standard",
            "wattgram-collector report --period 2025 --out reports",
        ),
        (
            "what an auditor runs on the files, without the ledger",
            "wattgram-collector report --verify reports/acme/2025",
        ),
    ),
    "export": (
        (
            "a day for `promtool tsdb create-blocks-from openmetrics`",
            "wattgram-collector export --openmetrics --from yesterday --to today --out day.om",
        ),
    ),
    "assets import": (
        ("a register file, tried first", "wattgram-collector assets import assets.toml --dry-run"),
    ),
    "assets list": (
        ("as it was at the end of 2025", "wattgram-collector assets list --at 2025-12-31"),
    ),
    "assets show": (("its versions and its making", "wattgram-collector assets show gw-0042"),),
    "assets check": (("who is no asset yet?", "wattgram-collector assets check"),),
    "assets suggest": (("a draft for those", "wattgram-collector assets suggest --format toml"),),
    "assets export": (("for a spreadsheet", "wattgram-collector assets export --format csv"),),
    "activities import": (
        (
            "a file, tried first; what is wrong goes to a file as well",
            "wattgram-collector activities import fuel.csv --dry-run --errors wrong.csv",
        ),
        (
            "shipments that do not say their kind; the good rows only",
            "wattgram-collector activities import trips.csv --kind transport --keep-good",
        ),
    ),
    "activities list": (
        ("what was taken of a file", "wattgram-collector activities list --file fuel.csv"),
    ),
    "activities show": (
        ("where it is from and what it comes to", "wattgram-collector activities show inv-0815"),
    ),
    "activities withdraw": (
        (
            "a file that was of another year",
            "wattgram-collector activities withdraw --file fuel.csv --reason 'was of 2024'",
        ),
    ),
    "activities kinds": (
        ("which columns a shipment has", "wattgram-collector activities kinds transport"),
    ),
    "what-if extend-life": (
        (
            "laptops for six years",
            "wattgram-collector what-if extend-life --device-class laptop --to-years 6",
        ),
    ),
    "what-if retire-early": (
        (
            "laptops after three years",
            "wattgram-collector what-if retire-early --device-class laptop --age-years 3",
        ),
    ),
    "what-if refurbish": (
        ("used laptops", "wattgram-collector what-if refurbish --device-class laptop"),
    ),
    "what-if replace": (
        (
            "a server that draws half",
            (
                "wattgram-collector what-if replace --device-class server --old-watts 300 "
                "--new-watts 150 --grams-per-kilowatt-hour 400"
            ),
        ),
    ),
    "what-if ratio": (
        (
            "no figure at all, only what its use emits",
            (
                "wattgram-collector what-if ratio --use-kilograms 100 --use-percent 20 "
                "--making-percent 80"
            ),
        ),
    ),
    "units add": (
        (
            "what a mail server sent in November",
            (
                "wattgram-collector units add --service mail --unit email --count 120000 "
                "--from 2025-11-01 --to 2025-11-30 --source postfix-1"
            ),
        ),
    ),
    "units import": (
        ("a file of counts, tried first", "wattgram-collector units import units.csv --dry-run"),
    ),
    "units pull": (("what Prometheus counted", "wattgram-collector units pull --period 2025-11"),),
    "units list": (
        ("what it comes to in a month", "wattgram-collector units list --period 2025-11"),
    ),
    "units withdraw": (
        (
            "a count that was wrong",
            (
                "wattgram-collector units withdraw mail/email/postfix-1/2025-11-01T00:00:00Z "
                "--reason 'counted twice'"
            ),
        ),
    ),
    "instruments import": (
        (
            "certificates, contracts, credits, removals",
            "wattgram-collector instruments import instruments.csv",
        ),
    ),
    "instruments list": (
        (
            "what is claimed for a year, and what does not fit the market",
            "wattgram-collector instruments list --period 2025",
        ),
    ),
    "instruments withdraw": (
        (
            "one that was sold",
            "wattgram-collector instruments withdraw GO-registry/4711 --reason sold",
        ),
    ),
    "statements import": (
        (
            "relevance, exclusions and assumptions",
            "wattgram-collector statements import statements.toml",
        ),
    ),
    "statements list": (("those of a year", "wattgram-collector statements list --period 2025"),),
    "statements withdraw": (
        (
            "an exclusion that is over",
            "wattgram-collector statements withdraw exclusions/3.6 --reason 'now measured'",
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
