"""What an engine shows of the files of its images, with no container of them: their layers, the whole they come to, and that as a folder or a tar."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING

if TYPE_CHECKING:
    from dockerlab.engine.images import Images
    from dockerlab.engine.inside import ImageInside
    from dockerlab.layers import TreeView
    from dockerlab.layers.inside import LayerInside
    from dockerlab.store import Store


class Looking:
    """The methods of an engine on a store that look into images (see `Engine` for what each does)."""

    store: Store

    @property
    def images_(self) -> Images:
        """The images of the store."""
        raise NotImplementedError

    def image_inside(self, name: str) -> ImageInside:
        """An image's layers as trees, what each of them did, and what their room is used for."""
        from dockerlab.engine.inside import ImageInside

        return ImageInside(self.store, self.images_.looked_at(name))

    def layer_inside(self, image: str, number: int) -> LayerInside:
        """What an image's layer (1 is the lowest) does to the files below it."""
        return self.images_.inside(image, number)

    def image_files(self, name: str) -> TreeView:
        """The file system that a container of it would begin with."""
        return self.images_.files(name)

    def export_image(self, name: str, target: str) -> None:
        """`build -o type=local`: the image's file system as a folder of this machine."""
        from dockerlab.engine import copying

        copying.export_folder(self.image_files(name), name, target)

    def export_image_tar(self, name: str, out: IO[bytes]) -> None:
        """`build -o type=tar`: the image's file system as a tar."""
        from dockerlab.engine import copying

        copying.export(self.image_files(name), name, out)
