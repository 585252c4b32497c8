"""Connecting a Google account: the consent of its user, brought from the browser to syncd."""
