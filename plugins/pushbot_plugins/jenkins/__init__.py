"""Runs carried out by a job of Jenkins: `server.py` has its API, `borrowed.py` changes its configuration for a run."""

from pushbot_plugins.jenkins.executor import JenkinsExecutor

__all__ = ["JenkinsExecutor"]
