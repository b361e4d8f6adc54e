"""What the board reads, and what its buttons plan and do."""
