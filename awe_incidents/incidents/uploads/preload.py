"""What the fork server loads once, so that a process that makes a picture anew need not."""

from PIL import GifImagePlugin, Image, ImageOps, JpegImagePlugin, PngImagePlugin, WebPImagePlugin

__all__ = ["GifImagePlugin", "Image", "ImageOps", "JpegImagePlugin", "PngImagePlugin", "WebPImagePlugin"]
