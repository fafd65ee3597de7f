"""What the tests drive the real Claude Code with: a scripted model server, a sandbox for the CLI, a chat in tmux."""
