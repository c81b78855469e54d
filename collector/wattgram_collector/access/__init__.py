"""Who may read, who may change, who may report: and how that is proven."""
