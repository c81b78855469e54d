"""Batches on disk until the collector has them: `queue` is the way in, the rest are its steps.

From the bytes up: `frames` (records), `segments` (files), `shelf` (what lies where), `recovery`
(read back), `waiting` and `store` (what is there), `losses` and `letters` (what will not arrive),
`agreement` (what the collector says it has).
"""
