"""Print what an environment has installed as a software bill of materials: CycloneDX 1.6, JSON.

Run it with the environment's own interpreter. It needs the standard library alone, and prints the same for
the same versions.
"""

from __future__ import annotations

import json
import re
import sys
from importlib.metadata import Distribution, distributions

OURS = "django-stateful-oauth"
NOT_OURS = {"pip", "setuptools", "wheel"}  # what made the environment


def name_of(found: Distribution) -> str:
    """Return the normalized name (PEP 503)."""
    return re.sub(r"[-_.]+", "-", found.metadata["Name"]).lower()


def purl(found: Distribution) -> str:
    """Return the package URL."""
    return f"pkg:pypi/{name_of(found)}@{found.version}"


def licences(found: Distribution) -> list[dict[str, object]]:
    """Return the licences that the package declares."""
    expression = found.metadata.get("License-Expression")
    if expression:
        return [{"expression": expression}]
    classifiers = found.metadata.get_all("Classifier") or []
    names = [each.rsplit(" :: ", 1)[-1] for each in classifiers if each.startswith("License ::")]
    return [{"license": {"name": each}} for each in names]


def component(found: Distribution) -> dict[str, object]:
    """Return the package as CycloneDX has it."""
    what: dict[str, object] = {"type": "library", "bom-ref": purl(found), "name": name_of(found)}
    what |= {"version": found.version, "purl": purl(found)}
    return what | ({"licenses": known} if (known := licences(found)) else {})


def main() -> None:
    """Print the document."""
    installed = {name_of(each): each for each in distributions()}
    ours = installed[OURS]
    others = [installed[name] for name in sorted(installed) if name not in {OURS, *NOT_OURS}]
    depends = []
    for each in [ours, *others]:
        required = {
            re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", line)[0]).lower() for line in each.requires or []
        }
        known = sorted(purl(installed[name]) for name in required if name in installed)
        depends.append({"ref": purl(each), "dependsOn": known})
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": component(ours)},
        "components": [component(each) for each in others],
        "dependencies": depends,
    }
    json.dump(document, sys.stdout, indent=2, ensure_ascii=False)
    print()


if __name__ == "__main__":
    main()
