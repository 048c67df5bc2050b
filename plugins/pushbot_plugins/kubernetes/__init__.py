"""Runs handed to a Kubernetes cluster: new images or manifests, whose rollout is followed and can be undone."""

from pushbot_plugins.kubernetes.executor import KubernetesExecutor

__all__ = ["KubernetesExecutor"]
