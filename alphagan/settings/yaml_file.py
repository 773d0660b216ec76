"""A YAML file as Python objects: UTF-8, every key once; what is wrong with it is told with its line and the cure."""

from pathlib import Path
from typing import Any

import yaml

from alphagan.errors import InputError

# What the parser says, and what helps.
CURES = {
    "'\\t'": "indent with spaces, not with tabs",
    "undefined alias": "name the value with & above, or write it out",
    "constructor": "write the value without its ! tag",
    "twice": "keep one of the two",
    "": "mend it there or in the line before: brackets, colons and quotes; text with { } or : in it stands in quotes",
}


class _Loader(yaml.SafeLoader):
    """Refuses a key that stands twice in one place, of which YAML would silently keep the last; so does DVC."""

    def compose_mapping_node(self, anchor: str | None) -> yaml.MappingNode:
        node, seen = super().compose_mapping_node(anchor), {}
        for key, _ in node.value:
            first = seen.setdefault(str(key.value), key)
            if first is not key:
                where = f"{key.value} is there twice, first in line {first.start_mark.line + 1}"
                raise yaml.MarkedYAMLError(problem=where, problem_mark=key.start_mark)
        return node


def read(path: str | Path) -> Any:
    """Read a params file, unchecked.

    Raises
    ------
    InputError
        If it is missing, cannot be read, is not UTF-8 or not YAML, or has a key twice in one place.
    """
    path = Path(path)
    try:
        return yaml.load(path.read_bytes().decode("utf-8-sig"), _Loader)
    except FileNotFoundError:
        raise InputError(f"{path}: no such file; run from the repository's root, or name one with --params") from None
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); name a file of yours with --params") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise InputError(f"{path}: line {line} is not UTF-8; save the file as UTF-8 text") from None
    except RecursionError:
        raise InputError(f"{path}: not valid YAML: nested too deeply; close brackets that were left open") from None
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        problem = " ".join(str(error.problem or error.context).split())
        cure = next(cure for words, cure in CURES.items() if words in problem)
        raise InputError(f"{path}: not valid YAML: line {mark.line + 1}: {problem}; {cure}") from None
    except (ValueError, AttributeError) as error:  # of PyYAML, where it makes a date or a number
        raise InputError(f"{path}: not valid YAML: {error}; put what looks like a date or number in quotes") from None
    except yaml.YAMLError as error:
        words = " ".join(str(error).split())
        raise InputError(f"{path}: not valid YAML: {words}; save the file as plain UTF-8 text") from None
