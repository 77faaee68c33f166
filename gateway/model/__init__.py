"""The vocabulary shared by every process: facts, commands and seams; standard library only."""
