"""What is on /metrics, pushed to where users already are: remote write and OTLP. Off by default.

`points` and the two encoders are pure: samples in, bodies of requests out. `outbox` bounds what
waits, `sender` is the way to the other side, `pusher` the beat, `wiring` makes them of the
configuration. Nothing here is needed to measure or to account: whatever happens to a push, the
ingest goes on.
"""
