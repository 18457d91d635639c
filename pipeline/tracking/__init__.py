"""MLflow: runs, what is known of past ones, and the registry of students."""
