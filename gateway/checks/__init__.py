"""What `offhook check` looks at, one file for each subject."""
