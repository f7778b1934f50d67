"""What bench/checker.py is made of: rows, how one is measured, Porcupine's figures, the table."""
