"""Four small pairs from shipped photographs, in place of yours: pairs/{train,val}/{low,high}."""

from pathlib import Path

from PIL import Image

from restorect_edge.media.photos import clean, photos

SIZE = (128, 192)
names = sorted(photos(SIZE))
for part, chosen in (("train", names[:3]), ("val", names[3:])):
    for kind, images in (("low", photos(SIZE)), ("high", clean(SIZE))):
        folder = Path("pairs", part, kind)
        folder.mkdir(parents=True, exist_ok=True)
        for name in chosen:
            Image.fromarray(images[name]).save(folder / f"{name}.png")
