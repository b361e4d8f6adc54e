"""What headway serves over HTTP."""
