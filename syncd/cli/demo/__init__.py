"""`syncd demo`: the whole story on two sandbox servers, with real runs of the real daemon."""
