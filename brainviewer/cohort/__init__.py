"""From scans to people on disk."""
