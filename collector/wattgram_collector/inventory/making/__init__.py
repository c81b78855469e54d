"""What the making of an asset emitted: its figure, its life, its two books, and what-ifs."""
