"""Four small pairs from the photographs that the package ships, in place of yours: pairs/{low,high}."""

from pathlib import Path

from PIL import Image

from restorect_edge.media.photos import clean, photos

SIZE = (128, 192)
for kind, images in (("low", photos(SIZE)), ("high", clean(SIZE))):
    Path("pairs", kind).mkdir(parents=True, exist_ok=True)
    for name, image in images.items():
        Image.fromarray(image).save(Path("pairs", kind, f"{name}.png"))
