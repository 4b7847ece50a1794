"""The asset graph, one file per group: ingestion, features, models, release, scores."""
