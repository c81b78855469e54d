"""Servers whose BMC the collector reads over Redfish; to the ledger each is one more agent.

resources, meter and parcels are pure; bmc is the HTTP client; courier delivers; watch keeps the
beat and ties them together.
"""
