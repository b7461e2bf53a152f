"""The commands of this package: prune and export."""
