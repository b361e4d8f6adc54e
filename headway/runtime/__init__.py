"""What a process that runs a flow knows of itself."""
