"""What a command does between the command line and a task: read files, open the run, call the task.

Importing a module of this package loads no torch; its functions do.
"""
