"""What holds a model to its requirements: settings, suites, families of verdicts, baselines, plans and proposals."""
