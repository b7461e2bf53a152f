"""The floor's own commands."""
