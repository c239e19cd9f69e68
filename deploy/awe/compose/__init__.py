"""The Docker form of the reference stack: images, compose files, and what starts, asks and stops a deployment."""

from deploy.awe.compose.errors import ComposeStackError
from deploy.awe.compose.settings import ComposeSettings, Names
from deploy.awe.compose.stack import ComposeStack

__all__ = ["ComposeSettings", "ComposeStack", "ComposeStackError", "Names"]
