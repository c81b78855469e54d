"""What the ledger says of a time: how the grams of a host came about, and sums of many."""
