"""Adapters: the systems that syncd speaks to, each behind `syncd.core.ports`."""
