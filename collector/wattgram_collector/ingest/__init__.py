"""What agents say, checked, reckoned and handed to the ledger."""
