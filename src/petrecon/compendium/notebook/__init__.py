"""What a notebook calls: record, show, table, image, and what other runs recorded."""
