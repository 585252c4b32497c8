"""Google Contacts behind `syncd.core.ports`."""
