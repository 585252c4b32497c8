"""The thin shell that acts: it knows ports, never adapters."""
