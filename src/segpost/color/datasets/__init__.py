"""Class names and colors of the public segmentation datasets, as plain facts.

Every table below is one string with a class per line, ``name rrggbb``, in the order of the class
ids; :func:`entry` parses a table the first time it is asked for and keeps the result. The colors
are the ones the datasets (or, where a dataset publishes none, the tools around it) draw with, so
repeated colors are kept: several of these palettes cannot be inverted back to class ids.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

__all__ = ["ALIASES", "NAMES", "RGB", "Entry", "entry", "voc_colormap"]

RGB = tuple[int, int, int]


class Entry(NamedTuple):
    """One palette: ``names[i]`` and ``colors[i]`` belong to class id ``i``."""

    names: tuple[str, ...]
    colors: tuple[RGB, ...]
    ignore_index: int | None
    void: RGB | None
    source: str


_VOC_NAMES = (
    "background aeroplane bicycle bird boat bottle bus car cat chair cow diningtable dog horse "
    "motorbike person pottedplant sheep sofa train tvmonitor"
)

# Label ids of Cityscapes in train-id order.
_TRAIN_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)

_CITYSCAPES = """
unlabeled 000000
ego vehicle 000000
rectification border 000000
out of roi 000000
static 000000
dynamic 6f4a00
ground 510051
road 804080
sidewalk f423e8
parking faaaa0
rail track e6968c
building 464646
wall 66669c
fence be9999
guard rail b4a5b4
bridge 966464
tunnel 96785a
pole 999999
polegroup 999999
traffic light faaa1e
traffic sign dcdc00
vegetation 6b8e23
terrain 98fb98
sky 4682b4
person dc143c
rider ff0000
car 00008e
truck 000046
bus 003c64
caravan 00005a
trailer 00006e
train 005064
motorcycle 0000e6
bicycle 770b20
"""

_ADE20K = """
wall 787878
building b47878
sky 06e6e6
floor 503232
tree 04c803
ceiling 787850
road 8c8c8c
bed cc05ff
windowpane e6e6e6
grass 04fa07
cabinet e005ff
sidewalk ebff07
person 96053d
earth 787846
door 08ff33
table ff0652
mountain 8fff8c
plant ccff04
curtain ff3307
chair cc4603
car 0066c8
water 3de6fa
painting ff0633
sofa 0b66ff
shelf ff0747
house ff09e0
sea 0907e6
mirror dcdcdc
rug ff095c
field 7009ff
armchair 08ffd6
seat 07ffe0
fence ffb806
desk 0aff47
rock ff290a
wardrobe 07ffff
lamp e0ff08
bathtub 6608ff
railing ff3d06
cushion ffc207
base ff7a08
box 00ff14
column ff0829
signboard ff0599
chest of drawers 0633ff
counter eb0cff
sand a09614
sink 00a3ff
skyscraper 8c8c8c
fireplace fa0a0f
refrigerator 14ff00
grandstand 1fff00
path ff1f00
stairs ffe000
runway 99ff00
case 0000ff
pool table ff4700
pillow 00ebff
screen door 00adff
stairway 1f00ff
river 0bc8c8
bridge ff5200
bookcase 00fff5
blind 003dff
coffee table 00ff70
toilet 00ff85
flower ff0000
book ffa300
hill ff6600
bench c2ff00
countertop 008fff
stove 33ff00
palm 0052ff
kitchen island 00ff29
computer 00ffad
swivel chair 0a00ff
boat adff00
bar 00ff99
arcade machine ff5c00
hovel ff00ff
bus ff00f5
towel ff0066
light ffad00
truck ff0014
tower ffb8b8
chandelier 001fff
awning 00ff3d
streetlight 0047ff
booth ff00cc
television receiver 00ffc2
airplane 00ff52
dirt track 000aff
apparel 0070ff
pole 3300ff
land 00c2ff
bannister 007aff
escalator 00ffa3
ottoman ff9900
bottle 00ff0a
buffet ff7000
poster 8fff00
stage 5200ff
van a3ff00
ship ffeb00
fountain 08b8aa
conveyer belt 8500ff
canopy 00ff5c
washer b800ff
plaything ff001f
swimming pool 00b8ff
stool 00d6ff
barrel ff0070
basket 5cff00
waterfall 00e0ff
tent 70e0ff
bag 46b8a0
minibike a300ff
cradle 9900ff
oven 47ff00
ball ff00a3
food ffcc00
step ff008f
tank 00ffeb
trade name 85ff00
microwave ff00eb
pot f500ff
animal ff007a
bicycle fff500
lake 0abed4
dishwasher d6ff00
screen 00ccff
blanket 1400ff
sculpture ffff00
hood 0099ff
sconce 0029ff
vase 00ffcc
traffic light 2900ff
tray 29ff00
ashcan ad00ff
fan 00f5ff
pier 4700ff
crt screen 7a00ff
plate 00ffb8
monitor 005cff
bulletin board b8ff00
shower 0085ff
radiator ffd600
glass 19c2c2
clock 66ff00
flag 5c00ff
"""

_COCO_STUFF = """
person 00c040
bicycle 00c040
car 004060
motorcycle 80c0c0
airplane 004040
bus 00c0e0
train 00c0c0
truck 80c040
boat 00c060
traffic light 80c040
fire hydrant 8020c0
stop sign 0000e0
parking meter 000040
bench 00a0c0
bird 800060
cat 8000c0
dog 0020c0
horse 8080e0
sheep 0000c0
cow 80a0c0
elephant 808000
bear 800020
zebra 802000
giraffe 800080
backpack 408020
umbrella 00a000
handbag 000000
tie c080a0
suitcase 002000
frisbee 008080
skis 4080a0
snowboard 80a000
sports ball 008000
kite c08020
baseball bat 806080
baseball glove 000080
skateboard 400020
surfboard 00e080
tennis racket 800000
bottle c000a0
wine glass 006080
cup 808080
fork 4000a0
knife 80e080
spoon 808040
bowl c00020
banana 806000
apple 8000c0
sandwich 008020
orange 40e000
broccoli 000040
carrot 8080a0
hot dog 406000
pizza 0080c0
donut 0080a0
cake c0e000
chair 008040
couch 808020
potted plant c02080
bed 0040c0
dining table 000020
toilet 40a080
tv 804040
laptop 8000a0
mouse 402080
remote 80c0c0
keyboard 0000a0
cell phone c0a080
microwave 80c000
oven 800060
toaster c02000
sink 804080
refrigerator 408060
book 40a000
clock 004000
vase c080e0
scissors 402000
teddy bear 00c080
hair drier 4080e0
toothbrush c0a000
banner 00c000
blanket c08060
branch c06080
bridge 004080
building-other 400060
bush 40e080
cabinet 804000
cage c000e0
cardboard 406080
carpet 80c080
ceiling-other 4000e0
ceiling-tile c0e080
cloth 80c040
clothes c00060
clouds c06000
counter 8040c0
cupboard 008060
curtain 00e000
desk-stuff 404040
dirt 8080e0
door-stuff 006000
fence 40c0c0
floor-marble 0080e0
floor-other 80e000
floor-stone 40c040
floor-tile 808060
floor-wood 802080
flower 4000c0
fog 004060
food-other 00a080
fruit c00040
furniture-other 8040e0
grass 002080
gravel c080c0
ground-other 0040e0
hill 80a080
house c08000
leaves 804020
light 802040
mat c00080
metal 40c020
mirror-stuff 00a040
moss 400000
mountain c0c0a0
mud 002040
napkin 408080
net 40c0a0
paper 80a040
pavement 408000
pillow c0c020
plant-other 8060c0
plastic 400080
platform 404020
playingfield 00e0c0
railing c00000
railroad c040a0
river 0060c0
road c08080
rock 4040a0
roof 80e0c0
rug c08040
salad c04020
sand 806040
sea c000c0
shelf 00c020
sky-other 40e040
skyscraper 400040
snow 80c0a0
solid-other 406040
stairs 4080c0
stone 00c0a0
straw c0e040
structural-other 408040
table 80c020
tent c020c0
textile-other 4040c0
towel 004020
tree 40a0c0
vegetable c04040
wall-brick 8040a0
wall-concrete 4020c0
wall-other c0c0c0
wall-panel 0040a0
wall-stone c0a0c0
wall-tile c0c000
wall-wood 804060
water-other c02040
waterdrops c04080
window-blind 40c060
window-other 40a040
wood 404000
"""

_PASCAL_CONTEXT = """
background 787878
aeroplane b47878
bag 06e6e6
bed 503232
bedclothes 04c803
bench 787850
bicycle 8c8c8c
bird cc05ff
boat e6e6e6
book 04fa07
bottle e005ff
building ebff07
bus 96053d
cabinet 787846
car 08ff33
cat ff0652
ceiling 8fff8c
chair ccff04
cloth ff3307
computer cc4603
cow 0066c8
cup 3de6fa
curtain ff0633
dog 0b66ff
door ff0747
fence ff09e0
floor 0907e6
flower dcdcdc
food ff095c
grass 7009ff
ground 08ffd6
horse 07ffe0
keyboard ffb806
light 0aff47
motorbike ff290a
mountain 07ffff
mouse e0ff08
person 6608ff
plate ff3d06
platform ffc207
pottedplant ff7a08
road 00ff14
rock ff0829
sheep ff0599
shelves 0633ff
sidewalk eb0cff
sign a09614
sky 00a3ff
snow 8c8c8c
sofa fa0a0f
table 14ff00
track 1fff00
train ff1f00
tree ffe000
truck 99ff00
tvmonitor 0000ff
wall ff4700
water 00ebff
window 00adff
wood 1f00ff
"""

_MAPILLARY = """
Bird a52a2a
Ground Animal 00c000
Curb c4c4c4
Fence be9999
Guard Rail b4a5b4
Barrier 5a7896
Wall 66669c
Bike Lane 8040ff
Crosswalk - Plain 8c8cc8
Curb Cut aaaaaa
Parking faaaa0
Pedestrian Area 606060
Rail Track e6968c
Road 804080
Service Lane 6e6e6e
Sidewalk f423e8
Bridge 966464
Building 464646
Tunnel 96785a
Person dc143c
Bicyclist ff0000
Motorcyclist ff0064
Other Rider ff00c8
Lane Marking - Crosswalk c88080
Lane Marking - General ffffff
Mountain 40aa40
Sand e6a032
Sky 4682b4
Snow beffff
Terrain 98fb98
Vegetation 6b8e23
Water 00aa1e
Banner ffff80
Bench fa001e
Bike Rack 648cb4
Billboard dcdcdc
Catch Basin dc8080
CCTV Camera de2828
Fire Hydrant 64aa1e
Junction Box 282828
Mailbox 212121
Manhole 6480a0
Phone Booth 8e0000
Pothole 466496
Street Light d2aa64
Pole 999999
Traffic Sign Frame 808080
Utility Pole 000050
Traffic Light faaa1e
Traffic Sign (Back) c0c0c0
Traffic Sign (Front) dcdc00
Trash Can 8c8c14
Bicycle 770b20
Boat 9600ff
Bus 003c64
Car 00008e
Caravan 00005a
Motorcycle 0000e6
On Rails 005064
Other Vehicle 804040
Trailer 00006e
Truck 000046
Wheeled Slow 0000c0
Car Mount 202020
Ego Vehicle 780a0a
Unlabeled 000000
"""

_MAPILLARY_V2 = """
Bird a52a2a
Ground Animal 00c000
Ambiguous Barrier faaa1f
Concrete Block faaa20
Curb c4c4c4
Fence be9999
Guard Rail b4a5b4
Barrier 5a7896
Road Median faaa21
Road Side faaa22
Lane Separator 808080
Temporary Barrier faaa23
Wall 66669c
Bike Lane 8040ff
Crosswalk - Plain 8c8cc8
Curb Cut aaaaaa
Driveway faaa24
Parking faaaa0
Parking Aisle faaa25
Pedestrian Area 606060
Rail Track e6968c
Road 804080
Road Shoulder 6e6e6e
Service Lane 6e6e6e
Sidewalk f423e8
Traffic Island 80c480
Bridge 966464
Building 464646
Garage 969696
Tunnel 96785a
Person dc143c
Person Group dc143c
Bicyclist ff0000
Motorcyclist ff0064
Other Rider ff00c8
Lane Marking - Dashed Line ffffff
Lane Marking - Straight Line ffffff
Lane Marking - Zigzag Line faaa1d
Lane Marking - Ambiguous faaa1c
Lane Marking - Arrow (Left) faaa1a
Lane Marking - Arrow (Other) faaa19
Lane Marking - Arrow (Right) faaa18
Lane Marking - Arrow (Split Left or Straight) faaa16
Lane Marking - Arrow (Split Right or Straight) faaa15
Lane Marking - Arrow (Straight) faaa14
Lane Marking - Crosswalk ffffff
Lane Marking - Give Way (Row) faaa13
Lane Marking - Give Way (Single) faaa12
Lane Marking - Hatched (Chevron) faaa0c
Lane Marking - Hatched (Diagonal) faaa0b
Lane Marking - Other ffffff
Lane Marking - Stop Line ffffff
Lane Marking - Symbol (Bicycle) faaa10
Lane Marking - Symbol (Other) faaa0f
Lane Marking - Text faaa0f
Lane Marking (only) - Dashed Line ffffff
Lane Marking (only) - Crosswalk ffffff
Lane Marking (only) - Other ffffff
Lane Marking (only) - Test ffffff
Mountain 40aa40
Sand e6a032
Sky 4682b4
Snow beffff
Terrain 98fb98
Vegetation 6b8e23
Water 00aa1e
Banner ffff80
Bench fa001e
Bike Rack 648cb4
Catch Basin dc8080
CCTV Camera de2828
Fire Hydrant 64aa1e
Junction Box 282828
Mailbox 212121
Manhole 6480a0
Parking Meter 1414ff
Phone Booth 8e0000
Pothole 466496
Signage - Advertisement faab1e
Signage - Ambiguous faac1e
Signage - Back faad1e
Signage - Information faae1e
Signage - Other faaf1e
Signage - Store fab01e
Street Light d2aa64
Pole 999999
Pole Group 999999
Traffic Sign Frame 808080
Utility Pole 000050
Traffic Cone d23c3c
Traffic Light - General (Single) faaa1e
Traffic Light - Pedestrians faaa1e
Traffic Light - General (Upright) faaa1e
Traffic Light - General (Horizontal) faaa1e
Traffic Light - Cyclists faaa1e
Traffic Light - Other faaa1e
Traffic Sign - Ambiguous c0c0c0
Traffic Sign (Back) c0c0c0
Traffic Sign - Direction (Back) c0c0c0
Traffic Sign - Direction (Front) dcdc00
Traffic Sign (Front) dcdc00
Traffic Sign - Parking 0000c4
Traffic Sign - Temporary (Back) c0c0c0
Traffic Sign - Temporary (Front) dcdc00
Trash Can 8c8c14
Bicycle 770b20
Boat 9600ff
Bus 003c64
Car 00008e
Caravan 00005a
Motorcycle 0000e6
On Rails 005064
Other Vehicle 804040
Trailer 00006e
Truck 000046
Vehicle Group 00008e
Wheeled Slow 0000c0
Water Valve aaaaaa
Car Mount 202020
Dynamic 6f4a00
Ego Vehicle 780a0a
Ground 510051
Static 6f6f00
Unlabeled 000000
"""

_LOVEDA = """
background ffffff
building ff0000
road ffff00
water 0000ff
barren 9f81b7
forest 00ff00
agricultural ffc380
"""

_ISPRS = """
impervious surface ffffff
building 0000ff
low vegetation 00ffff
tree 00ff00
car ffff00
clutter ff0000
"""

_ISAID = """
background 000000
ship 00003f
storage tank 003f3f
baseball diamond 003f00
tennis court 003f7f
basketball court 003fbf
ground track field 003fff
bridge 007f3f
large vehicle 007f7f
small vehicle 00007f
helicopter 0000bf
swimming pool 0000ff
roundabout 00bf7f
soccer ball field 007fbf
plane 007fff
harbor 00649b
"""

_SOURCES = {
    "voc": "PASCAL VOC 2012 (Everingham et al., IJCV 2010), devkit color map",
    "cityscapes": "Cityscapes (Cordts et al., CVPR 2016), train ids of the dataset's label list",
    "cityscapes_labelid": "Cityscapes (Cordts et al., CVPR 2016), the dataset's own label list",
    "ade20k": "ADE20K SceneParse150 (Zhou et al., CVPR 2017), the benchmark's class colors",
    "coco_stuff": "COCO-Stuff 164k (Caesar et al., CVPR 2018), colors as in MMSegmentation",
    "pascal_context": "PASCAL-Context (Mottaghi et al., CVPR 2014), colors as in MMSegmentation",
    "pascal_context_59": "PASCAL-Context (Mottaghi et al., CVPR 2014), without background",
    "mapillary": "Mapillary Vistas v1.2 (Neuhold et al., ICCV 2017), the dataset's label list",
    "mapillary_v2": "Mapillary Vistas v2.0 (Neuhold et al., ICCV 2017), the dataset's label list",
    "loveda": "LoveDA (Wang et al., NeurIPS Datasets and Benchmarks 2021)",
    "potsdam": "ISPRS 2D Semantic Labeling Contest, Potsdam",
    "vaihingen": "ISPRS 2D Semantic Labeling Contest, Vaihingen",
    "isaid": "iSAID (Waqas Zamir et al., CVPR Workshops 2019), the dataset's label list",
}

_TABLES = {
    "cityscapes": _CITYSCAPES,
    "cityscapes_labelid": _CITYSCAPES,
    "ade20k": _ADE20K,
    "coco_stuff": _COCO_STUFF,
    "pascal_context": _PASCAL_CONTEXT,
    "pascal_context_59": _PASCAL_CONTEXT,
    "mapillary": _MAPILLARY,
    "mapillary_v2": _MAPILLARY_V2,
    "loveda": _LOVEDA,
    "potsdam": _ISPRS,
    "vaihingen": _ISPRS,
    "isaid": _ISAID,
}

NAMES: tuple[str, ...] = tuple(_SOURCES)

ALIASES: dict[str, str] = {
    "pascal_voc": "voc",
    "voc2012": "voc",
    "cityscapes_trainid": "cityscapes",
    "ade": "ade20k",
    "ade20k_150": "ade20k",
    "cocostuff": "coco_stuff",
    "coco_stuff164k": "coco_stuff",
    "coco_stuff_164k": "coco_stuff",
    "pascal_context_60": "pascal_context",
    "mapillary_v1": "mapillary",
    "mapillary_v1.2": "mapillary",
    "mapillary_v2.0": "mapillary_v2",
    "isprs_potsdam": "potsdam",
    "isprs_vaihingen": "vaihingen",
}


def voc_colormap(n: int) -> list[RGB]:
    """Return the first ``n`` (at most 256) colors of the PASCAL VOC color map.

    The bits of an id are dealt out in turn to red, green and blue, and fill each channel from its
    most significant bit down.
    """
    if not 0 <= n <= 256:
        raise ValueError(f"the VOC color map has 256 entries, cannot give {n}")

    def channel(index: int, first: int) -> int:
        return sum((index >> (3 * k + first) & 1) << (7 - k) for k in range(3))

    return [(channel(i, 0), channel(i, 1), channel(i, 2)) for i in range(n)]


def _table(text: str) -> list[tuple[str, RGB]]:
    """Parse lines of ``name rrggbb`` (a name may contain spaces)."""
    rows: list[tuple[str, RGB]] = []
    for line in text.strip().splitlines():
        name, code = line.rsplit(" ", 1)
        red, green, blue = bytes.fromhex(code)
        rows.append((name, (red, green, blue)))
    return rows


@lru_cache
def entry(name: str) -> Entry:
    """Return the palette called ``name`` (canonical or alias); KeyError if there is none."""
    if name in ALIASES:
        return entry(ALIASES[name])
    if name not in _SOURCES:
        raise KeyError(f"unknown palette {name!r}; known: {', '.join(NAMES)}")
    ignore_index: int | None = 255
    if name == "voc":
        rows = list(zip(_VOC_NAMES.split(), voc_colormap(21), strict=True))
    else:
        rows = _table(_TABLES[name])
    if name == "cityscapes":
        rows = [rows[i] for i in _TRAIN_IDS]
    elif name == "cityscapes_labelid":
        ignore_index = None
    elif name == "pascal_context_59":
        rows = rows[1:]
    colors = tuple(color for _, color in rows)
    beige = voc_colormap(256)[255]  # void in VOC, and wherever black is already a class
    void = beige if name == "voc" or (0, 0, 0) in colors else (0, 0, 0)
    return Entry(
        names=tuple(label for label, _ in rows),
        colors=colors,
        ignore_index=ignore_index,
        void=None if ignore_index is None else void,
        source=_SOURCES[name],
    )
