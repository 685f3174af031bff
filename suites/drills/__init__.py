"""Suite drills: break, notice, undo."""
