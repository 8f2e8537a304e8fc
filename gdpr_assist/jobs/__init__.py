"""Work of the admin's tool that a worker does outside of the request: its row, its file, and what became of it."""
