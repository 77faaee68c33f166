"""Runs the local speech models in processes of their own; live calls never wait for them."""
