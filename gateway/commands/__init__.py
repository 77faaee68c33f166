"""The subcommands of `offhook`, one file each; each is imported only when it runs, so that `--help` is quick."""
