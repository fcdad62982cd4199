# Read by login shells.
PATH="$HOME/.local/bin:$PATH"
[ -n "$BASH_VERSION" ] && [ -r "$HOME/.bashrc" ] && . "$HOME/.bashrc"
