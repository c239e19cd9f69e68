from __future__ import annotations

from pathlib import Path

from deploy.awe.compose.settings import ComposeSettings
from deploy.awe.compose.stack import ComposeStack
from deploy.awe.process.layout import AWE


def test_a_project_that_another_checkout_laid_out_is_laid_out_again(tmp_path: Path) -> None:
    stack = ComposeStack(tmp_path, "unix:///nowhere/docker.sock")
    stack.lay_out(ComposeSettings())
    variables = (tmp_path / ".env").read_text()
    for name in ("scripts", "curl-format.txt"):
        (tmp_path / name).unlink()
        (tmp_path / name).symlink_to(tmp_path / "gone" / name)
    stack.lay_out(ComposeSettings())
    assert (tmp_path / "scripts").resolve() == AWE / "scripts"
    assert (tmp_path / "curl-format.txt").read_bytes() == (AWE / "curl-format.txt").read_bytes()
    assert (tmp_path / ".env").read_text() == variables  # secrets stay
