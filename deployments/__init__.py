"""What it takes to run headway for real: the work pool, the automations, the forms, the worker, the manifests."""
