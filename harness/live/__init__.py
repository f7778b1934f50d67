"""The live driver: every node a process, over real sockets, files and signals."""
