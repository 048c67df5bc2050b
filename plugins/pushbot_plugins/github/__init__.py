"""Runs handed to GitHub: a workflow dispatched and followed, or a deployment that another tool carries out."""

from pushbot_plugins.github.executor import GitHubExecutor

__all__ = ["GitHubExecutor"]
