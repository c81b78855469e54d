"""What agents metered, as postings."""
