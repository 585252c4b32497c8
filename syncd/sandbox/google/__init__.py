"""A strict local stand-in for Google's People API and its sign-in: one address book per user, in memory, no network."""
