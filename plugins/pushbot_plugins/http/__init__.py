"""Runs carried out by a service of your own: one signed call begins a run, others ask how it goes."""

from pushbot_plugins.http.executor import HttpExecutor

__all__ = ["HttpExecutor"]
