"""The board: one page that shows what runs where, and its buttons."""
