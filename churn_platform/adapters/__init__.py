"""All input and output: files, warehouse, registry, ops store, packages, snapshots. Nothing here decides anything."""
