"""The state: mirrors, links, calls in flight and the memory for people, in SQLite or PostgreSQL."""
