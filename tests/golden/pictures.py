#!/usr/bin/env python3
"""Writes pictures/: small TIFF, GIF, HEIC, AVIF and JPEG XL files of every common kind, and what Pillow reads of each.

NAME.ENDING has NAME.ENDING.png beside it: the pixels, upright, with alpha where there is some. Needs pillow 11.3 or later,
pillow-heif, pillow-jxl-plugin.
"""
import pathlib

import numpy
import pillow_heif
import pillow_jxl  # noqa: F401, registers itself
from PIL import Image, ImageOps

pillow_heif.register_heif_opener()
folder = pathlib.Path(__file__).parent / "pictures"
folder.mkdir(exist_ok=True)
HEIGHT, WIDTH = 24, 40

rows, columns = numpy.mgrid[0:HEIGHT, 0:WIDTH]
plane = numpy.stack([columns * 6, rows * 10, 255 - columns * 5], 2).astype(numpy.uint8)
plane[4:10, 6:16] = (250, 30, 20)  # a corner that tells the orientation
colour = Image.fromarray(plane)
grey = colour.convert("L")
alpha = Image.merge("RGBA", (*colour.split(), Image.fromarray((columns * 6).astype(numpy.uint8))))
palette = colour.quantize(16)
orientation_6 = Image.Exif()
orientation_6[0x0112] = 6


def write(name, image, **options):
    path = folder / name
    image.save(path, **options)
    read = ImageOps.exif_transpose(Image.open(path))
    if read.mode in ("P", "1", "CMYK", "YCbCr"):
        read = read.convert("RGBA" if "transparency" in read.info else "RGB")
    read.info.clear()
    read.save(str(path) + ".png", icc_profile=None)


write("plain.tif", colour)
write("lzw.tif", colour, compression="tiff_lzw")
write("deflate.tif", colour, compression="tiff_adobe_deflate")
write("jpeg.tif", colour, compression="jpeg", quality=95)
write("grey.tif", grey, compression="packbits")
write("black_white.tif", grey.convert("1", dither=0), compression="group4")
write("palette.tif", palette)
write("alpha.tif", alpha, compression="tiff_lzw")
write("cmyk.tif", colour.convert("CMYK"))
write("turned.tif", colour, exif=orientation_6)
write("pages.tif", colour, save_all=True, append_images=[grey.convert("RGB")])
Image.fromarray(numpy.asarray(grey).astype(numpy.uint16) * 257).save(folder / "deep.tif")
grey.save(folder / "deep.tif.png")

write("plain.gif", palette)
write("interlaced.gif", palette, interlace=1)
write("clear.gif", palette, transparency=3)
write("film.gif", palette, save_all=True, append_images=[ImageOps.mirror(palette)], duration=100, loop=0)

write("plain.heic", colour, quality=90)
write("alpha.heic", alpha, quality=90)
write("turned.heic", colour, quality=90, exif=orientation_6.tobytes())
write("plain.avif", colour, quality=95)
write("alpha.avif", alpha, quality=95)
write("lossless.jxl", colour, lossless=True)
write("lossy.jxl", colour, quality=95)
write("grey.jxl", grey, lossless=True)
write("alpha.jxl", alpha, lossless=True)
