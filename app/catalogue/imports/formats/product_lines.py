"""What the name of a product line tells that a price list does not: makers give a line one form and one grade.

Only lines that their makers sell in a single form are here (as the makers' own pages present them); of any other the row stays open.
"""

import re

_DESKTOP_MEMORY = (
    "Corsair Vengeance LPX", "Corsair Vengeance RGB", "Corsair Vengeance Pro", "Corsair Dominator",
    "G.Skill Trident Z", "G.Skill Ripjaws V", "G.Skill Ripjaws S5", "G.Skill Ripjaws M5", "G.Skill Flare X",
    "G.Skill Sniper X", "G.Skill Aegis",
    "Kingston FURY Beast", "Kingston FURY Renegade", "Kingston HyperX Fury", "Kingston HyperX Predator",
    "TEAMGROUP T-Force Delta", "TEAMGROUP T-Force Vulcan", "TEAMGROUP T-Force Dark", "TEAMGROUP T-Force Xtreem",
    "TEAMGROUP T-Create Expert",
    "Patriot Viper Venom", "Patriot Viper Elite", "Patriot Viper Xtreme", "Patriot Viper RGB",
    "Crucial Ballistix", "Crucial Pro", "ADATA XPG Lancer", "ADATA XPG SPECTRIX", "ADATA XPG GAMMIX", "Thermaltake TOUGHRAM",
    "Silicon Power XPOWER", "Lexar Ares", "Lexar THOR", "Timetec PINNACLE Konduit", "Mushkin Redline Lumina",
)  # fmt: skip
_OTHER_FORMS = ("Kingston FURY Renegade Pro",)  # registered memory for workstations
_DESKTOP_PATTERN = re.compile("|".join(re.escape(line) for line in _DESKTOP_MEMORY), re.IGNORECASE)
_OTHER_PATTERN = re.compile("|".join(re.escape(line) for line in _OTHER_FORMS), re.IGNORECASE)

_GRADES = {
    "nas": re.compile(r"\b(IronWolf|N300|SA500|(WD )?Red( Pro| Plus)?)\b", re.IGNORECASE),
    "enterprise": re.compile(
        r"\b(Exos|Ultrastar|Gold|Constellation|Enterprise|MG\d\w*|PM\d{3}\w*|D[357]-\w+|DC\d+\w*|RE4?|(5[1-4]|7[3-5])\d\d (PRO|MAX))\b",
        re.IGNORECASE,
    ),
}  # fmt: skip
_SIZE = re.compile(r"\b(\d+(?:\.\d+)?) ?(GB|TB)\b", re.IGNORECASE)
_TWO_WORDS = ("Western Digital", "Silicon Power", "SK Hynix", "Team Group")


def is_desktop_memory(name: str) -> bool:
    """Whether every kit of the product line is of unregistered desktop modules without ECC."""
    return bool(_DESKTOP_PATTERN.match(name)) and not _OTHER_PATTERN.match(name)


def grade_of(drive: str) -> str:
    """The grade of a drive by its line; "consumer" where the line claims no other."""
    return next((grade for grade, line in _GRADES.items() if line.search(drive)), "consumer")


def vendor_of(name: str) -> str:
    """The maker, with which names of this data set begin."""
    return next((vendor for vendor in _TWO_WORDS if name.lower().startswith(vendor.lower())), name.split(maxsplit=1)[0] if name else "")


def size_in(name: str) -> float | None:
    """The gigabytes that a name states ("Vengeance 32 GB", "N300 4TB"), None where it states none or several."""
    found = {float(amount) * (1000 if unit.upper() == "TB" else 1) for amount, unit in _SIZE.findall(name)}
    return found.pop() if len(found) == 1 else None
